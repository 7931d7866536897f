"""Plaid's proof that a webhook is its own: a signed statement (JWT, ES256) of the body's hash.

Source: https://plaid.com/docs/api/webhooks/webhook-verification.

Belongs here: who sent a request. Does not belong here: where keys come from (`keys`), what it says
(`webhooks`).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
from jwt import PyJWK

VERIFICATION_HEADER: Final = "plaid-verification"
TOLERANCE_SECONDS: Final = 300
"""A statement older than this is refused, and one that much ahead of our clock."""

_LONGEST: Final = 4_000
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Forged(ValueError):  # noqa: N818 - reads as the statement it makes
    """A request that Plaid did not send, or not just now. The message says why, and holds no signature."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request's header says about its sender; nothing of it is checked but its form."""

    token: str
    key_id: str

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Proof:
        """Raise `Forged` unless there is a statement signed by ES256, with the id of the key.

        Costs nothing, so it comes before the body is read and any key is asked for.
        """
        token = headers.get(VERIFICATION_HEADER)
        if not token:
            raise Forged("the request has no Plaid-Verification")
        if len(token) > _LONGEST:
            raise Forged(f"its Plaid-Verification is longer than {_LONGEST} characters")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise Forged("its Plaid-Verification is no JWT") from None
        # The algorithm is Plaid's to choose once and not the sender's: `none`, or HMAC under the public key.
        if header.get("alg") != "ES256":
            raise Forged("its Plaid-Verification is not signed by ES256")
        key_id = header.get("kid")
        if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
            raise Forged("its Plaid-Verification names no key")
        return cls(token, key_id)

    def require(self, key: PyJWK, body: bytes, now: float) -> datetime:
        """When it was signed, UTC. Raise `Forged` unless the statement is signed by `key`, was made within
        five minutes of `now` (seconds since 1970), and is about exactly this body.
        """
        try:
            claims: dict[str, Any] = jwt.decode(
                self.token,
                key,
                algorithms=["ES256"],
                options={"require": ["iat"], "verify_iat": False, "verify_aud": False},
            )
        except jwt.InvalidTokenError:
            raise Forged("its Plaid-Verification is not signed by the key it names") from None
        issued = claims["iat"]
        if not isinstance(issued, int) or isinstance(issued, bool):
            raise Forged("its Plaid-Verification has no `iat` in seconds")
        late = now - issued
        if abs(late) > TOLERANCE_SECONDS:
            side = "ago" if late > 0 else "in the future"
            raise Forged(f"its Plaid-Verification was made {abs(late):.0f} seconds {side}; 300 are allowed")
        told = claims.get("request_body_sha256")
        if not isinstance(told, str) or not hmac.compare_digest(
            told.encode(), hashlib.sha256(body).hexdigest().encode()
        ):
            raise Forged("its Plaid-Verification is about another body")
        return _EPOCH + timedelta(seconds=issued)
