"""How single values of contract terms are read: decimals, dates, text, currencies.

Belongs here: the pydantic field types of `terms`, strict enough that nothing is guessed. Does not belong
here: reading what people type into a CRM ("$1,200", "3/1/2017"); that is the mapping's business.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from integration_pipeline.billing.currencies import minor_unit_exponent

WHOLE_DIGITS = 15
"""Most digits before the decimal point of a quantity or price."""
DECIMAL_PLACES = 12
"""Most digits after it; the finest published price list known to us has ten."""
FIRST_YEAR, LAST_YEAR = 1900, 2999

_PLAIN_DECIMAL = re.compile(rf"-?[0-9]{{1,{WHOLE_DIGITS}}}(\.[0-9]{{1,{DECIMAL_PLACES}}})?")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER_HINT = (
    f'write a plain decimal such as "1250.50" ({WHOLE_DIGITS} digits, {DECIMAL_PLACES} decimals at most)'
)


def _plain_decimal(value: object) -> Decimal:
    """Exact decimals only; an exponent is refused, as `1e999999` would take all memory when made exact."""
    if isinstance(value, float):
        # ValueError here and below: pydantic reports it as a problem of the field, a TypeError would escape.
        raise ValueError(f'a binary float holds few prices exactly; write it as a string: "{value!r}"')  # noqa: TRY004
    if isinstance(value, str):
        if _PLAIN_DECIMAL.fullmatch(value):
            number = Decimal(value)
            return number if number else number.copy_abs()
        raise ValueError(_NUMBER_HINT)
    if isinstance(value, bool):
        raise ValueError(_NUMBER_HINT)  # noqa: TRY004
    if isinstance(value, int) and abs(value) < 10**WHOLE_DIGITS:
        return Decimal(value)
    if isinstance(value, Decimal) and -DECIMAL_PLACES <= value.adjusted() < WHOLE_DIGITS:
        # A Decimal of 1E+3 and one of 1000 are the same term, and must give the same bytes.
        return _plain_decimal(f"{value:f}")
    raise ValueError(_NUMBER_HINT)


def _civil_date(value: object) -> date:
    if isinstance(value, str) and _ISO_DATE.fullmatch(value):
        day = date.fromisoformat(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        day = value
    else:
        raise ValueError("write a civil date without a time, as 2026-01-31")
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(
            f"the year must lie within {FIRST_YEAR}..{LAST_YEAR}; an open end is left out, not far away"
        )
    return day


def _meaningful(value: str) -> str:
    if not value.strip():
        raise ValueError("is blank")
    if "\x00" in value:
        raise ValueError("holds a NUL character, which no database text can store")
    return value


def _currency(value: str) -> str:
    minor_unit_exponent(value)
    return value


TermDecimal = Annotated[
    Decimal,
    BeforeValidator(_plain_decimal),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": f"^{_PLAIN_DECIMAL.pattern}$"}, {"type": "integer"}]}
    ),
]
"""A quantity, price or percentage: a Decimal, given as a plain decimal string or an integer."""

TermDate = Annotated[date, BeforeValidator(_civil_date), WithJsonSchema({"type": "string", "format": "date"})]
"""A civil date in the billing entity's time zone."""

Identifier = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_meaningful)]
Text = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_meaningful)]
CurrencyCode = Annotated[str, AfterValidator(_currency)]
"""An ISO 4217 code that has minor units."""
