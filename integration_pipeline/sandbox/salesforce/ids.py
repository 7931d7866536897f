"""Record ids: fifteen characters that tell case apart, and three more that spell out their case."""

from __future__ import annotations

import re

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CASES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")
# Two characters of the instance and a reserved one stand between an object's prefix and the number.
_INSTANCE = "Wx0"


def new_id(prefix: str, number: int) -> str:
    """The id of the `number`th record of an object, in 18 characters; later ids sort behind earlier ones."""
    text = ""
    for _ in range(9):
        number, digit = divmod(number, 62)
        text = _DIGITS[digit] + text
    return long_id(f"{prefix}{_INSTANCE}{text}")


def long_id(short: str) -> str:
    """15 characters to 18: a character for each five, whose bits say which of them are upper case."""
    return short + "".join(
        _CASES[sum(1 << place for place, each in enumerate(short[start : start + 5]) if each.isupper())]
        for start in (0, 5, 10)
    )


def known_form(text: str) -> str | None:
    """An id in 18 characters from either form; None for what is no id."""
    if not _ID.fullmatch(text):
        return None
    return long_id(text[:15])
