"""`POST /webhooks/hubspot`: signed events, in the inbox before they are acknowledged."""

from __future__ import annotations

import time
from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from integration_pipeline.crm.hubspot.signature import Forged, Proof
from integration_pipeline.crm.hubspot.webhooks import MAX_EVENTS, MalformedWebhook, read_events
from integration_pipeline.gateway.parts import Parts
from integration_pipeline.gateway.refusals import Refused, documented, log
from integration_pipeline.gateway.session import DatabaseUnavailable, Unstorable
from integration_pipeline.inbox.milestones import KEPT, RECEIVED, reached

# 100 events hold at most 100 property values of 65,536 characters; usually they hold 30 kB.
MAX_BODY: Final = 8 * 2**20
# HubSpot waits for 5 seconds altogether.
_BODY_SECONDS: Final = 2.5
_ANSWER_SECONDS: Final = 4.5


class Accepted(BaseModel):
    """The events are committed; HubSpot need not send them again."""

    events: int = Field(description="How many events the request held.", ge=1)


def hubspot_routes(parts: Parts) -> APIRouter:
    """The route for the webhooks of one HubSpot app."""
    router = APIRouter(tags=["webhooks"])
    secrets = parts.hubspot_secrets()

    @router.post(
        "/webhooks/hubspot",
        summary="Events of a HubSpot app",
        description=(
            "HubSpot's target URL. Events are committed before the answer; a repeated event is kept once."
        ),
        response_model=Accepted,
        responses=documented(
            s400="The body is not what HubSpot sends. Nothing was kept.",
            s401="Not signed by HubSpot for this address, or not within the last five minutes.",
            s408="The body took too long.",
            s413=f"The body has more than {MAX_BODY} bytes.",
            s503="The database cannot be reached, or HUBSPOT_CLIENT_SECRET is not set. Send it again later.",
        ),
        openapi_extra=_DESCRIBED,
    )
    async def receive(request: Request) -> Accepted:  # pyright: ignore[reportUnusedFunction] - the router has it
        began = time.perf_counter()
        try:
            accepted = await take(request, began)
        except Refused as refused:
            parts.metrics.webhook("hubspot", refused.outcome, time.perf_counter() - began)
            raise
        parts.metrics.webhook("hubspot", "accepted", time.perf_counter() - began)
        return accepted

    async def take(request: Request, began: float) -> Accepted:
        if not secrets:
            log.error("HUBSPOT_CLIENT_SECRET is not set: no webhook of HubSpot can be accepted")
            raise Refused(503, "unavailable", "this gateway is not set up for HubSpot", closes=True)
        try:
            proof = Proof.of(request.headers, time.time_ns() // 1_000_000)
        except Forged as forged:
            raise Refused(401, "forged", str(forged), closes=True) from None
        body = await parts.bodies.read(request, limit=MAX_BODY, seconds=_BODY_SECONDS)
        try:
            proof.require(
                secrets, method=request.method, uri=_called(request, parts.settings.public_url), body=body
            )
            events = read_events(body)
        except Forged as forged:
            raise Refused(401, "forged", str(forged)) from None
        except MalformedWebhook as malformed:
            raise Refused(400, "malformed", str(malformed)) from None
        reached(RECEIVED)
        try:
            await parts.committer.keep(events, _ANSWER_SECONDS - (time.perf_counter() - began))
        except Unstorable as unstorable:
            raise Refused(400, "malformed", str(unstorable)) from None
        except DatabaseUnavailable as unavailable:
            log.error("events were not kept", reason=str(unavailable), events=len(events))
            raise Refused(503, "unavailable", "the database cannot be reached") from None
        reached(KEPT)
        return Accepted(events=len(events))

    return router


def _called(request: Request, public_url: str | None) -> bytes:
    """The address as HubSpot called it, escapes as they came."""
    query: bytes = request.scope["query_string"]
    path: bytes = request.scope["raw_path"] + (b"?" + query if query else b"")
    if public_url is not None:
        return public_url.rstrip("/").encode() + path
    host = request.headers.get("host", "")
    return f"{request.scope['scheme']}://{host}".encode() + path


_DESCRIBED = {
    "parameters": [
        {
            "name": "X-HubSpot-Signature-v3",
            "in": "header",
            "required": True,
            "schema": {"type": "string"},
            "description": "Base64 of HMAC-SHA256 over method, address, body and timestamp.",
        },
        {
            "name": "X-HubSpot-Request-Timestamp",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "pattern": "^[0-9]{1,15}$"},
            "description": "Milliseconds since 1970.",
        },
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_EVENTS,
                    "items": {
                        "type": "object",
                        "required": ["subscriptionType", "occurredAt"],
                        "properties": {
                            "subscriptionType": {"type": "string", "examples": ["deal.propertyChange"]},
                            "occurredAt": {"type": "integer", "description": "Milliseconds since 1970."},
                            "objectId": {"type": "integer"},
                            "objectTypeId": {"type": "string", "examples": ["0-3"]},
                            "attemptNumber": {"type": "integer", "minimum": 0},
                        },
                    },
                }
            }
        },
    },
}
