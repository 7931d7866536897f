"""Ids and tokens as Plaid makes them."""

from __future__ import annotations

import secrets
import string
from uuid import uuid4

_ALPHABET = string.ascii_letters + string.digits


def new_id() -> str:
    """37 letters and digits: an item, an account, a transaction."""
    return _drawn(37)


def new_request_id() -> str:
    return _drawn(15)


def new_token(kind: str, environment: str) -> str:
    """`access-production-8ab976e6-…`."""
    return f"{kind}-{environment}-{uuid4()}"


def _drawn(length: int) -> str:
    drawn = secrets.randbits(6 * length + 20)
    letters: list[str] = []
    for _ in range(length):
        drawn, digit = divmod(drawn, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return "".join(letters)
