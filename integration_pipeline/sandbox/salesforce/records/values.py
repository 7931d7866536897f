"""Values of fields: what a request may write, how it is kept, and how it is shown.

Which fields a request may write at all is `writing`.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TypeAlias

from integration_pipeline.sandbox.salesforce.errors import invalid_value, json_error
from integration_pipeline.sandbox.salesforce.ids import known_form
from integration_pipeline.sandbox.salesforce.moments import civil_date, in_bulk, in_rest, moment_ms
from integration_pipeline.sandbox.salesforce.records.store import Record, Stored
from integration_pipeline.sandbox.salesforce.rendering import Value, double
from integration_pipeline.sandbox.salesforce.schema.fields import DOUBLES, NUMBERS, Field, FieldType

Given: TypeAlias = "str | int | bool | Decimal | object | None"

_TEXTS = frozenset(
    {
        FieldType.STRING,
        FieldType.TEXTAREA,
        FieldType.PICKLIST,
        FieldType.MULTIPICKLIST,
        FieldType.EMAIL,
        FieldType.PHONE,
        FieldType.URL,
    }
)
_DIGITS = 18


def kept(field: Field, given: Given) -> Stored:
    """A value of a JSON request as it is stored; raises the refusal Salesforce gives to what does not fit."""
    if given is None or given == "":
        return False if field.type is FieldType.BOOLEAN else None
    if field.type in NUMBERS:
        return _number(field, given)
    match field.type:
        case FieldType.BOOLEAN:
            if isinstance(given, bool):
                return given
            if isinstance(given, str) and given.lower() in ("true", "false"):
                return given.lower() == "true"
            raise _not_a("boolean", given)
        case FieldType.REFERENCE | FieldType.ID:
            return _reference(field, given)
        case FieldType.DATE:
            if not isinstance(given, str) or civil_date(given[:10]) is None:
                raise _not_a("date", given)
            return given[:10]
        case FieldType.DATETIME:
            moment = moment_ms(given) if isinstance(given, str) else None
            if moment is None:
                raise _not_a("datetime", given)
            return in_rest(moment - moment % 1_000)
        case _:
            return _text(field, given)


def shown(field: Field, record: Record) -> Value:
    """A field of a record in JSON."""
    system = _system(field.name, record)
    if isinstance(system, int) and not isinstance(system, bool):
        return in_rest(system)
    if system is not None:
        return system
    held = record.body.get(field.name)
    if held is None:
        return False if field.type is FieldType.BOOLEAN else None
    if field.type in DOUBLES:
        return Decimal(str(held))
    return int(str(held)) if field.type is FieldType.INT else held


def in_csv(field: Field, record: Record) -> str:
    """A field of a record in the CSV of a bulk job; empty where it holds nothing."""
    value = shown(field, record)
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return double(value)
        case _ if field.type is FieldType.DATETIME:
            moment = moment_ms(str(value))
            return "" if moment is None else in_bulk(moment)
        case _:
            return str(value)


def _system(name: str, record: Record) -> str | bool | int | None:
    match name:
        case "Id":
            return record.id
        case "IsDeleted":
            return record.deleted
        case "CreatedDate":
            return record.created_ms
        case "LastModifiedDate":
            return record.modified_ms
        case "SystemModstamp":
            return record.stamp_ms
        case _:
            return None


def _number(field: Field, given: Given) -> str:
    if isinstance(given, bool) or not isinstance(given, (int, Decimal, str)):
        raise _not_a("double", given)
    try:
        number = Decimal(given)
    except InvalidOperation:
        raise _not_a("double", given) from None
    if not number.is_finite() or number.adjusted() >= _DIGITS:
        raise invalid_value(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range on numeric field: {given}",
            field.name,
        )
    places = Decimal(1).scaleb(-field.scale)
    rounded = number.quantize(places, ROUND_HALF_UP) if -number.as_tuple().exponent > field.scale else number  # pyright: ignore[reportOperatorIssue] - finite
    whole = max(field.precision - field.scale, 1)
    if field.precision and abs(rounded) >= Decimal(10) ** whole:
        raise invalid_value(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range on numeric field: {given}",
            field.name,
        )
    return f"{rounded.normalize():f}" if rounded else "0"


def _reference(field: Field, given: Given) -> str:
    known = known_form(given) if isinstance(given, str) else None
    if known is None:
        raise invalid_value("MALFORMED_ID", f"{field.label}: id value of incorrect type: {given}", field.name)
    return known


def _text(field: Field, given: Given) -> str:
    if isinstance(given, bool) or not isinstance(given, (str, int, Decimal)) or field.type not in _TEXTS:
        raise _not_a("string", given)
    text = str(given)
    if len(text) > field.length:
        raise invalid_value(
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {text[:60]} (max length={field.length})",
            field.name,
        )
    if field.type in (FieldType.PICKLIST, FieldType.MULTIPICKLIST) and field.restricted:
        chosen = text.split(";") if field.type is FieldType.MULTIPICKLIST else [text]
        known = {choice.value for choice in field.choices}
        wrong = next((each for each in chosen if each not in known), None)
        if wrong is not None:
            raise invalid_value(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"{field.label}: bad value for restricted picklist field: {wrong}",
                field.name,
            )
    if field.type is FieldType.EMAIL and ("@" not in text or " " in text):
        raise invalid_value(
            "INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", field.name
        )
    return text


def _not_a(kind: str, given: Given) -> Exception:
    what = "VALUE_STRING" if isinstance(given, str) else "VALUE_NUMBER"
    return json_error(
        f"Cannot deserialize instance of {kind} from {what} value {given} or request may be missing a "
        "required field at [line:1, column:2]"
    )
