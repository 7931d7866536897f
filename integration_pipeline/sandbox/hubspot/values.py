"""Property values: which HubSpot takes for which property type, and how it gives them back.

Every stored value is a non-empty string in HubSpot's own form. Values that follow from others: `calculated`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from integration_pipeline.sandbox.hubspot.clock import iso, parse_moment
from integration_pipeline.sandbox.hubspot.errors import InvalidProperty, invalid_properties
from integration_pipeline.sandbox.hubspot.property_definitions import PropertyDefinition, PropertyType

Scalar = str | int | float | bool | None

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_DAY_MS = 86_400_000
_MAX_TEXT = 65_536


def as_text(value: Scalar) -> str:
    """HubSpot takes JSON numbers and booleans and keeps them as text; null and "" both clear a property."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def checked(
    definitions: Mapping[str, PropertyDefinition], given: Mapping[str, Scalar], *, creating: bool
) -> dict[str, str]:
    """The values as HubSpot stores them, "" for a cleared property.

    Raises the 400 that names every refused property: unknown, read-only, or of the wrong type.
    """
    accepted: dict[str, str] = {}
    refused: list[InvalidProperty] = []
    for name, value in given.items():
        definition = definitions.get(name)
        if definition is None or definition.archived:
            message = f'Property "{name}" does not exist'
            refused.append(InvalidProperty(name, "PROPERTY_DOESNT_EXIST", message))
        elif definition.calculated or (definition.create_only and not creating):
            message = f'"{name}" is a read only property; its value cannot be set.'
            refused.append(InvalidProperty(name, "READ_ONLY_VALUE", message))
        else:
            result = _normalised(definition, as_text(value))
            if isinstance(result, InvalidProperty):
                refused.append(result)
            else:
                accepted[name] = result
    if refused:
        raise invalid_properties(refused)
    return accepted


def _normalised(definition: PropertyDefinition, text: str) -> str | InvalidProperty:
    return _BY_TYPE[definition.type](definition, text) if text else ""


def _text(definition: PropertyDefinition, text: str) -> str | InvalidProperty:
    if len(text) > _MAX_TEXT:
        return InvalidProperty(definition.name, "PROPERTY_VALUE_TOO_LONG", f"{definition.name} is too long.")
    if definition.name == "email":
        if not _EMAIL.fullmatch(text):
            return InvalidProperty("email", "INVALID_EMAIL", f"Email address {text} is invalid")
        return text.lower()
    return text


def _number(definition: PropertyDefinition, text: str) -> str | InvalidProperty:
    if not _NUMBER.fullmatch(text):
        return InvalidProperty(definition.name, "INVALID_NUMBER", f"{text} was not a valid number.")
    return text


def _date(definition: PropertyDefinition, text: str) -> str | InvalidProperty:
    moment = parse_moment(text)
    if moment is None or moment % _DAY_MS:
        message = f"{text} was not a valid date; dates are YYYY-MM-DD or midnight UTC in epoch milliseconds."
        return InvalidProperty(definition.name, "INVALID_DATE", message)
    return iso(moment)[:10]


def _datetime(definition: PropertyDefinition, text: str) -> str | InvalidProperty:
    moment = parse_moment(text)
    if moment is None:
        return InvalidProperty(definition.name, "INVALID_LONG", f"{text} was not a valid long.")
    return iso(moment)


def _enumeration(definition: PropertyDefinition, text: str) -> str | InvalidProperty:
    if definition.external_options:
        if text.isascii() and text.isdigit():
            return text
        message = f"{text} was not a valid integer (for owner ID)."
        return InvalidProperty(definition.name, "INVALID_INTEGER", message)
    allowed = [option.value for option in definition.options]
    # Only a multiple checkbox takes several options, joined by semicolons.
    chosen = text.strip(";").split(";") if definition.field_type == "checkbox" else [text]
    for value in chosen:
        if value not in allowed:
            message = f"{value} was not one of the allowed options: [{', '.join(allowed)}]"
            return InvalidProperty(definition.name, "INVALID_OPTION", message)
    return text


def _bool(definition: PropertyDefinition, text: str) -> str | InvalidProperty:
    if text.lower() not in {"true", "false"}:
        message = f"{text} was not one of the allowed options: [true, false]"
        return InvalidProperty(definition.name, "INVALID_OPTION", message)
    return text.lower()


_BY_TYPE: dict[PropertyType, Callable[[PropertyDefinition, str], str | InvalidProperty]] = {
    "string": _text,
    "number": _number,
    "date": _date,
    "datetime": _datetime,
    "enumeration": _enumeration,
    "bool": _bool,
}
