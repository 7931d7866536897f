"""`POST /webhooks/hubspot`: events of a HubSpot app, signed over the address it calls."""

from __future__ import annotations

import time
from typing import Final

from fastapi import Request

from integration_pipeline.crm.hubspot.signature import Forged, Proof
from integration_pipeline.crm.hubspot.webhooks import MAX_EVENTS, SOURCE, MalformedWebhook, read_events
from integration_pipeline.gateway.own_fields import OwnFields
from integration_pipeline.gateway.webhooks import (
    MEBIBYTE,
    Bounds,
    Events,
    Read,
    Vendor,
    json_body,
    signature_header,
)
from integration_pipeline.settings import Settings, listed

# 100 events hold at most 100 property values of 65,536 characters; usually they hold 30 kB.
MAX_BODY: Final = 8 * MEBIBYTE


def hubspot(settings: Settings, own: OwnFields) -> Vendor:
    """The webhooks of one HubSpot app."""
    secrets = listed(settings.hubspot_client_secret)

    def prove(request: Request) -> Read:
        proof = Proof.of(request.headers, time.time_ns() // 1_000_000)

        async def read(body: bytes) -> Events:
            address = _called(request, settings.public_url)
            proof.require(secrets, method=request.method, uri=address, body=body)
            return read_events(body, own_fields=own.of(SOURCE))

        return read

    return Vendor(
        name="HubSpot",
        source=SOURCE,
        path="/webhooks/hubspot",
        secret="HUBSPOT_CLIENT_SECRET",  # noqa: S106 - the setting's name
        is_set=bool(secrets),
        # HubSpot waits for 5 seconds altogether.
        bounds=Bounds(MAX_BODY, body_seconds=2.5, answer_seconds=4.5),
        prove=prove,
        forged=Forged,
        malformed=MalformedWebhook,
        challenge="HubSpot-Signature-v3",
        described=_DESCRIBED,
    )


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
        signature_header(
            "X-HubSpot-Signature-v3", "Base64 of HMAC-SHA256 over method, address, body and timestamp."
        ),
        {
            **signature_header("X-HubSpot-Request-Timestamp", "Milliseconds since 1970."),
            "schema": {"type": "string", "pattern": "^[0-9]{1,15}$"},
        },
    ],
    "requestBody": json_body(
        {
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
    ),
}
