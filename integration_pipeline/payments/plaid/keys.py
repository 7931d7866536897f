"""The public keys of Plaid's webhooks: asked for once, kept for a while, refused once they expired.

Belongs here: where a key comes from and how long it is good for. Does not belong here: what it proves
(`signature`).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from jwt import PyJWK
from jwt.exceptions import PyJWKError

from integration_pipeline.payments.plaid.api import PlaidApi
from integration_pipeline.payments.plaid.signature import Forged
from integration_pipeline.transport.failures import NotFound, Rejected, Unauthorized
from integration_pipeline.transport.shapes import Json

KEPT_SECONDS: Final = 3_600.0
"""After this long a key is asked for again: Plaid tells of its expiry only then."""

_UNKNOWN_SECONDS: Final = 60.0
_MOST: Final = 256


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key and the moment (seconds since 1970) at which it expired, if it did."""

    jwk: PyJWK
    expired_at: int | None


@dataclass(frozen=True, slots=True)
class _Asked:
    key: VerificationKey | None
    at: float


class VerificationKeys:
    """Keys by their id. Safe for threads.

    An id that Plaid does not know is remembered for a minute: whoever sends webhooks of his own invention
    must not make us call Plaid for each.
    """

    def __init__(
        self,
        api: PlaidApi,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._asked: OrderedDict[str, _Asked] = OrderedDict()

    def get(self, key_id: str, now: float) -> VerificationKey:
        """The key of an id, good at `now` (seconds since 1970).

        Raises `Forged` for one Plaid does not know or that is expired, the transport's failures if Plaid
        cannot be asked.
        """
        key = self._known(key_id)
        if key is None:
            raise Forged("Plaid does not know the key that its Plaid-Verification names")
        if key.expired_at is not None and key.expired_at <= now:
            raise Forged("the key that its Plaid-Verification names has expired")
        return key

    def _known(self, key_id: str) -> VerificationKey | None:
        with self._lock:
            asked = self._asked.get(key_id)
            if asked is not None and self._monotonic() - asked.at < _lifetime(asked):
                return asked.key
        key = self._ask(key_id)
        with self._lock:
            self._asked[key_id] = _Asked(key, self._monotonic())
            self._asked.move_to_end(key_id)
            while len(self._asked) > _MOST:
                self._asked.popitem(last=False)
        return key

    def _ask(self, key_id: str) -> VerificationKey | None:
        try:
            found = self._api.verification_key(key_id)
        except Unauthorized:
            # Wrong credentials say nothing about the key.
            raise
        except (NotFound, Rejected):
            return None
        return _read(found)


def _lifetime(asked: _Asked) -> float:
    return KEPT_SECONDS if asked.key is not None else _UNKNOWN_SECONDS


def _read(found: Json) -> VerificationKey:
    if found.field("alg").text() != "ES256":
        raise found.field("alg").wrong("ES256")
    expired = found.optional("expired_at")
    fields: dict[str, Any] = {
        name: found.field(name).text() for name in ("alg", "crv", "kid", "kty", "use", "x", "y")
    }
    try:
        return VerificationKey(PyJWK(fields, "ES256"), expired.integer() if expired else None)
    except PyJWKError:
        raise found.wrong("a public key on the curve P-256") from None
