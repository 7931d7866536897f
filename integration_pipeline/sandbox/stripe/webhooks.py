"""Stripe's webhooks: one event a POST, signed under every secret that is still valid.

Belongs here: signature and secrets. Does not belong here: when a POST is sent (`notifications`).
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Sequence

from integration_pipeline.sandbox.notifications.events import Attempt, JsonObject, Post
from integration_pipeline.sandbox.storage import SqliteFile
from integration_pipeline.sandbox.stripe.objects import Objects
from integration_pipeline.transport.json_types import dump_json

RETRY_SECONDS = (300.0, 1_200.0, 4_800.0, 19_200.0, 76_800.0, 76_800.0, 76_800.0)
"""Stripe says "up to three days with an exponential back off" and not in which steps."""


class Signer:
    """The signing secrets of the receiver: after a rotation the old one is valid for some time longer."""

    def __init__(self, file: SqliteFile, now_ms: int, first: Sequence[str]) -> None:
        self._file = file
        if not self.secrets(now_ms):
            self._file.write_many(
                "INSERT OR IGNORE INTO webhook_secrets (secret) VALUES (?)", [(each,) for each in first]
            )

    def secrets(self, now_ms: int) -> list[str]:
        rows = self._file.rows(
            "SELECT secret FROM webhook_secrets WHERE expires_ms IS NULL OR expires_ms > ? ORDER BY rowid",
            (now_ms,),
        )
        return [str(row[0]) for row in rows]

    def rotate(self, secret: str, now_ms: int, expires_seconds: int) -> None:
        """A new secret; those so far end in `expires_seconds`."""
        with self._file.transaction():
            self._file.write(
                "UPDATE webhook_secrets SET expires_ms = ? WHERE expires_ms IS NULL",
                (now_ms + expires_seconds * 1_000,),
            )
            self._file.write("INSERT OR REPLACE INTO webhook_secrets (secret) VALUES (?)", (secret,))

    def post(self, objects: Objects, events: Sequence[JsonObject], attempt: Attempt) -> Post:
        """The POST of an event. `t` is our time, not the sandbox's: so is the receiver's clock."""
        event = objects.find("event", str(events[0]["id"]))
        body = dump_json(event if event is not None else dict(events[0]))  # pyright: ignore[reportArgumentType]
        now_ms = int(attempt.at.timestamp() * 1_000)
        valid = [secrets.token_hex()] if attempt.forged else self.secrets(now_ms)
        return Post(
            body,
            {
                "Content-Type": "application/json; charset=utf-8",
                "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
                "Stripe-Signature": signature_header(valid, body, int(time.time())),
            },
        )


def signature_header(valid: Sequence[str], body: bytes, timestamp: int) -> str:
    """`t=…,v1=…` with one v1 for each secret, and the v0 of another scheme, which proves nothing."""
    signed = str(timestamp).encode() + b"." + body
    proofs = [f"v1={hmac.digest(secret.encode(), signed, 'sha256').hex()}" for secret in valid]
    return ",".join([f"t={timestamp}", *proofs, f"v0={secrets.token_hex(32)}"])
