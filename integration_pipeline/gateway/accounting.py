"""`POST /webhooks/quickbooks` and `/webhooks/xero`: somebody changed something in an accounting system."""

from __future__ import annotations

from fastapi import Request, Response

from integration_pipeline.accounting.quickbooks import signature as quickbooks_signature
from integration_pipeline.accounting.quickbooks import webhooks as quickbooks_webhooks
from integration_pipeline.accounting.xero import signature as xero_signature
from integration_pipeline.accounting.xero import webhooks as xero_webhooks
from integration_pipeline.gateway.webhooks import (
    MEBIBYTE,
    Bounds,
    Signed,
    Vendor,
    by_signature,
    json_body,
    signature_header,
)
from integration_pipeline.settings import Settings, listed


def quickbooks(settings: Settings) -> Vendor:
    """The webhooks of one app of Intuit's, for all companies that let it in."""
    tokens = listed(settings.quickbooks_webhook_tokens)

    def signed(request: Request) -> Signed:
        return quickbooks_signature.Proof.of(request.headers)

    return Vendor(
        name="QuickBooks",
        source=quickbooks_webhooks.SOURCE,
        path="/webhooks/quickbooks",
        secret="QUICKBOOKS_WEBHOOK_TOKENS",  # noqa: S106 - the setting's name
        is_set=bool(tokens),
        # Intuit waits for 3 seconds, and takes an address off its list that is late for long.
        bounds=Bounds(MEBIBYTE, body_seconds=1.5, answer_seconds=2.7),
        prove=by_signature(signed, tokens, quickbooks_webhooks.read_events),
        forged=quickbooks_signature.Forged,
        malformed=quickbooks_webhooks.MalformedWebhook,
        challenge="Intuit-Signature",
        described=_QUICKBOOKS,
    )


def xero(settings: Settings) -> Vendor:
    """The webhooks of one Xero app. Its "intent to receive" asks for nothing but the right status."""
    keys = listed(settings.xero_webhook_keys)

    def signed(request: Request) -> Signed:
        return xero_signature.Proof.of(request.headers)

    return Vendor(
        name="Xero",
        source=xero_webhooks.SOURCE,
        path="/webhooks/xero",
        secret="XERO_WEBHOOK_KEYS",  # noqa: S106 - the setting's name
        is_set=bool(keys),
        # Xero waits for 5 seconds, and turns webhooks off that answer late for a day.
        bounds=Bounds(4 * MEBIBYTE, body_seconds=2.5, answer_seconds=4.5),
        prove=by_signature(signed, keys, xero_webhooks.read_events),
        forged=xero_signature.Forged,
        malformed=xero_webhooks.MalformedWebhook,
        challenge="Xero-Signature",
        described=_XERO,
        # Xero asks for answers without a body.
        answer=lambda _: Response(status_code=200),
        answered={200: {"description": "All events are committed."}},
        bare=True,
    )


_QUICKBOOKS = {
    "parameters": [signature_header("intuit-signature", "Base64 of HMAC-SHA256 over the body.")],
    "requestBody": json_body(
        {
            "type": "array",
            "minItems": 1,
            "maxItems": quickbooks_webhooks.MAX_EVENTS,
            "items": {
                "type": "object",
                "required": ["id", "type", "time", "intuitaccountid", "intuitentityid"],
                "properties": {
                    "id": {"type": "string"},
                    "type": {"type": "string", "examples": ["qbo.invoice.updated.v1"]},
                    "time": {"type": "string", "format": "date-time"},
                    "intuitaccountid": {"type": "string", "pattern": "^[0-9]{1,20}$"},
                    "intuitentityid": {"type": "string"},
                },
            },
        }
    ),
}
_XERO = {
    "parameters": [signature_header("x-xero-signature", "Base64 of HMAC-SHA256 over the body.")],
    "requestBody": json_body(
        {
            "type": "object",
            "required": ["events"],
            "properties": {
                "events": {
                    "type": "array",
                    "maxItems": xero_webhooks.MAX_EVENTS,
                    "items": {
                        "type": "object",
                        "required": [
                            "resourceId",
                            "eventDateUtc",
                            "eventType",
                            "eventCategory",
                            "tenantId",
                        ],
                        "properties": {
                            "resourceId": {"type": "string"},
                            "eventDateUtc": {"type": "string", "examples": ["2026-01-10T12:00:00.123"]},
                            "eventType": {"type": "string", "examples": ["UPDATE"]},
                            "eventCategory": {"type": "string", "examples": ["INVOICE"]},
                            "tenantId": {"type": "string"},
                        },
                    },
                }
            },
        }
    ),
}
