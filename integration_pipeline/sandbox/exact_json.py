"""JSON whose numbers keep their digits, for vendors whose bodies are full of amounts: `40.00` stays `40.00`.

Text and values only: a wrong shape is refused where it is used. Beside `transport.json_types`, which is for a
few bodies at a time, this writes several times as fast: a sandbox writes every record it keeps and shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring
from typing import Any, cast

JsonObject = dict[str, Any]

# No amount is meant beyond this, and arithmetic on 1e999999999 would hang the process.
_MOST_DIGITS = 40


def parse(text: str | bytes, *, all_decimal: bool = False) -> Any:
    """Numbers with a fraction are Decimals, whole ones ints, or with `all_decimal` Decimals as well.

    Raises ValueError for no JSON, NaN, numbers beyond any amount, and halves of characters.
    """
    whole = _number if all_decimal else int
    try:
        value = json.loads(text, parse_float=_number, parse_int=whole, parse_constant=_no_constant)
        if (b"\\u" if isinstance(text, bytes) else "\\u") in text:  # pyright: ignore[reportOperatorIssue]
            # Only an escape can write half of a surrogate pair, which no file can keep.
            dump(value).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def dump(value: object) -> str:
    """Compact JSON, non-ASCII as it is. Raises TypeError for what JSON cannot say."""
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts)


def _write(value: object, add: Callable[[str], None]) -> None:
    if isinstance(value, str):
        add(encode_basestring(value))
    elif isinstance(value, Decimal):
        add(f"{value:f}")
    elif value is None or value is True or value is False:
        add("null" if value is None else "true" if value else "false")
    elif isinstance(value, int):
        add(str(value))
    elif isinstance(value, Mapping):
        mark = "{"
        for name, member in cast("Mapping[str, object]", value).items():
            add(f"{mark}{encode_basestring(name)}:")
            _write(member, add)
            mark = ","
        add("{}" if mark == "{" else "}")
    elif isinstance(value, Sequence):
        mark = "["
        for member in cast("Sequence[object]", value):
            add(mark)
            _write(member, add)
            mark = ","
        add("[]" if mark == "[" else "]")
    else:
        raise TypeError(f"{type(value).__name__} is not JSON")


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("a number out of any sensible range") from None
    if abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError("a number out of any sensible range")
    return number


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
