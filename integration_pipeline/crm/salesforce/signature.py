"""The proof that change events come from our relay: an HMAC over its time and the body.

Salesforce signs nothing it pushes. Change events reach us through a relay (a subscriber of the Pub/Sub API
that passes them on), which shares a secret with us; outbound messages prove nothing but the organization they
name, so their address has to be a secret, or the proxy in front has to ask for Salesforce's certificate.

Belongs here: who sent a request. Does not belong here: what it says (`webhooks`).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

SIGNATURE_HEADER: Final = "x-relay-signature"
TIMESTAMP_HEADER: Final = "x-relay-timestamp"
TOLERANCE_MS: Final = 5 * 60 * 1_000
"""A request older than this is refused, and one that much ahead of our clock."""

_TIMESTAMP: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_SIGNATURE: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


class Forged(ValueError):  # noqa: N818 - reads as the statement it makes
    """A request that neither the org nor the relay sent, or not just now. The message holds no secret."""


@dataclass(frozen=True, slots=True)
class RelayProof:
    """What a request's headers say about its sender; `timestamp` is recent, `signature` not yet checked."""

    signature: str
    timestamp: str

    @classmethod
    def of(cls, headers: Mapping[str, str], now_ms: int) -> RelayProof:
        """Raise `Forged` unless a signature and a timestamp within five minutes of `now_ms` are there.

        `headers` are by lower-case names. Costs nothing, so it comes before the body is read.
        """
        signature, timestamp = headers.get(SIGNATURE_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
        if not _SIGNATURE.fullmatch(signature):
            raise Forged("the request has no X-Relay-Signature of 64 hex digits")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise Forged("its X-Relay-Timestamp is no number of milliseconds")
        if abs(now_ms - int(timestamp)) > TOLERANCE_MS:
            raise Forged(
                f"its X-Relay-Timestamp is {(now_ms - int(timestamp)) // 1_000} seconds old; 300 are allowed"
            )
        return cls(signature.lower(), timestamp)

    def require(self, secrets: Sequence[str], body: bytes) -> None:
        """Raise `Forged` unless the signature is over exactly this body, under one of `secrets`."""
        for secret in secrets:
            signed = hmac.new(secret.encode(), self.timestamp.encode() + b"." + body, hashlib.sha256)
            if hmac.compare_digest(signed.hexdigest(), self.signature):
                return
        raise Forged("its X-Relay-Signature is not that of the relay over this body")
