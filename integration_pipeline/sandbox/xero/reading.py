"""Lists: filters, order, pages. What a record looks like in them is each endpoint's.

Without `page` a list is whole and shows no lines; with it, up to 1,000 a page, it shows everything. Records
are ordered by their last change unless asked otherwise: one that changes meanwhile moves to a later page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero.answers import envelope
from integration_pipeline.sandbox.xero.calls import Call
from integration_pipeline.sandbox.xero.dates import read_moment
from integration_pipeline.sandbox.xero.errors import XeroError, post_data_invalid, query_not_understood
from integration_pipeline.sandbox.xero.fields import as_guid
from integration_pipeline.sandbox.xero.kinds import Kind
from integration_pipeline.sandbox.xero.records import Record
from integration_pipeline.sandbox.xero.where import Filter, order, where

PAGE = 100
LARGEST_PAGE = 1_000
# Beyond this a list is refused instead of read.
MOST_RECORDS = 100_000


def listed(
    call: Call,
    kind: Kind,
    show: Callable[[Record, bool], JsonObject],
    *,
    chosen: Mapping[str, str] | None = None,
    alike: Filter = Filter(),  # noqa: B008 - frozen
) -> JsonObject:
    """Answer a list; `show` takes a record and whether its details belong into this list.

    `chosen` are comma separated parameters of this endpoint, such as `IDs`, and their columns; `alike` is
    what holds for all records of the list.
    """
    asked = _filtered(call, kind, alike, chosen or {})
    page = _page(call) if kind.paged else None
    count = call.records.count(kind, asked.sql, asked.parameters)
    if count > MOST_RECORDS:
        raise query_not_understood(f"The request returns more than {MOST_RECORDS} records; filter it.")
    sorted_by = order(kind, call.query["order"]) if call.query.get("order") else _by_change(asked)
    if page is None:
        records = call.records.select(kind, asked.sql, asked.parameters, sorted_by)
        return envelope(call, kind.plural, [show(record, not kind.paged) for record in records])
    number, size = page
    records = call.records.select(kind, asked.sql, asked.parameters, sorted_by, size, (number - 1) * size)
    pagination: JsonObject = {
        "page": number,
        "pageSize": size,
        "pageCount": -(-count // size),
        "itemCount": count,
    }
    details = not call.asks("summaryOnly")
    return envelope(call, kind.plural, [show(record, details) for record in records], pagination)


def _by_change(asked: Filter) -> str:
    # With a filter, SQLite would otherwise read every record in this order to find the few that fit.
    return "updated_ms, seq" if asked == Filter() else "+updated_ms, +seq"


def _filtered(call: Call, kind: Kind, asked: Filter, chosen: Mapping[str, str]) -> Filter:
    if text := call.query.get("where"):
        found = where(kind, text)
        asked = asked.and_also(found.sql, *found.parameters)
    for name, column in chosen.items():
        values = [value.strip() for value in call.query.get(name, "").split(",") if value.strip()]
        if values:
            marks = ", ".join("?" * len(values))
            asked = asked.and_also(f"{column} IN ({marks})", *(as_guid(value) or value for value in values))
    if (since := call.headers.get("if-modified-since")) is not None:
        asked = asked.and_also("updated_ms > ?", _since(since))
    if (term := call.query.get("searchTerm") or call.query.get("SearchTerm")) and kind.searched:
        tests = " OR ".join(f"instr(lower({column}), ?)" for column in kind.searched)
        asked = asked.and_also(f"({tests})", *((term.lower(),) * len(kind.searched)))
    return asked


def _since(text: str) -> int:
    """Milliseconds; Xero looks at whole seconds only."""
    try:
        return read_moment(text) // 1000 * 1000
    except (ValueError, TypeError):
        raise post_data_invalid("The If-Modified-Since header is not a valid date.") from None


def _page(call: Call) -> tuple[int, int] | None:
    """Number and size of the page, or None where the whole list is asked for."""
    if not {"page", "pageSize"} & set(call.query) and not call.asks("summaryOnly"):
        return None
    number = _whole(call.query.get("page", "1"), "page")
    size = _whole(call.query.get("pageSize", str(PAGE)), "pageSize")
    return max(1, number), min(max(1, size), LARGEST_PAGE)


def _whole(text: str, name: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise _bad_parameter(name)
    return int(text)


def _bad_parameter(name: str) -> XeroError:
    return query_not_understood(f"The value of {name} is not a number.")
