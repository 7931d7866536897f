"""Which rows a query means, as SQL over the rows of `records.store`.

Statements are put together from fixed fragments and from names of the catalogue; everything else a client
sends is a bound parameter. Comparison follows Salesforce: text without regard to case, numbers by value,
`!=` also where nothing is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.salesforce.errors import SalesforceError, malformed_query, refused
from integration_pipeline.sandbox.salesforce.ids import known_form
from integration_pipeline.sandbox.salesforce.moments import civil_date, in_rest, moment_ms
from integration_pipeline.sandbox.salesforce.schema.catalogue import Catalogue
from integration_pipeline.sandbox.salesforce.schema.fields import NUMBERS, Field, FieldType, SObject
from integration_pipeline.sandbox.salesforce.soql.dates import span
from integration_pipeline.sandbox.salesforce.soql.projection import object_of, reach
from integration_pipeline.sandbox.salesforce.soql.syntax import (
    Combination,
    Comparison,
    Condition,
    Literal,
    Membership,
    Negation,
    Order,
    Path,
    Query,
    Text,
    Word,
)

OFFSET_LIMIT = 2_000
_SYSTEM = {
    "Id": "id",
    "IsDeleted": "deleted",
    "CreatedDate": "created_ms",
    "LastModifiedDate": "modified_ms",
    "SystemModstamp": "stamp_ms",
}
_IDS = frozenset({FieldType.ID, FieldType.REFERENCE})
Parameter = str | int | float


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and what its question marks stand for."""

    sql: str
    parameters: tuple[Parameter, ...]


