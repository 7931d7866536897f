"""Intuit's proof that a webhook is its own: HMAC-SHA-256 over the body under the app's verifier token.

The signature holds no time: whoever saw a request could repeat it. That does no harm, for an event only says
that there is something to look at, and comes into the inbox once.

Belongs here: who sent a request. Does not belong here: what it says (`webhooks`).
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

SIGNATURE_HEADER: Final = "intuit-signature"
_LONGEST: Final = 200


class Forged(ValueError):  # noqa: N818 - reads as the statement it makes
    """A request that Intuit did not send. The message says why, and holds no signature."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request's header says about its sender, not yet checked."""

    signature: str

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Proof:
        """Raise `Forged` unless there is a signature. `headers` are by lower-case names.

        Costs nothing, so it comes before the body is read.
        """
        signature = headers.get(SIGNATURE_HEADER, "")
        if not 0 < len(signature) <= _LONGEST:
            raise Forged("the request has no intuit-signature")
        return cls(signature)

    def require(self, tokens: Sequence[str], body: bytes) -> None:
        """Raise `Forged` unless the signature is over exactly this body, under one of the app's verifier
        `tokens`.
        """
        given = self.signature.encode("utf-8", "replace")
        if not any(hmac.compare_digest(sign(token, body).encode(), given) for token in tokens):
            raise Forged("its intuit-signature is not that of this body under QUICKBOOKS_WEBHOOK_TOKENS")


def sign(token: str, body: bytes) -> str:
    """The value of intuit-signature for a body."""
    return base64.b64encode(hmac.digest(token.encode(), body, "sha256")).decode()
