"""Values of an element as a client sent it: the wrong type refuses the whole request, as Xero's parser does.

What a value means, and whether it is allowed, belongs to the endpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, cast
from uuid import UUID

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero.dates import read_day
from integration_pipeline.sandbox.xero.errors import post_data_invalid

# Two numbers of so many digits can be multiplied and rounded within a Decimal's precision.
_MOST_DIGITS = 11
_FORMAT = "Input string was not in a correct format."


def text(element: JsonObject, name: str) -> str | None:
    """None where the field is absent or null; numbers count as their digits."""
    value = element.get(name)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return f"{value}"
    raise post_data_invalid(f"{name}: a string is expected.")


def stated(element: JsonObject, name: str) -> str | None:
    """As `text`, but blank counts as absent."""
    value = text(element, name)
    return value.strip() or None if value is not None else None


def number(element: JsonObject, name: str) -> Decimal | None:
    """A number, or its digits in a string as Xero also reads them."""
    value = element.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, (int, str, Decimal)) and not isinstance(value, bool):
        try:
            read = Decimal(value)
        except InvalidOperation:
            raise post_data_invalid(_FORMAT) from None
        if read.is_finite() and abs(read.adjusted()) <= _MOST_DIGITS:
            return read
    raise post_data_invalid(_FORMAT)


def flag(element: JsonObject, name: str) -> bool | None:
    value = element.get(name)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise post_data_invalid(f"{name}: a boolean is expected.")


def day(element: JsonObject, name: str) -> str | None:
    """An ISO date."""
    value = stated(element, name)
    if value is None:
        return None
    try:
        return read_day(value)
    except (ValueError, OverflowError):
        raise post_data_invalid(f"The string '{value}' is not a valid date for {name}.") from None


def guid(element: JsonObject, name: str) -> str | None:
    value = stated(element, name)
    if value is None:
        return None
    read = as_guid(value)
    if read is None:
        raise post_data_invalid(f"Error converting value {value} to type 'System.Guid' for {name}.")
    return read


def as_guid(value: str) -> str | None:
    """The identifier as it is stored, or None for what is none."""
    try:
        return str(UUID(value))
    except ValueError:
        return None


def member(element: JsonObject, name: str) -> JsonObject | None:
    value = element.get(name)
    if value is None or isinstance(value, dict):
        return cast("JsonObject | None", value)
    raise post_data_invalid(f"{name}: an object is expected.")


def members(element: JsonObject, name: str) -> list[JsonObject] | None:
    value = element.get(name)
    return None if value is None else objects(value, name)


def objects(value: Any, name: str) -> list[JsonObject]:
    """A JSON array of objects. Raises the 400 of a body that cannot be read."""
    if isinstance(value, list) and all(isinstance(one, dict) for one in cast("Sequence[object]", value)):
        return cast("list[JsonObject]", value)
    raise post_data_invalid(f"{name}: an array of objects is expected.")
