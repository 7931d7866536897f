"""Lists and searches: filters, pages by id, and Stripe's search language as far as it names plain fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from integration_pipeline.sandbox.stripe.account import EVENTS_KEPT_SECONDS, Account
from integration_pipeline.sandbox.stripe.errors import invalid, no_such
from integration_pipeline.sandbox.stripe.objects import Body, Query
from integration_pipeline.sandbox.stripe.params import Params

_DEFAULT_LIMIT, _MOST = 10, 100
_MOST_TYPES = 20
_TIMES = ("gt", "gte", "lt", "lte")
_CLAUSE = re.compile(
    r"""\s*(-?)([a-z_]+)(?:\[['"]([^'"]+)['"]\])?([:~<>]=?)(?:"([^"]*)"|'([^']*)'|([0-9]+|null))\s*"""
)


@dataclass(frozen=True, slots=True)
class Listed:
    """How a kind is listed: under which path, filtered by which parameters (and the column each is)."""

    kind: str
    path: str
    filters: Mapping[str, str] = field(default_factory=dict[str, str])
    searched: Sequence[str] = ()


def list_of(account: Account, listed: Listed, params: Params) -> Body:
    """`GET` of a list: newest first, `limit` 1 to 100 (10), after one object or before another."""
    query = _query(account, listed, params)
    limit = params.integer("limit")
    if limit is not None and not 1 <= limit <= _MOST:
        raise invalid(
            f"This value must be between 1 and {_MOST}.", param="limit", code="parameter_invalid_integer"
        )
    after, before = params.text("starting_after"), params.text("ending_before")
    if after and before:
        raise invalid("You may only specify one of these parameters: starting_after, ending_before.")
    found = account.objects.page(query, limit or _DEFAULT_LIMIT, after or None, before or None)
    if found is None:
        name = "starting_after" if after else "ending_before"
        raise no_such(listed.kind, after or before or "", param=name, status=400)
    return {"object": "list", "data": found.bodies, "has_more": found.has_more, "url": listed.path}


def search_in(account: Account, listed: Listed, params: Params) -> Body:
    """`GET …/search`: clauses joined by AND or by OR; `:` equals, `~` contains, `-` before one negates it."""
    text = params.required("query")
    limit = params.integer("limit") or _DEFAULT_LIMIT
    page = params.text("page")
    offset = int(page) if page and page.isdecimal() else 0
    clauses, together = _clauses(text, listed)
    found = [
        body
        for body in account.objects.all(Query(listed.kind))
        if together([_holds(clause, body) for clause in clauses])
    ]
    more = len(found) > offset + limit
    return {
        "object": "search_result",
        "data": found[offset : offset + limit],
        "has_more": more,
        "next_page": str(offset + limit) if more else None,
        "url": f"{listed.path}/search",
    }


def _query(account: Account, listed: Listed, params: Params) -> Query:
    equal = {
        column: value
        for name, column in listed.filters.items()
        if not name.startswith("payment[") and (value := params.text(name))
    }
    if "payment[payment_intent]" in listed.filters and (payment := params.inner("payment")):
        payment.one_of("type", ("payment_intent", "payment_record"))
        equal["payment_intent"] = payment.required("payment_intent")
        payment.done()
    types: list[str] = []
    if listed.kind == "event":
        types = params.texts("types")
        one = params.text("type")
        if types and one:
            raise invalid("You may only specify one of these parameters: type, types.")
        if len(types) > _MOST_TYPES:
            raise invalid(f"You can filter by up to {_MOST_TYPES} types.", param="types")
        types = [one] if one else types
        params.ignore("delivery_success")
    oldest = account.now() - EVENTS_KEPT_SECONDS if listed.kind == "event" else None
    return Query(listed.kind, equal, types, _created(params), oldest)


def _created(params: Params) -> dict[str, int]:
    """`created=5`, or `created[gte]=5` and its like."""
    if params.is_nested("created"):
        bounds = params.inner("created")
        assert bounds is not None  # noqa: S101 - just seen
        times = {name: moment for name in _TIMES if (moment := bounds.integer(name)) is not None}
        bounds.done()
        return times
    moment = params.integer("created")
    return {} if moment is None else {"is": moment}


@dataclass(frozen=True, slots=True)
class _Clause:
    negated: bool
    name: str
    key: str | None
    operator: str
    value: str


def _clauses(text: str, listed: Listed) -> tuple[list[_Clause], Callable[[list[bool]], bool]]:
    joined = re.split(r"\s+(AND|OR)\s+", text.strip())
    words = set(joined[1::2])
    if len(words) > 1:
        raise invalid("You can't combine AND and OR in one query.", param="query")
    clauses: list[_Clause] = []
    for part in joined[::2]:
        match = _CLAUSE.fullmatch(part)
        if match is None:
            raise invalid(f"We were unable to parse your search query: {part}", param="query")
        negated, name, key, operator, double, single, bare = match.groups()
        if name not in listed.searched:
            raise invalid(f"Field `{name}` is an unsupported search field.", param="query")
        value = next(each for each in (double, single, bare) if each is not None)
        clauses.append(_Clause(bool(negated), name, key, operator, value))
    return clauses, any if words == {"OR"} else all


def _holds(clause: _Clause, body: Body) -> bool:
    value = body["metadata"].get(clause.key) if clause.name == "metadata" else body.get(clause.name)
    if clause.value == "null":
        found = value is None
    elif value is None:
        found = False
    else:
        match clause.operator:
            case ":":
                found = str(value).lower() == clause.value.lower()
            case "~":
                found = clause.value.lower() in str(value).lower()
            case ">":
                found = int(value) > int(clause.value)
            case ">=":
                found = int(value) >= int(clause.value)
            case "<":
                found = int(value) < int(clause.value)
            case _:
                found = int(value) <= int(clause.value)
    return found is not clause.negated
