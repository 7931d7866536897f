"""Search: `POST /crm/v3/objects/{object_type}/search`, filters compiled to SQL.

Statements are put together from the fixed fragments below; everything a client sends is a bound parameter.
Comparison follows HubSpot: text without regard to case, numbers and moments by value, and a record without
the property matches nothing but NOT_HAS_PROPERTY.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integration_pipeline.sandbox.hubspot import queries, records
from integration_pipeline.sandbox.hubspot.account import account
from integration_pipeline.sandbox.hubspot.bodies import Filter, Search, Sort, read_body
from integration_pipeline.sandbox.hubspot.clock import now_ms, parse_moment
from integration_pipeline.sandbox.hubspot.errors import JsonObject, validation_error
from integration_pipeline.sandbox.hubspot.object_types import ObjectType
from integration_pipeline.sandbox.hubspot.objects import kind_of
from integration_pipeline.sandbox.hubspot.rendering import Selection, rendered

PAGE = 200
GROUPS = 5
FILTERS_PER_GROUP = 6
FILTERS = 18
QUERY_LENGTH = 3_000

Parameter = str | int | float


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of SQL and what its question marks stand for."""

    sql: str
    parameters: tuple[Parameter, ...] = ()


_COMPARISONS = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}

# Moments are kept as ISO text with or without milliseconds, which does not sort; Julian days do.
_AS_MS = "CAST(round((julianday({}) - 2440587.5) * 86400000.0) AS INTEGER)"


class Compiler:
    """Turns the filters and sorts of one object type into SQL."""

    def __init__(self, kind: ObjectType, definitions: records.Definitions) -> None:
        self._kind = kind
        self._definitions = definitions
        self._columns = {"hs_object_id": "id", "createdate": "created_ms", kind.modified: "updated_ms"}

    def filter(self, given: Filter) -> Fragment:
        """One condition; raises the 400 for an unknown property or operator and for missing values."""
        column, operand = self._operand(given.property_name)
        operator = given.operator
        if operator in {"HAS_PROPERTY", "NOT_HAS_PROPERTY"}:
            return Fragment(
                f"{column.sql} IS {'NOT ' if operator == 'HAS_PROPERTY' else ''}NULL", column.parameters
            )
        if operator in _COMPARISONS:
            value = self._value(given, given.value)
            return Fragment(f"{operand.sql} {_COMPARISONS[operator]} ?", (*operand.parameters, value))
        if operator == "BETWEEN":
            bounds = (self._value(given, given.value), self._value(given, given.high_value))
            return Fragment(f"{operand.sql} BETWEEN ? AND ?", (*operand.parameters, *bounds))
        if operator in {"IN", "NOT_IN"}:
            values = [self._value(given, value) for value in given.values or [None]]
            marks = ", ".join("?" for _ in values)
            negation = "NOT " if operator == "NOT_IN" else ""
            return Fragment(f"{operand.sql} {negation}IN ({marks})", (*operand.parameters, *values))
        if operator in {"CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"}:
            pattern = given.value or ""
            if not pattern:
                raise _needs_value(given)
            test = "= 0" if operator.startswith("NOT") else "= 1"
            sql = f"({column.sql} IS NOT NULL AND contains_token({column.sql}, ?) {test})"
            return Fragment(sql, (*column.parameters, *column.parameters, pattern))
        raise validation_error(f"{operator} is not a valid search operator.")

    def order(self, sort: str | Sort) -> Fragment:
        """An ORDER BY term; `-createdate` and `{propertyName, direction}` both mean descending order."""
        if isinstance(sort, Sort):
            name, descending = sort.property_name, sort.direction == "DESCENDING"
        else:
            name, descending = sort.removeprefix("-"), sort.startswith("-")
        _, operand = self._operand(name)
        return Fragment(f"{operand.sql} {'DESC' if descending else 'ASC'}", operand.parameters)

    def _operand(self, name: str) -> tuple[Fragment, Fragment]:
        """The stored value, and the same in a form that compares."""
        definition = self._definitions.get(name)
        if definition is None or definition.archived:
            raise validation_error(f"There was a problem with the request. Property {name} does not exist.")
        if name in self._columns:
            column = Fragment(self._columns[name])
            return column, column
        stored = Fragment("json_extract(properties, ?)", (f'$."{name}"',))
        if definition.type == "number":
            return stored, Fragment(f"CAST({stored.sql} AS REAL)", stored.parameters)
        if definition.type in {"date", "datetime"}:
            return stored, Fragment(_AS_MS.format(stored.sql), stored.parameters)
        return stored, Fragment(f"lower({stored.sql})", stored.parameters)

    def _value(self, given: Filter, text: str | None) -> Parameter:
        if text is None or not text.strip():
            raise _needs_value(given)
        kind = self._definitions[given.property_name].type
        if kind == "number":
            try:
                return float(text)
            except ValueError:
                raise validation_error(
                    f"There was a problem with the request. {text} is no number ({given.property_name})."
                ) from None
        if kind in {"date", "datetime"}:
            moment = parse_moment(text)
            if moment is None:
                raise validation_error(
                    f"There was a problem with the request. {text} is no moment ({given.property_name})."
                )
            return moment
        return text.lower()


