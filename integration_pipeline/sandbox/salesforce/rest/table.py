"""Which resource a call is for, and the way from HTTP to it and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from integration_pipeline.sandbox.salesforce.bulk import resources as bulk
from integration_pipeline.sandbox.salesforce.errors import Problem, SalesforceError, not_found
from integration_pipeline.sandbox.salesforce.gate import DATA, NEWEST, OLDEST
from integration_pipeline.sandbox.salesforce.org import org
from integration_pipeline.sandbox.salesforce.rendering import Answer
from integration_pipeline.sandbox.salesforce.rest import collections, queries, sobjects
from integration_pipeline.sandbox.salesforce.rest.calls import Call, Outcome
from integration_pipeline.sandbox.salesforce.rest.composite import batch, composite

Handler = Callable[[Call], Outcome]


def dispatch(call: Call) -> Outcome:
    """Carry out a call. Raises `SalesforceError`."""
    path = call.path.rstrip("/")
    allowed = False
    for method, pattern, handler in _RESOURCES:
        found = pattern.fullmatch(path)
        if found is None:
            continue
        if method == call.method:
            return handler(replace(call, captured=found.groups()))
        allowed = True
    if allowed:
        raise SalesforceError(405, Problem("METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed."))
    raise not_found()


async def serve(request: Request) -> Response:
    """Any path under `/services/data/vNN.0`."""
    root = "/".join(request.url.path.split("/")[:4])
    call = Call(
        org(request),
        request.method,
        root,
        request.url.path.removeprefix(root),
        dict(request.query_params),
        dict(request.headers),
        await request.body(),
    )
    call.org.announcing.changes.client = call.headers.get("sforce-call-options", "").partition("client=")[2]
    with call.org.transaction():
        outcome = dispatch(call)
    if outcome.text is not None:
        return Response(outcome.text, outcome.status, dict(outcome.headers), "text/csv;charset=UTF-8")
    if outcome.body is None:
        return Response(status_code=outcome.status, headers=dict(outcome.headers))
    return Answer(outcome.body, outcome.status, outcome.headers)


async def versions(_: Request) -> Response:
    """`GET /services/data`: needs no session."""
    return Answer(
        [
            {"label": f"Version {each}", "url": f"{DATA}/v{each}.0", "version": f"{each}.0"}
            for each in range(OLDEST, NEWEST + 1)
        ]
    )


_NAME = r"(\w+)"
_ID = r"([0-9A-Za-z]{15}|[0-9A-Za-z]{18})"


def _resource(method: str, path: str, handler: Handler) -> tuple[str, re.Pattern[str], Handler]:
    return method, re.compile(path), handler


_RESOURCES: Final = (
    _resource("GET", "", queries.resources),
    _resource("GET", "/limits", queries.limits),
    _resource("GET", "/query", queries.query),
    _resource("GET", "/queryAll", queries.query_all),
    _resource("GET", r"/query(?:All)?/([0-9A-Za-z]+-\d+)", queries.more),
    _resource("GET", "/sobjects", sobjects.list_objects),
    _resource("GET", f"/sobjects/{_NAME}", sobjects.basic),
    _resource("POST", f"/sobjects/{_NAME}", sobjects.create),
    _resource("GET", f"/sobjects/{_NAME}/describe", sobjects.describe),
    _resource("GET", f"/sobjects/{_NAME}/updated", sobjects.updated),
    _resource("GET", f"/sobjects/{_NAME}/deleted", sobjects.deleted),
    _resource("GET", f"/sobjects/{_NAME}/{_ID}", sobjects.read),
    _resource("PATCH", f"/sobjects/{_NAME}/{_ID}", sobjects.update),
    _resource("DELETE", f"/sobjects/{_NAME}/{_ID}", sobjects.delete),
    _resource("GET", f"/sobjects/{_NAME}/{_NAME}/(.+)", sobjects.read_by_external_id),
    _resource("PATCH", f"/sobjects/{_NAME}/{_NAME}/(.+)", sobjects.upsert),
    _resource("DELETE", f"/sobjects/{_NAME}/{_NAME}/(.+)", sobjects.delete_by_external_id),
    _resource("POST", "/composite", composite(dispatch)),
    _resource("POST", "/composite/batch", batch(dispatch)),
    _resource("POST", "/composite/sobjects", collections.create),
    _resource("PATCH", "/composite/sobjects", collections.update),
    _resource("DELETE", "/composite/sobjects", collections.delete),
    _resource("POST", f"/composite/sobjects/{_NAME}", collections.retrieve),
    _resource("PATCH", f"/composite/sobjects/{_NAME}/{_NAME}", collections.upsert),
    *(_resource(*each) for each in bulk.RESOURCES),
)
