"""HubSpot's proof that a request is its own: version 3 of its signature.

The rules are those of HubSpot's "Validating requests". Where its own Python library differs (it accepts
timestamps of the future, and decodes nothing in the address), the text holds. Versions 1 and 2 are refused:
they hold no timestamp, so that whoever saw one request could repeat it for ever.

Belongs here: who sent a request. Does not belong here: what it says (`webhooks`).
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

SIGNATURE_HEADER: Final = "x-hubspot-signature-v3"
TIMESTAMP_HEADER: Final = "x-hubspot-request-timestamp"
TOLERANCE_MS: Final = 5 * 60 * 1_000
"""A request older than this is refused, and one that much ahead of our clock."""

# The escapes that HubSpot signs decoded; all others it signs as they are in the address.
_DECODED: Final = {
    b"%3A": b":",
    b"%2F": b"/",
    b"%3F": b"?",
    b"%40": b"@",
    b"%21": b"!",
    b"%24": b"$",
    b"%27": b"'",
    b"%28": b"(",
    b"%29": b")",
    b"%2A": b"*",
    b"%2C": b",",
    b"%3B": b";",
}
_ESCAPES: Final = re.compile(b"|".join(_DECODED), re.IGNORECASE)
_TIMESTAMP: Final = re.compile(r"[0-9]{1,15}")


class Forged(ValueError):  # noqa: N818 - reads as the statement it makes
    """A request that HubSpot did not send, or not just now. The message says why, and holds no signature."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request's headers say about its sender; `timestamp` is recent, `signature` not yet checked."""

    signature: str
    timestamp: str

    @classmethod
    def of(cls, headers: Mapping[str, str], now_ms: int) -> Proof:
        """Raise `Forged` unless a signature and a timestamp within five minutes of `now_ms` are there.

        Costs nothing, so it comes before the body is read.
        """
        signature = headers.get(SIGNATURE_HEADER)
        timestamp = headers.get(TIMESTAMP_HEADER)
        if not signature:
            raise Forged("the request has no X-HubSpot-Signature-v3; older versions do not count")
        if not timestamp:
            raise Forged("the request has no X-HubSpot-Request-Timestamp")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise Forged("its X-HubSpot-Request-Timestamp is no number of milliseconds")
        late_ms = now_ms - int(timestamp)
        if abs(late_ms) > TOLERANCE_MS:
            side = "ago" if late_ms > 0 else "in the future"
            seconds = abs(late_ms) // 1_000
            raise Forged(f"its X-HubSpot-Request-Timestamp is {seconds} seconds {side}; 300 are allowed")
        return cls(signature, timestamp)

    def require(self, secrets: Sequence[str], *, method: str, uri: bytes, body: bytes) -> None:
        """Raise `Forged` unless the signature is HubSpot's over exactly this request, under one of `secrets`.

        `uri` is the whole address as HubSpot called it, query included and escapes as they were; `body` is
        what came, to the byte.
        """
        given = self.signature.encode("utf-8", "replace")
        signatures = (sign(secret, method, uri, body, self.timestamp) for secret in secrets)
        if not any(hmac.compare_digest(each.encode(), given) for each in signatures):
            raise Forged("its X-HubSpot-Signature-v3 is not that of this request under HUBSPOT_CLIENT_SECRET")


def sign(secret: str, method: str, uri: bytes, body: bytes, timestamp: str) -> str:
    """The value of X-HubSpot-Signature-v3 for a request."""
    signed = method.encode() + _decoded(uri) + body + timestamp.encode()
    return base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()


def _decoded(uri: bytes) -> bytes:
    return _ESCAPES.sub(lambda escape: _DECODED[escape[0].upper()], uri) if b"%" in uri else uri
