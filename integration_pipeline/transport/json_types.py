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
    """Write compact JSON; a Decimal becomes a number with exactly its value, or ValueError if that cannot
    be.
    """
    return json.dumps(
        value, default=_exact_number, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


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
    if abs(number.adjusted()) > 100:
        raise ValueError("a number out of any sensible range")
    return number


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _exact_number(value: object) -> object:
    if isinstance(value, Decimal) and value.is_finite():
        if value == value.to_integral_value():
            return int(value)
        # repr(float) is the shortest text that reads back as the same float: equal for any amount a vendor
        # takes.
        shortest = float(value)
        if Decimal(repr(shortest)) == value:
            return shortest
    raise ValueError(f"{value!r} cannot be written as an exact JSON value")
