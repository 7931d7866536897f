"""JSON as this package exchanges it: numbers with a fraction are `Decimal`, never float.

Belongs here: parsing and writing JSON text. Does not belong here: checking shapes (`shapes`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TypeAlias, cast

# In quotes because it names itself.
JsonValue: TypeAlias = "bool | int | Decimal | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]

_LARGEST_EXPONENT = 100


def parse_json(body: bytes, *, unique_names: bool = False) -> JsonValue:
    """Parse UTF-8 JSON. Raises ValueError for anything else, for NaN and infinities, and for absurd
    nesting; with `unique_names` also for an object that says two things under one name.
    """
    try:
        return cast(
            "JsonValue",
            json.loads(
                body.decode("utf-8"),
                parse_float=_decimal,
                parse_constant=_no_constant,
                object_pairs_hook=_distinct if unique_names else None,
            ),
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except json.JSONDecodeError as error:
        # The original error carries the whole document, which must not travel into logs.
        raise ValueError(f"{error.msg} at character {error.pos}") from None
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None


def dump_json(value: JsonValue) -> bytes:
    """Write compact JSON; a Decimal becomes a number with exactly its digits (`19.90` stays `19.90`).

    Raises ValueError for what is no JSON value: NaN, infinities, numbers out of any sensible range.
    """
    try:
        return json.dumps(
            value, default=_is_decimal, ensure_ascii=False, separators=(",", ":"), allow_nan=False
        ).encode()
    except _DecimalInside:
        # The standard library writes every number as an int or a float, whatever type it is given.
        return _exact(value).encode()


def _distinct(members: list[tuple[str, object]]) -> dict[str, object]:
    named = dict(members)
    if len(named) < len(members):
        raise ValueError("an object has two members of one name")
    return named


def _decimal(text: str) -> Decimal:
    # Beyond this no amount is meant, and arithmetic on 1e999999999 would hang the process.
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("a number out of any sensible range") from None
    if abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError("a number out of any sensible range")
    return number


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


class _DecimalInside(Exception):  # noqa: N818 - a signal to this module, no error
    """A value holds a Decimal."""


def _is_decimal(value: object) -> object:
    if isinstance(value, Decimal):
        raise _DecimalInside
    raise ValueError(f"{value!r} cannot be written as a JSON value")


def _exact(value: JsonValue) -> str:
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > _LARGEST_EXPONENT:
            raise ValueError(f"{value!r} cannot be written as an exact JSON value")
        return format(abs(value) if value == 0 else value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_name(name)}:{_exact(each)}" for name, each in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(_exact, value)) + "]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _name(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
