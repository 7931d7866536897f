"""The path of every vendor's webhooks: proof of the sender, body within bounds, events committed, answer.

A vendor is what differs: how a sender proves who it is, what a body says, how to answer. Proof that needs no
body comes first, so that strangers cost nothing.

Belongs here: the order of these steps, and what is refused with which status. Does not belong here: any
vendor (`hubspot`, `accounting`, `payments`, `salesforce`), keeping events (`committer`).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from integration_pipeline.crm.webhooks import WebhookEvent
from integration_pipeline.gateway.parts import Parts
from integration_pipeline.gateway.refusals import Refused, documented, log
from integration_pipeline.gateway.session import DatabaseUnavailable, Unstorable
from integration_pipeline.inbox.milestones import KEPT, RECEIVED, reached

Events: TypeAlias = Sequence[WebhookEvent]
Read: TypeAlias = Callable[[bytes], Awaitable[Events]]
"""From the raw body to its events, once the body is proven to be the vendor's."""
Prove: TypeAlias = Callable[[Request], Read]


class Accepted(BaseModel):
    """The events are committed; the vendor need not send them again."""

    events: int = Field(description="How many events the request held.", ge=0)


class KeysUnavailable(RuntimeError):  # noqa: N818 - reads as the statement it makes
    """Whether the vendor sent a request cannot be told just now."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes of a body, seconds until it is there, and seconds until the answer, both from the beginning."""

    body: int
    body_seconds: float
    answer_seconds: float


def accepted(events: Events) -> Response:
    """The answer of vendors that only look at its status."""
    return JSONResponse(Accepted(events=len(events)).model_dump())


@dataclass(frozen=True, slots=True)
class Vendor:
    """What one address of one vendor needs.

    `prove` looks at a request's head alone and answers what reads its body; either raises one of `forged`
    (401) or `malformed` (400), and reading may raise `KeysUnavailable` (503). `secret` names the settings
    without which nothing can be proven; `is_set`, whether they are there. `challenge` is the scheme a 401
    names. With `bare` refusals have no body.
    """

    name: str
    source: str
    path: str
    secret: str
    is_set: bool
    bounds: Bounds
    prove: Prove
    forged: type[Exception]
    malformed: type[Exception]
    challenge: str
    described: Mapping[str, Any]
    answer: Callable[[Events], Response] = accepted
    answered: Mapping[int | str, dict[str, Any]] = field(
        default_factory=lambda: {200: {"model": Accepted, "description": "All events are committed."}}
    )
    bare: bool = False


class Signed(Protocol):
    """What a request's head says of the signature of its body."""

    def require(self, secrets: Sequence[str], body: bytes, /) -> object:
        """Raises the vendor's `forged` unless one of the secrets signed this body."""
        ...


def by_signature(
    signed: Callable[[Request], Signed], secrets: Sequence[str], events: Callable[[bytes], Events]
) -> Prove:
    """The proof of vendors that sign the body, some with its moment, by a shared secret."""

    def prove(request: Request) -> Read:
        proof = signed(request)

        async def read(body: bytes) -> Events:
            proof.require(secrets, body)
            return events(body)

        return read

    return prove


def webhook_routes(parts: Parts, vendors: Sequence[Vendor]) -> APIRouter:
    """A route for each vendor's webhooks."""
    router = APIRouter(tags=["webhooks"])
    for vendor in vendors:
        router.add_api_route(
            vendor.path,
            _endpoint(parts, vendor),
            methods=["POST"],
            summary=f"Webhooks of {vendor.name}",
            description="Events are committed before the answer; a repeated event is kept once.",
            response_class=Response,
            operation_id=vendor.path.strip("/").replace("/", "_"),
            responses={**_refusals(vendor), **vendor.answered},
            openapi_extra=dict(vendor.described),
        )
    return router


def _endpoint(parts: Parts, vendor: Vendor) -> Callable[[Request], Awaitable[Response]]:
    async def receive(request: Request) -> Response:
        began = time.perf_counter()
        try:
            events = await _take(parts, vendor, request, began)
        except Refused as refused:
            refused.challenge, refused.bare = vendor.challenge, vendor.bare
            parts.metrics.webhook(vendor.source, refused.outcome, time.perf_counter() - began)
            raise
        parts.metrics.webhook(vendor.source, "accepted", time.perf_counter() - began)
        return vendor.answer(events)

    return receive


async def _take(parts: Parts, vendor: Vendor, request: Request, began: float) -> Events:
    if not vendor.is_set:
        log.error(f"{vendor.secret} is not set: no webhook of {vendor.name} can be accepted")
        raise Refused(503, "unavailable", f"this gateway is not set up for {vendor.name}", closes=True)
    try:
        read = vendor.prove(request)
    except vendor.forged as forged:
        raise Refused(401, "forged", str(forged), closes=True) from None
    bounds = vendor.bounds
    async with parts.bodies.read(request, limit=bounds.body, seconds=bounds.body_seconds) as body:
        events = await _read(vendor, read, body)
        reached(RECEIVED)
        if events:
            await _keep(parts, events, bounds.answer_seconds - (time.perf_counter() - began))
        reached(KEPT)
        return events


async def _read(vendor: Vendor, read: Read, body: bytes) -> Events:
    try:
        return await read(body)
    except vendor.forged as forged:
        raise Refused(401, "forged", str(forged)) from None
    except vendor.malformed as malformed:
        raise Refused(400, "malformed", str(malformed)) from None
    except KeysUnavailable as unavailable:
        log.error("a webhook could not be proven", source=vendor.source, reason=str(unavailable))
        raise Refused(503, "unavailable", "its sender cannot be verified just now") from None


async def _keep(parts: Parts, events: Events, seconds: float) -> None:
    try:
        await parts.committer.keep(events, seconds)
    except Unstorable as unstorable:
        raise Refused(400, "malformed", str(unstorable)) from None
    except DatabaseUnavailable as unavailable:
        log.error("events were not kept", reason=str(unavailable), events=len(events))
        raise Refused(503, "unavailable", "the database cannot be reached") from None


def _refusals(vendor: Vendor) -> dict[int | str, dict[str, Any]]:
    told = documented(
        s400=f"The body is not what {vendor.name} sends. Nothing was kept.",
        s401=f"Not proven to be sent by {vendor.name}, or not just now.",
        s408="The body took too long.",
        s413=f"The body has more than {vendor.bounds.body} bytes.",
        s503=f"The database cannot be reached, or {vendor.secret} is not set. Send it again later.",
    )
    if vendor.bare:
        return {status: {"description": refusal["description"]} for status, refusal in told.items()}
    return told


def signature_header(name: str, meaning: str) -> dict[str, Any]:
    """A required header, as OpenAPI describes it."""
    return {
        "name": name,
        "in": "header",
        "required": True,
        "schema": {"type": "string"},
        "description": meaning,
    }


def json_body(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON body, as OpenAPI describes it."""
    return {"required": True, "content": {"application/json": {"schema": dict(schema)}}}


MEBIBYTE: Final = 2**20