class Compiler:
    """Compiles one query; `deleted` says whether rows in the recycle bin are among its answer."""

    def __init__(self, catalogue: Catalogue, clock: SandboxClock, *, deleted: bool) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._deleted = deleted
        self._joins: dict[tuple[str, ...], str] = {}
        self._join_sql: list[str] = []
        self._parameters: list[Parameter] = []

    def ids(self, kind: SObject, query: Query, parents: tuple[str, Sequence[str]] | None = None) -> Statement:
        """A statement for the ids of the rows a query means, in its order.

        With `parents` (a reference of the rows, and ids) just for children of these records, whose ids are a
        second column; limit and offset are each parent's then, and left to the caller.
        """
        conditions = ["r.type = ?"]
        head: list[Parameter] = [kind.name]
        if not self._deleted:
            conditions.append("r.deleted = 0")
        selected = "r.id"
        if parents is not None:
            reference, ids = parents
            column = f"json_extract(r.body, '$.{reference}')"
            conditions.append(f"{column} IN ({','.join('?' * len(ids))})")
            head.extend(ids)
            selected = f"r.id, {column}"
        if query.where is not None:
            conditions.append(self._condition(kind, query.where))
        orders = [self._order(kind, each) for each in query.orders]
        if parents is None and query.offset > OFFSET_LIMIT:
            raise refused("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {OFFSET_LIMIT}")
        sql = (
            f"SELECT {selected} FROM records r {' '.join(self._join_sql)}"  # noqa: S608 - fragments of ours
            f" WHERE {' AND '.join(conditions)} ORDER BY {', '.join([*orders, 'r.id'])}"
        )
        tail: tuple[Parameter, ...] = ()
        if parents is None and (query.limit is not None or query.offset):
            sql += " LIMIT ? OFFSET ?"
            tail = (-1 if query.limit is None else query.limit, query.offset)
        return Statement(sql, (*head, *self._parameters, *tail))

    def _condition(self, kind: SObject, condition: Condition) -> str:
        match condition:
            case Combination(word=word, conditions=parts):
                return "(" + f" {word} ".join(self._condition(kind, each) for each in parts) + ")"
            case Negation(condition=denied):
                return f"NOT {self._condition(kind, denied)}"
            case Membership():
                return self._membership(kind, condition)
            case Comparison():
                return self._comparison(kind, condition)

    def _comparison(self, kind: SObject, given: Comparison) -> str:
        field, column = self._column(kind, given.field)
        if isinstance(given.value, Word) and given.value.value.lower() == "null":
            if given.operator not in ("=", "!="):
                raise malformed_query(f"invalid operator {given.operator} on null")
            return f"({column} IS {'NOT ' if given.operator == '!=' else ''}NULL)"
        if given.operator == "LIKE":
            if not isinstance(given.value, Text):
                raise _mistyped(field, "string")
            self._parameters.append(given.value.value)
            return f"({column} LIKE ? ESCAPE '\\')"
        if isinstance(given.value, Word) and field.type in (FieldType.DATE, FieldType.DATETIME):
            days = span(given.value.value, self._today())
            if days is not None:
                return self._within(column, given.operator, *(self._day(field, day) for day in days))
        self._parameters.append(self._operand(field, given.value))
        collation = _collation(field)
        if given.operator == "!=":
            return f"({column} <> ?{collation} OR {column} IS NULL)"
        return f"({column} {given.operator} ?{collation})"

    def _membership(self, kind: SObject, given: Membership) -> str:
        field, column = self._column(kind, given.field)
        if given.operator in ("INCLUDES", "EXCLUDES"):
            assert not isinstance(given.values, Query)  # noqa: S101 - the parser reads lists there
            return self._chosen(field, column, given.operator, given.values)
        if isinstance(given.values, Query):
            inner = self._semi_join(given.values)
        else:
            self._parameters.extend(self._operand(field, each) for each in given.values)
            inner = ",".join("?" * len(given.values))
        # A collation to the right of IN has no say: that of the column has.
        return f"({column}{_collation(field)} {given.operator} ({inner}))"

    def _semi_join(self, query: Query) -> str:
        if len(query.selected) != 1 or not isinstance(query.selected[0], Path):
            raise malformed_query("semi join sub-selects can only query one field")
        kind = object_of(self._catalogue, query.source)
        inner = Compiler(self._catalogue, self._clock, deleted=self._deleted)
        _, column = inner._column(kind, query.selected[0])
        statement = inner.ids(kind, query)
        self._parameters.extend(statement.parameters)
        return statement.sql.replace("SELECT r.id", f"SELECT {column}", 1)

    def _chosen(self, field: Field, column: str, operator: str, values: Sequence[Literal]) -> str:
        """Of a multi-select picklist: any of the lists, each of which must be there whole."""
        alternatives: list[str] = []
        for value in values:
            wanted = str(self._operand(field, value)).split(";")
            self._parameters.extend(f"%;{each};%" for each in wanted)
            alternatives.append("(" + " AND ".join([f"';' || {column} || ';' LIKE ?"] * len(wanted)) + ")")
        found = " OR ".join(alternatives)
        return f"({found})" if operator == "INCLUDES" else f"({column} IS NULL OR NOT ({found}))"

    def _order(self, kind: SObject, order: Order) -> str:
        field, column = self._column(kind, order.field)
        direction = "DESC" if order.descending else "ASC"
        return f"{column}{_collation(field)} {direction} NULLS {'LAST' if order.nulls_last else 'FIRST'}"

    def _column(self, kind: SObject, path: Path) -> tuple[Field, str]:
        reached = reach(self._catalogue, kind, path)
        if not reached.field.is_filterable:
            raise refused(
                "INVALID_FIELD", f"field '{reached.field.name}' can not be filtered in a query call"
            )
        alias = "r"
        way: tuple[str, ...] = ()
        for reference in reached.references:
            way = (*way, reference.name)
            if way not in self._joins:
                joined = f"j{len(self._joins)}"
                self._joins[way] = joined
                self._join_sql.append(
                    f"LEFT JOIN records {joined}"
                    f" ON {joined}.id = json_extract({alias}.body, '$.{reference.name}')"
                )
            alias = self._joins[way]
        return reached.field, _expression(alias, reached.field)

    def _operand(self, field: Field, literal: Literal) -> Parameter:
        match field.type:
            case each if each in NUMBERS:
                return self._number(field, literal)
            case FieldType.BOOLEAN:
                word = literal.value.lower() if isinstance(literal, Word) else ""
                if word not in ("true", "false"):
                    raise _mistyped(field, "boolean")
                return int(word == "true")
            case FieldType.DATETIME:
                moment = moment_ms(literal.value) if isinstance(literal, Word) else None
                if moment is None:
                    raise _mistyped(field, "dateTime")
                return moment if field.name in _SYSTEM else in_rest(moment)
            case FieldType.DATE:
                if not isinstance(literal, Word) or civil_date(literal.value) is None:
                    raise _mistyped(field, "date")
                return literal.value
            case each if each in _IDS:
                known = known_form(literal.value) if isinstance(literal, Text) else None
                if known is None:
                    raise refused("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {literal.value}")
                return known
            case _:
                if not isinstance(literal, Text):
                    raise _mistyped(field, "string", quoted=True)
                return literal.value

    def _number(self, field: Field, literal: Literal) -> float:
        try:
            if isinstance(literal, Word):
                # SQLite compares doubles, and so does Salesforce; amounts are not computed with here.
                return float(literal.value)
        except ValueError:
            pass
        raise _mistyped(field, field.type.value)

    def _within(self, column: str, operator: str, first: Parameter, after: Parameter) -> str:
        match operator:
            case "=":
                self._parameters.extend((first, after))
                return f"({column} >= ? AND {column} < ?)"
            case "!=":
                self._parameters.extend((first, after))
                return f"({column} < ? OR {column} >= ? OR {column} IS NULL)"
            case "<" | ">=":
                self._parameters.append(first)
                return f"({column} {operator} ?)"
            case _:
                self._parameters.append(after)
                return f"({column} {'>=' if operator == '>' else '<'} ?)"

    def _day(self, field: Field, day: date) -> Parameter:
        if field.type is FieldType.DATE:
            return day.isoformat()
        ms = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000
        return ms if field.name in _SYSTEM else in_rest(ms)

    def _today(self) -> date:
        return self._clock.now().date()


def _expression(alias: str, field: Field) -> str:
    if (column := _SYSTEM.get(field.name)) is not None:
        return f"{alias}.{column}"
    held = f"json_extract({alias}.body, '$.{field.name}')"
    if field.type in NUMBERS:
        return f"CAST({held} AS REAL)"
    return f"coalesce({held}, 0)" if field.type is FieldType.BOOLEAN else held


def _collation(field: Field) -> str:
    plain = field.type in NUMBERS or field.type in _IDS or field.name in _SYSTEM
    return "" if plain or field.type is FieldType.BOOLEAN else " COLLATE NOCASE"


def _mistyped(field: Field, expected: str, *, quoted: bool = False) -> SalesforceError:
    should = "should be" if quoted else "should not be"
    return refused(
        "INVALID_FIELD",
        f"value of filter criterion for field '{field.name}' must be of type {expected} and {should} "
        "enclosed in quotes",
    )
