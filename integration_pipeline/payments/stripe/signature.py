"""Stripe's proof that a webhook is its own: the `Stripe-Signature` header, scheme v1.

Source: https://docs.stripe.com/webhooks ("Verify manually"); Stripe's Python library agrees, but that it
takes timestamps of the future. While a secret is rotated Stripe signs under both, and we may know both.

Belongs here: who sent a request. Does not belong here: what it says (`webhooks`).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

SIGNATURE_HEADER: Final = "stripe-signature"
TOLERANCE_SECONDS: Final = 300
"""A signature older than this is refused, and one that much ahead of our clock."""

_MOST_PARTS: Final = 32
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")


class Forged(ValueError):  # noqa: N818 - reads as the statement it makes
    """A request that Stripe did not send, or not just now. The message says why, and holds no signature."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request's header says about its sender; `timestamp` is recent, `signatures` not yet checked."""

    timestamp: str
    signatures: tuple[str, ...]

    @classmethod
    def of(cls, headers: Mapping[str, str], now: float) -> Proof:
        """Raise `Forged` unless there are signatures of scheme v1 and a time within five minutes of `now`
        (seconds since 1970).

        Costs nothing, so it comes before the body is read.
        """
        header = headers.get(SIGNATURE_HEADER)
        if not header:
            raise Forged("the request has no Stripe-Signature")
        parts = [part.strip().partition("=") for part in header.split(",", _MOST_PARTS)]
        times = [value for name, _, value in parts if name == "t"]
        signatures = tuple(value for name, _, value in parts if name == "v1" and value)
        if len(times) != 1 or not _TIMESTAMP.fullmatch(times[0]):
            raise Forged("its Stripe-Signature has no one time `t` in seconds")
        if not signatures:
            raise Forged("its Stripe-Signature has no v1; other schemes do not count")
        late = now - int(times[0])
        if abs(late) > TOLERANCE_SECONDS:
            side = "ago" if late > 0 else "in the future"
            raise Forged(f"its Stripe-Signature was made {abs(late):.0f} seconds {side}; 300 are allowed")
        return cls(times[0], signatures)

    def require(self, secrets: Sequence[str], body: bytes) -> None:
        """Raise `Forged` unless one of the signatures is Stripe's over exactly this body, under one of
        `secrets` (`whsec_…`).
        """
        given = [each.encode("utf-8", "replace") for each in self.signatures]
        # Under an empty secret anybody can sign.
        right = [sign(secret, body, self.timestamp).encode() for secret in secrets if secret.strip()]
        if not any(hmac.compare_digest(one, other) for one in given for other in right):
            raise Forged("no v1 in its Stripe-Signature is that of this body under STRIPE_WEBHOOK_SECRETS")


def sign(secret: str, body: bytes, timestamp: str) -> str:
    """The v1 of a body: HMAC-SHA-256 of `timestamp.body`, in hexadecimal."""
    return hmac.digest(secret.encode(), timestamp.encode() + b"." + body, "sha256").hex()
