"""JSON with numbers as Salesforce writes them, to the last digit.

Its numbers are Java's: a double has a decimal point (`10.0`), and from ten million on an exponent
(`1.2345678E7`). Which field holds what is `schema`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from json.encoder import encode_basestring
from typing import TypeAlias, cast

from starlette.responses import Response

Value: TypeAlias = "str | int | bool | Decimal | Sequence[Value] | Mapping[str, Value] | None"
JsonObject: TypeAlias = Mapping[str, Value]

_PLAIN_BELOW = Decimal(10_000_000)
_PLAIN_FROM = Decimal("0.001")


def as_json(value: Value) -> str:
    """A `Decimal` is a double, an `int` a whole number."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts)


def double(number: Decimal) -> str:
    """As Java's `Double.toString` writes it, without its loss of digits."""
    number = number.normalize()
    if number == 0:
        return "0.0"
    if _PLAIN_FROM <= abs(number) < _PLAIN_BELOW:
        text = f"{number:f}"
        return text if "." in text else f"{text}.0"
    sign, digits, _ = number.as_tuple()
    shown = "".join(map(str, digits))
    return f"{'-' if sign else ''}{shown[0]}.{shown[1:] or '0'}E{number.adjusted()}"


class Answer(Response):
    """A JSON answer."""

    media_type = "application/json;charset=UTF-8"

    def __init__(self, content: Value, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(as_json(content).encode(), status, headers)


def _write(value: Value, parts: list[str]) -> None:
    match value:
        case str():
            parts.append(encode_basestring(value))
        case None:
            parts.append("null")
        case True:
            parts.append("true")
        case False:
            parts.append("false")
        case int():
            parts.append(str(value))
        case Decimal():
            parts.append(double(value))
        case Mapping():
            _write_members(cast("JsonObject", value), parts)
        case _:
            parts.append("[")
            for place, each in enumerate(value):
                if place:
                    parts.append(",")
                _write(each, parts)
            parts.append("]")


def _write_members(value: JsonObject, parts: list[str]) -> None:
    parts.append("{")
    for place, (name, each) in enumerate(value.items()):
        if place:
            parts.append(",")
        parts.append(encode_basestring(name))
        parts.append(":")
        _write(each, parts)
    parts.append("}")
