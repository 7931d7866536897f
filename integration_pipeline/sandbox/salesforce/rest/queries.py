"""`/query`, `/queryAll`, `/limits`, `/services/data`."""

from __future__ import annotations

import re

from integration_pipeline.sandbox.salesforce.errors import malformed_query
from integration_pipeline.sandbox.salesforce.rest.calls import Call, Outcome

_BATCH = re.compile(r"batchSize=(\d{1,6})")
_SMALLEST_BATCH = 200


def query(call: Call) -> Outcome:
    """`GET /query?q=…`"""
    return _ask(call, deleted=False)


def query_all(call: Call) -> Outcome:
    """`GET /queryAll?q=…`: also what is in the recycle bin."""
    return _ask(call, deleted=True)


def more(call: Call) -> Outcome:
    """`GET /query/{locator}`"""
    return Outcome(call.org.queries.more(call.captured[0], call.root, _size(call)))


def limits(call: Call) -> Outcome:
    """`GET /limits`"""
    allowance = call.org.allowance
    left = max(0, allowance.most - allowance.used())
    return Outcome({"DailyApiRequests": {"Max": allowance.most, "Remaining": left}})


def resources(call: Call) -> Outcome:
    """`GET /services/data/v67.0`"""
    names = ("composite", "jobs", "limits", "query", "queryAll", "sobjects")
    return Outcome({name: f"{call.root}/{name}" for name in names})


def _ask(call: Call, *, deleted: bool) -> Outcome:
    text = call.params.get("q")
    if not text:
        raise malformed_query("A query string has to be specified")
    rows = call.org.queries.ask(text, deleted=deleted)
    return Outcome(call.org.queries.answer(rows, call.root, _size(call)))


def _size(call: Call) -> int:
    """How many rows a page has: at least 200, whatever is asked for, and at most what the org gives."""
    most = call.org.options.page
    asked = _BATCH.search(call.headers.get("sforce-query-options", ""))
    if asked is None:
        return most
    return min(most, max(_SMALLEST_BATCH, int(asked[1])))
