"""One call of the Accounting API, from its token to its answer.

Token, organisation and scope are checked first, then the limits; then the request is either a repeated one,
whose answer is at hand, or it is carried out in one transaction with all it changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from integration_pipeline.sandbox.exact_json import JsonObject, dump, parse
from integration_pipeline.sandbox.xero.chart import Chart
from integration_pipeline.sandbox.xero.errors import (
    XeroError,
    foreign_tenant,
    post_data_invalid,
    scope_missing,
    too_large,
)
from integration_pipeline.sandbox.xero.idempotency import keyed
from integration_pipeline.sandbox.xero.organisation import Organisation
from integration_pipeline.sandbox.xero.records import Record, Records
from integration_pipeline.sandbox.xero.state import Xero, xero
from integration_pipeline.sandbox.xero.tokens import Caller
from integration_pipeline.sandbox.xero.webhooks import Change

TENANT_HEADER = "xero-tenant-id"
_KEYED = frozenset({"PUT", "POST", "PATCH"})


@dataclass(slots=True)
class Books:
    """An organisation's records while one request, or one person, changes them.

    `changes` are told of once they are committed.
    """

    sandbox: Xero
    organisation: Organisation
    records: Records
    chart: Chart
    changes: list[Change] = field(default_factory=list[Change])

    @property
    def now_ms(self) -> int:
        return self.sandbox.clock.now_ms()

    @property
    def today(self) -> str:
        """The civil date at the organisation, whose zone is UTC."""
        return self.sandbox.clock.now().date().isoformat()

    def changed(self, record: Record, *, created: bool = False) -> Record:
        self.changes.append(Change(record.kind, record.id, record.element, created, record.updated_ms))
        return record


def books(sandbox: Xero, organisation: Organisation, app: str = "") -> Books:
    records = sandbox.records(organisation.id, app)
    return Books(sandbox, organisation, records, Chart(records))


@dataclass(frozen=True)
class Call:
    """What an endpoint works with. `path` are the parameters of the route."""

    books: Books
    method: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw_body: bytes

    @property
    def records(self) -> Records:
        return self.books.records

    @cached_property
    def body(self) -> Any:
        """Raises the 400 for what is no JSON."""
        try:
            return parse(self.raw_body)
        except ValueError as error:
            raise post_data_invalid(f"JSON request body could not be read, Error: {error}") from None

    def asks(self, name: str) -> bool:
        """Whether a query parameter says true; Xero's own libraries write `True`."""
        return self.query.get(name, "").lower() == "true"

    @property
    def places(self) -> int:
        """Decimal places of unit amounts: 2, or 4 by `unitdp=4`."""
        return 4 if self.query.get("unitdp") == "4" else 2


Endpoint = Callable[[Call], JsonObject]


def served(
    endpoint: Endpoint, read: frozenset[str], write: frozenset[str]
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint as the web server calls it; a call needs one of the scopes in `read` or `write`."""

    async def serve(request: Request) -> Response:
        sandbox = xero(request)
        try:
            caller = sandbox.tokens.caller(request.headers.get("authorization", ""))
            organisation = _organisation(sandbox, caller, request.headers.get(TENANT_HEADER, ""))
            if not caller.scopes & (read if request.method == "GET" else write):
                raise scope_missing()
            with sandbox.limiter.call(caller.app.client_id, organisation.id):
                body = await _body(request, sandbox.limiter.limits.request_bytes)
                if sandbox.limiter.limits.duration_ms:
                    await asyncio.sleep(sandbox.clock.real_seconds(sandbox.limiter.limits.duration_ms / 1000))
                answer = _carried_out(sandbox, organisation, caller, request, body, endpoint)
        except XeroError as error:
            return error.response()
        answer.headers.update(sandbox.limiter.headers(caller.app.client_id, organisation.id))
        return answer

    return serve


def _organisation(sandbox: Xero, caller: Caller, named: str) -> Organisation:
    """The organisation a call is for; a custom connection need not name its only one. Raises the 403."""
    tenant = named.lower() or caller.app.organisation
    found = sandbox.organisations.get(tenant or "")
    if found is None or not sandbox.tokens.is_connected(caller.app, found.id):
        raise foreign_tenant()
    return found


async def _body(request: Request, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise too_large()
        parts.append(part)
    return b"".join(parts)


def _carried_out(
    sandbox: Xero,
    organisation: Organisation,
    caller: Caller,
    request: Request,
    body: bytes,
    endpoint: Endpoint,
) -> Response:
    app = caller.app.client_id
    key = request.headers.get("idempotency-key")
    target = f"{request.url.path}?{request.url.query}"
    once = (
        keyed(app, key, request.method, target, organisation.id, body)
        if key and request.method in _KEYED
        else None
    )
    if once is not None and (before := sandbox.answers.given(once)) is not None:
        return _response(*before)
    call = Call(
        books(sandbox, organisation, app),
        request.method,
        request.path_params,
        request.query_params,
        request.headers,
        body,
    )
    with sandbox.storage.transaction():
        try:
            with sandbox.storage.transaction():
                status, said = 200, dump(endpoint(call))
        except XeroError as error:
            if once is None or isinstance(error.body, str):
                raise
            call.books.changes.clear()
            status, said = error.status, dump(error.body)
        if once is not None:
            sandbox.answers.keep(once, status, said)
    sandbox.webhooks.announce(organisation.id, call.books.changes)
    return _response(status, said)


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person does in Xero's pages. `path` are the parameters of the endpoint's route."""

    endpoint: Endpoint
    body: JsonObject
    path: Mapping[str, str] = field(default_factory=dict[str, str])


def in_person(sandbox: Xero, organisation: Organisation, acts: Sequence[Act]) -> list[JsonObject]:
    """All of the acts or none, by the same rules, without token or limits. Raises `XeroError`."""
    theirs = books(sandbox, organisation)
    with sandbox.storage.transaction():
        answers = [
            act.endpoint(Call(theirs, "POST", act.path, {"unitdp": "4"}, {}, dump(act.body).encode()))
            for act in acts
        ]
    sandbox.webhooks.announce(organisation.id, theirs.changes)
    return answers


def _response(status: int, said: str) -> Response:
    return Response(said, status, media_type="application/json; charset=utf-8")
