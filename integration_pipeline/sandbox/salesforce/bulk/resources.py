"""`/jobs/query` and `/jobs/ingest`."""

from __future__ import annotations

import re
from collections.abc import Callable

from integration_pipeline.sandbox.salesforce.bulk.jobs import described
from integration_pipeline.sandbox.salesforce.errors import refused
from integration_pipeline.sandbox.salesforce.rest.calls import Call, Outcome

MOST_ROWS = 50_000
_QUERIES = frozenset({"query", "queryAll"})
_INGESTS = frozenset({"insert", "update", "upsert", "delete"})
_VERSION = re.compile(r"v(\d+)\.0$")


def create_query(call: Call) -> Outcome:
    """`POST /jobs/query`"""
    return _create(call, _QUERIES)


def create_ingest(call: Call) -> Outcome:
    """`POST /jobs/ingest`"""
    return _create(call, _INGESTS)


def show_query(call: Call) -> Outcome:
    """`GET /jobs/query/{id}`"""
    return _shown(call, is_query=True)


def show_ingest(call: Call) -> Outcome:
    """`GET /jobs/ingest/{id}`"""
    return _shown(call, is_query=False)


def change_query(call: Call) -> Outcome:
    """`PATCH /jobs/query/{id}`"""
    return _changed(call, is_query=True)


def change_ingest(call: Call) -> Outcome:
    """`PATCH /jobs/ingest/{id}`"""
    return _changed(call, is_query=False)


def delete_query(call: Call) -> Outcome:
    """`DELETE /jobs/query/{id}`"""
    return _deleted(call, is_query=True)


def delete_ingest(call: Call) -> Outcome:
    """`DELETE /jobs/ingest/{id}`"""
    return _deleted(call, is_query=False)


def results(call: Call) -> Outcome:
    """`GET /jobs/query/{id}/results?maxRecords&locator`: `Sforce-Locator: null` ends it."""
    job = call.org.jobs.get(call.captured[0], is_query=True)
    asked, locator = call.params.get("maxRecords", ""), call.params.get("locator", "")
    size = min(int(asked), MOST_ROWS) if asked.isdecimal() and int(asked) else MOST_ROWS
    if locator and not locator.isdecimal():
        raise refused("INVALIDLOCATOR", f"Invalid locator {locator}")
    start = int(locator or 0)
    text, count = call.org.jobs.csv(job, start, size)
    assert job.rows is not None  # noqa: S101 - it is a query's
    after = start + size
    return Outcome(
        text=text,
        headers={
            "Sforce-Locator": str(after) if after < len(job.rows.ids) else "null",
            "Sforce-NumberOfRecords": str(count),
        },
    )


def upload(call: Call) -> Outcome:
    """`PUT /jobs/ingest/{id}/batches`"""
    job = call.org.jobs.get(call.captured[0], is_query=False)
    try:
        text = call.body.decode() if isinstance(call.body, bytes) else ""
    except UnicodeDecodeError:
        raise refused("CLIENT_INPUT_ERROR", "the content is not UTF-8") from None
    call.org.jobs.upload(job, text)
    return Outcome(status=201)


def lines(call: Call) -> Outcome:
    """`GET /jobs/ingest/{id}/successfulResults`, `failedResults`, `unprocessedrecords`"""
    job = call.org.jobs.get(call.captured[0], is_query=False)
    which = "unprocessedrecords" if call.captured[1].startswith("un") else call.captured[1]
    return Outcome(text=call.org.jobs.lines(job, which))


def _create(call: Call, operations: frozenset[str]) -> Outcome:
    body = call.object()
    operation = str(body.get("operation", ""))
    if operation not in operations:
        raise refused("INVALIDJOB", f"no operation {operation} here")
    job = call.org.jobs.create(
        operation,
        object_name=str(body.get("object", "")),
        query=str(body.get("query", "")),
        delimiter=str(body.get("columnDelimiter") or "COMMA"),
        line_ending=str(body.get("lineEnding") or "LF"),
        external_id=str(body.get("externalIdFieldName") or ""),
    )
    shown = described(job, call.org.writer.user, _version(call))
    if not job.is_query:
        shown["contentUrl"] = f"{call.root.lstrip('/')}/jobs/ingest/{job.id}/batches"
    return Outcome(shown)


def _shown(call: Call, *, is_query: bool) -> Outcome:
    job = call.org.jobs.get(call.captured[0], is_query=is_query)
    return Outcome(described(job, call.org.writer.user, _version(call)))


def _changed(call: Call, *, is_query: bool) -> Outcome:
    job = call.org.jobs.get(call.captured[0], is_query=is_query)
    call.org.jobs.change(job, str(call.object().get("state", "")))
    return Outcome(described(job, call.org.writer.user, _version(call)))


def _deleted(call: Call, *, is_query: bool) -> Outcome:
    call.org.jobs.delete(call.org.jobs.get(call.captured[0], is_query=is_query))
    return Outcome(status=204)


def _version(call: Call) -> str:
    found = _VERSION.search(call.root)
    return found[1] if found else "67"


_JOB = r"([0-9A-Za-z]{15,18})"
RESOURCES: tuple[tuple[str, str, Callable[[Call], Outcome]], ...] = (
    ("POST", "/jobs/query", create_query),
    ("GET", f"/jobs/query/{_JOB}", show_query),
    ("PATCH", f"/jobs/query/{_JOB}", change_query),
    ("DELETE", f"/jobs/query/{_JOB}", delete_query),
    ("GET", f"/jobs/query/{_JOB}/results", results),
    ("POST", "/jobs/ingest", create_ingest),
    ("GET", f"/jobs/ingest/{_JOB}", show_ingest),
    ("PATCH", f"/jobs/ingest/{_JOB}", change_ingest),
    ("DELETE", f"/jobs/ingest/{_JOB}", delete_ingest),
    ("PUT", f"/jobs/ingest/{_JOB}/batches", upload),
    (
        "GET",
        f"/jobs/ingest/{_JOB}/(successfulResults|failedResults|unprocessedrecords|unprocessedRecords)",
        lines,
    ),
)
