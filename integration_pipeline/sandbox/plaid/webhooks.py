"""Plaid's webhooks: one event a POST, with a signed statement of what its body is.

Belongs here: the POST. Does not belong here: when it is sent (`notifications`), and the keys (`keys`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import ec

from integration_pipeline.sandbox.notifications.events import Attempt, JsonObject, Post
from integration_pipeline.sandbox.plaid.keys import KeyRing, SigningKey
from integration_pipeline.transport.json_types import dump_json

RETRY_SECONDS = (30.0, 120.0, 480.0, 1_920.0, 7_680.0, 30_720.0)
"""After 30 seconds, then four times as long each, as far as that fits into 24 hours."""


def accepted(status: int) -> bool:
    """Plaid takes 200 alone for an acknowledgement."""
    return status == 200


def compose(keys: KeyRing, events: Sequence[JsonObject], attempt: Attempt) -> Post:
    """The POST of an event. `iat` is our time, not the sandbox's: so is the receiver's clock."""
    body = dump_json(events[0])  # pyright: ignore[reportArgumentType] - made by `bank`, of JSON alone
    key = keys.current
    if attempt.forged:
        key = SigningKey(key.kid, ec.generate_private_key(ec.SECP256R1()), key.created_at, None)
    headers = {"Content-Type": "application/json", "Plaid-Verification": key.proof(body, int(time.time()))}
    return Post(body, headers)