def _needs_value(given: Filter) -> Exception:
    return validation_error(
        f"value must be non-empty and non-blank, if specified {{propertyName: '{given.property_name}'}}"
    )


async def search(request: Request) -> Response:
    """Pages of at most 200; `after` is a position, and positions beyond the cap are refused."""
    body = await read_body(request, Search)
    kind, holder = kind_of(request), account(request)
    limits = holder.limiter.limits
    after = queries.cursor(body.after)
    _check_sizes(body, after, limits.search_results)
    compiler = Compiler(kind, holder.definitions(kind))
    where = _where(compiler, kind, body, limits.search_lag_ms)
    order = [compiler.order(sort) for sort in body.sorts]
    [(counted,)] = holder.storage.rows(
        " ".join(["SELECT count(*) FROM records WHERE", where.sql]), where.parameters
    )
    total = cast("int", counted)
    limit = min(body.limit, limits.search_results - after)
    rows = holder.storage.rows(
        " ".join(
            [
                "SELECT id, created_ms, updated_ms, archived_ms, properties FROM records WHERE",
                where.sql,
                "ORDER BY",
                ", ".join([*(term.sql for term in order), "id"]),
                "LIMIT ? OFFSET ?",
            ]
        ),
        (*where.parameters, *(p for term in order for p in term.parameters), limit, after),
    )
    found = [records.from_row(kind, row) for row in rows]
    answer: JsonObject = {
        "total": total,
        "results": rendered(holder, kind, found, Selection(body.properties)),
    }
    if after + len(found) < total:
        # Offered at the cap too, where following it is a 400.
        answer["paging"] = {"next": {"after": str(after + len(found))}}
    return JSONResponse(answer)


def _check_sizes(body: Search, after: int, cap: int) -> None:
    count = sum(len(group.filters) for group in body.filter_groups)
    if len(body.filter_groups) > GROUPS:
        raise validation_error(f"A search takes at most {GROUPS} filterGroups.")
    if any(len(group.filters) > FILTERS_PER_GROUP for group in body.filter_groups):
        raise validation_error(f"A filterGroup takes at most {FILTERS_PER_GROUP} filters.")
    if count > FILTERS:
        raise validation_error(f"A search takes at most {FILTERS} filters in total.")
    if len(body.sorts) > 1:
        raise validation_error("A search takes at most one sort.")
    if body.query is not None and len(body.query) > QUERY_LENGTH:
        raise validation_error(f"A query takes at most {QUERY_LENGTH} characters.")
    if not 0 < body.limit <= PAGE:
        raise validation_error(f"limit must be between 1 and {PAGE}, not {body.limit}.")
    if after >= cap:
        raise validation_error(f"Paging is limited to {cap} results; narrow the search instead of paging on.")


def _where(compiler: Compiler, kind: ObjectType, body: Search, lag_ms: int) -> Fragment:
    conditions = [Fragment("type = ?", (kind.name,)), Fragment("archived_ms IS NULL")]
    if lag_ms:
        conditions.append(Fragment("updated_ms <= ?", (now_ms() - lag_ms,)))
    groups = [
        _joined(" AND ", [compiler.filter(each) for each in group.filters])
        for group in body.filter_groups
        if group.filters
    ]
    if groups:
        conditions.append(_joined(" OR ", groups))
    if body.query:
        like = f"%{body.query.lower()}%"
        conditions.append(
            _joined(
                " OR ",
                [
                    Fragment("lower(json_extract(properties, ?)) LIKE ?", (f'$."{name}"', like))
                    for name in kind.searched
                ],
            )
        )
    return _joined(" AND ", conditions)


def _joined(word: str, parts: Sequence[Fragment]) -> Fragment:
    return Fragment(
        "(" + word.join(part.sql for part in parts) + ")", tuple(p for part in parts for p in part.parameters)
    )
