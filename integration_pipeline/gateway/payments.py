"""`POST /webhooks/stripe` and `/webhooks/plaid`: payment vendors announce that money has moved."""

from __future__ import annotations

import time
from contextlib import ExitStack

from fastapi import Request

from integration_pipeline.gateway.plaid_keys import PlaidKeys
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
from integration_pipeline.payments.plaid import signature as plaid_signature
from integration_pipeline.payments.plaid import webhooks as plaid_webhooks
from integration_pipeline.payments.stripe import signature as stripe_signature
from integration_pipeline.payments.stripe import webhooks as stripe_webhooks
from integration_pipeline.settings import Settings, listed


def stripe(settings: Settings) -> Vendor:
    """The webhook endpoint of one Stripe account."""
    secrets = listed(settings.stripe_webhook_secrets)

    def signed(request: Request) -> Signed:
        return stripe_signature.Proof.of(request.headers, time.time())

    return Vendor(
        name="Stripe",
        source=stripe_webhooks.SOURCE,
        path="/webhooks/stripe",
        secret="STRIPE_WEBHOOK_SECRETS",  # noqa: S106 - the setting's name
        is_set=bool(secrets),
        # An event holds one object with what it contains.
        bounds=Bounds(2 * MEBIBYTE, body_seconds=5.0, answer_seconds=9.0),
        prove=by_signature(signed, secrets, stripe_webhooks.read_events),
        forged=stripe_signature.Forged,
        malformed=stripe_webhooks.MalformedWebhook,
        challenge="Stripe-Signature",
        described=_STRIPE,
    )


def plaid(settings: Settings, at_close: ExitStack) -> Vendor:
    """The webhooks of all items of one Plaid client; what its keys are asked by ends with `at_close`."""
    keys = PlaidKeys.of(settings)
    if keys is not None:
        at_close.callback(keys.close)

    def prove(request: Request) -> Read:
        proof = plaid_signature.Proof.of(request.headers)

        async def read(body: bytes) -> Events:
            assert keys is not None  # noqa: S101 - else the route is not set up
            key = await keys.get(proof.key_id)
            issued_at = proof.require(key, body, time.time())
            return plaid_webhooks.read_events(body, issued_at)

        return read

    return Vendor(
        name="Plaid",
        source=plaid_webhooks.SOURCE,
        path="/webhooks/plaid",
        secret="PLAID_CLIENT_ID and PLAID_SECRET",  # noqa: S106 - names of settings
        is_set=keys is not None,
        # Plaid waits for 10 seconds; a key may have to be asked for in between.
        bounds=Bounds(MEBIBYTE // 4, body_seconds=2.5, answer_seconds=9.0),
        prove=prove,
        forged=plaid_signature.Forged,
        malformed=plaid_webhooks.MalformedWebhook,
        challenge="Plaid-Verification",
        described=_PLAID,
    )


_STRIPE = {
    "parameters": [
        signature_header("Stripe-Signature", "`t` and `v1`: a time, and HMAC-SHA256 over it and the body.")
    ],
    "requestBody": json_body(
        {
            "type": "object",
            "required": ["id", "object", "type", "created"],
            "properties": {
                "id": {"type": "string", "pattern": "^evt_[A-Za-z0-9_.-]+$"},
                "object": {"const": "event"},
                "type": {"type": "string", "examples": ["charge.succeeded"]},
                "created": {"type": "integer", "minimum": 0, "description": "Seconds since 1970."},
            },
        }
    ),
}
_PLAID = {
    "parameters": [
        signature_header("Plaid-Verification", "A JWT (ES256) over the SHA-256 of the body, not yet old.")
    ],
    "requestBody": json_body(
        {
            "type": "object",
            "required": ["webhook_type", "webhook_code"],
            "properties": {
                "webhook_type": {"type": "string", "examples": ["TRANSACTIONS"]},
                "webhook_code": {"type": "string", "examples": ["SYNC_UPDATES_AVAILABLE"]},
                "item_id": {"type": ["string", "null"]},
            },
        }
    ),
}
