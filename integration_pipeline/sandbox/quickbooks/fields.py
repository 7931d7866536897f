"""Reading a request's fields as what they must be; each raises Intuit's refusal naming the field.

Empty text counts as not given: client libraries send every field they know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, cast

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.quickbooks.errors import (
    invalid_choice,
    invalid_date,
    invalid_number,
    invalid_text,
    required,
    unsupported_property,
    wrong_length,
)

_CENT = Decimal("0.01")
_MOST = Decimal("99999999999.99")


def given(body: Mapping[str, Any], known: Iterable[str]) -> JsonObject:
    """The fields with a value. Raises for one the entity does not have."""
    names = frozenset(known)
    for name in body:
        if name not in names:
            raise unsupported_property(name)
    return {name: value for name, value in body.items() if value is not None and value != ""}


def money(amount: Decimal) -> Decimal:
    """To the cent, halves away from zero as QuickBooks rounds."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def number(body: Mapping[str, Any], name: str) -> Decimal | None:
    """A number, given as one or as text of one."""
    value = body.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = Decimal(value)
        except ArithmeticError:
            raise invalid_number(name, value) from None
    if not isinstance(value, Decimal) or not value.is_finite() or abs(value) > _MOST:
        raise invalid_number(name, cast("object", value))
    return value


def amount(body: Mapping[str, Any], name: str) -> Decimal | None:
    """A number of money, to the cent."""
    value = number(body, name)
    return None if value is None else money(value)


def text(body: Mapping[str, Any], name: str, most: int) -> str | None:
    value = body.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise invalid_text(name, "not a string")
    if len(value) > most:
        raise wrong_length(name, most, len(value))
    return value


def choice(body: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str | None:
    value = body.get(name)
    if value is None or value == "":
        return None
    if value not in choices:
        raise invalid_choice(name, value, choices)
    return cast("str", value)


def day(body: Mapping[str, Any], name: str) -> str | None:
    """A civil date; a time of day and an offset behind it are dropped."""
    value = body.get(name)
    if value is None or value == "":
        return None
    try:
        return date.fromisoformat(value[:10]).isoformat()
    except (TypeError, ValueError):
        raise invalid_date(name, value) from None


def reference(body: Mapping[str, Any], name: str) -> str | None:
    """The `value` of a reference; an empty one counts as not given."""
    found = body.get(name)
    if found is None:
        return None
    value = cast("JsonObject", found).get("value") if isinstance(found, dict) else None
    if value is None or value == "":
        if isinstance(found, dict) and not any(cast("JsonObject", found).values()):
            return None
        raise required(f"{name}.value")
    if isinstance(value, Decimal):
        return f"{value:f}"
    if not isinstance(value, str) or len(value) > 40:
        raise invalid_text(name, "a reference's value is a short string")
    return value


def objects(body: Mapping[str, Any], name: str) -> list[JsonObject]:
    """A list of objects; empty where there is none."""
    value = body.get(name)
    if value is None or value == "":
        return []
    if not isinstance(value, list):
        raise invalid_text(name, "not a list of objects")
    for each in cast("list[object]", value):
        if not isinstance(each, dict):
            raise invalid_text(name, "not a list of objects")
    return cast("list[JsonObject]", value)


def nested(body: Mapping[str, Any], name: str) -> JsonObject:
    """An object; empty where there is none."""
    value = body.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise invalid_text(name, "not an object")
    return cast("JsonObject", value)
