"""API keys: secret ones may do everything, restricted ones what they were given."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from integration_pipeline.sandbox.stripe.errors import forbidden, unauthenticated

Access = Literal["read", "write"]


class RestrictedKey(BaseModel):
    """An `rk_` key and what it may do: `{"charge": "read", "refund": "write"}`; write includes read."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    key: SecretStr
    permissions: Mapping[str, Access]


class Keys(BaseModel):
    """The keys of an account."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    secret: Annotated[Sequence[SecretStr], Field(min_length=1)]
    restricted: Sequence[RestrictedKey] = ()


class KeyRing:
    """Says whether a request may be made. Raises Stripe's 401 and 403."""

    def __init__(self, keys: Keys) -> None:
        self._secret = [each.get_secret_value() for each in keys.secret]
        self._restricted = [(each.key.get_secret_value(), each.permissions) for each in keys.restricted]

    def require(self, authorization: str | None, resource: str, access: Access) -> None:
        key = _presented(authorization)
        if key is None:
            raise unauthenticated(None)
        if any(_same(key, each) for each in self._secret):
            return
        permissions = next((given for each, given in self._restricted if _same(key, each)), None)
        if permissions is None:
            raise unauthenticated(starred(key))
        if permissions.get(resource) not in (access, "write"):
            raise forbidden(starred(key), f"rak_{resource}_{access}")


def starred(key: str) -> str:
    """`sk_test_****1234`, as Stripe repeats a key."""
    head = "_".join(key.split("_")[:2])
    return f"{head}_{'*' * 8}{key[-4:]}" if len(key) > 12 else "****"


def _presented(authorization: str | None) -> str | None:
    scheme, _, value = (authorization or "").partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip() or None
        case "basic":
            try:
                return base64.b64decode(value, validate=True).decode().partition(":")[0] or None
            except (binascii.Error, UnicodeDecodeError):
                return None
        case _:
            return None


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(), other.encode())
