"""Xero's proof that a webhook is its own: the `x-xero-signature` header.

Source: Xero's "Configuring your server". While an app's key is exchanged we may know both. There is no time
in it: whoever saw a request could repeat it, which asks for one more look at what is known already, and no
more.

Belongs here: who sent a request. Does not belong here: what it says (`webhooks`).
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

SIGNATURE_HEADER: Final = "x-xero-signature"


class Forged(ValueError):  # noqa: N818 - reads as the statement it makes
    """A request that Xero did not send. The message says why, and holds no signature."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request's header says about its sender, not yet checked."""

    signature: str

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Proof:
        """Raise `Forged` unless there is a signature. Costs nothing, so it comes before the body is read."""
        signature = headers.get(SIGNATURE_HEADER)
        if not signature:
            raise Forged("the request has no x-xero-signature")
        return cls(signature)

    def require(self, keys: Sequence[str], body: bytes) -> None:
        """Raise `Forged` unless the signature is Xero's over exactly this body, under one of `keys`."""
        given = self.signature.encode("utf-8", "replace")
        if not any(hmac.compare_digest(sign(key, body).encode(), given) for key in keys):
            raise Forged("its x-xero-signature is not that of this body under XERO_WEBHOOK_KEYS")


def sign(key: str, body: bytes) -> str:
    """The value of x-xero-signature for a body: HMAC-SHA-256, in base64."""
    return base64.b64encode(hmac.digest(key.encode(), body, "sha256")).decode()
