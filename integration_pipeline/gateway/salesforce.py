"""`POST /webhooks/salesforce/outbound` and `/changes`: what an org pushes, and what a relay passes on.

Salesforce signs no outbound message. It proves itself by a token in the address, which only the org's
settings hold, and by the organization it names.
"""

from __future__ import annotations

import hmac
import time
from typing import Final

from fastapi import Request, Response

from integration_pipeline.crm.salesforce.config import SOURCE
from integration_pipeline.crm.salesforce.signature import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Forged,
    RelayProof,
)
from integration_pipeline.crm.salesforce.webhooks import (
    ACKNOWLEDGEMENT,
    MAX_CHANGE_EVENTS,
    MalformedWebhook,
    read_change_events,
    read_outbound,
)
from integration_pipeline.gateway.own_fields import OwnFields
from integration_pipeline.gateway.webhooks import (
    MEBIBYTE,
    Bounds,
    Events,
    Read,
    Signed,
    Vendor,
    by_signature,
    json_body,
    signature_header,
)
from integration_pipeline.settings import Settings, listed

_SOAP: Final = "text/xml; charset=utf-8"


def salesforce_outbound(settings: Settings) -> Vendor:
    """The outbound messages of one org."""
    tokens = listed(settings.salesforce_outbound_tokens)
    organization = settings.salesforce_organization or ""

    def prove(request: Request) -> Read:
        given = request.query_params.get("token", "").encode()
        if not any(hmac.compare_digest(given, each.encode()) for each in tokens):
            raise Forged("the address has no token, or another than SALESFORCE_OUTBOUND_TOKENS")

        async def read(body: bytes) -> Events:
            events, _ = read_outbound(body, organization=organization)
            return events

        return read

    return Vendor(
        name="Salesforce (outbound messages)",
        source=SOURCE,
        path="/webhooks/salesforce/outbound",
        secret="SALESFORCE_OUTBOUND_TOKENS and SALESFORCE_ORGANIZATION",  # noqa: S106 - names of settings
        is_set=bool(tokens and organization),
        bounds=Bounds(4 * MEBIBYTE, body_seconds=5.0, answer_seconds=9.0),
        prove=prove,
        forged=Forged,
        malformed=MalformedWebhook,
        challenge="Token",
        described=_OUTBOUND,
        answer=lambda _: Response(ACKNOWLEDGEMENT, media_type=_SOAP),
        answered={200: {"description": "The message is acknowledged.", "content": {"text/xml": {}}}},
    )


def salesforce_changes(settings: Settings, own: OwnFields) -> Vendor:
    """The change events of one org, by a relay."""
    secrets = listed(settings.salesforce_relay_secrets)

    def signed(request: Request) -> Signed:
        return RelayProof.of(request.headers, time.time_ns() // 1_000_000)

    def events(body: bytes) -> Events:
        return read_change_events(body, own_fields=own.of(SOURCE))

    return Vendor(
        name="Salesforce (change events)",
        source=SOURCE,
        path="/webhooks/salesforce/changes",
        secret="SALESFORCE_RELAY_SECRETS",  # noqa: S106 - the setting's name
        is_set=bool(secrets),
        bounds=Bounds(8 * MEBIBYTE, body_seconds=5.0, answer_seconds=9.0),
        prove=by_signature(signed, secrets, events),
        forged=Forged,
        malformed=MalformedWebhook,
        challenge="Relay-Signature",
        described=_CHANGES,
    )


_OUTBOUND = {
    "parameters": [
        {
            "name": "token",
            "in": "query",
            "required": True,
            "schema": {"type": "string"},
            "description": "One of SALESFORCE_OUTBOUND_TOKENS.",
        }
    ],
    "requestBody": {
        "required": True,
        "content": {"text/xml": {"schema": {"type": "string", "description": "A SOAP envelope."}}},
    },
}
_CHANGES = {
    "parameters": [
        signature_header(SIGNATURE_HEADER, "Hexadecimal HMAC-SHA256 over timestamp, a dot, and the body."),
        signature_header(TIMESTAMP_HEADER, "Milliseconds since 1970."),
    ],
    "requestBody": json_body(
        {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_CHANGE_EVENTS,
            "items": {
                "type": "object",
                "required": ["payload"],
                "properties": {
                    "payload": {
                        "type": "object",
                        "required": ["ChangeEventHeader"],
                        "properties": {"ChangeEventHeader": {"type": "object"}},
                    }
                },
            },
        }
    ),
}
