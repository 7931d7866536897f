"""Ids as Stripe makes them: a prefix that names the kind, then 24 letters and digits."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.digits + string.ascii_letters


def new_id(prefix: str) -> str:
    """`new_id("ch")` -> `ch_3Qk…`."""
    drawn = secrets.randbits(150)
    letters: list[str] = []
    for _ in range(24):
        drawn, digit = divmod(drawn, 62)
        letters.append(_ALPHABET[digit])
    return f"{prefix}_{''.join(letters)}"
