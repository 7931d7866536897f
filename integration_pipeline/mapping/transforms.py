"""Reading the text of one CRM field as the mapping file says: picklists, bounds, dates, currencies.

Belongs here: text in, typed value out, or a sentence that says why not. Does not belong here: which
field is read for which term (the mapping file decides), what people write freely (`written`).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.errors import UnknownCurrency
from integration_pipeline.billing.terms import Anchor, PaymentTerms
from integration_pipeline.mapping.document import Candidate, Reading
from integration_pipeline.mapping.written.amounts import (
    Unreadable,
    amount_in_text,
    plain_number,
    whole_number,
)
from integration_pipeline.mapping.written.ramps import Ramp, ramp_in_text
from integration_pipeline.mapping.written.taxes import RateList, tax_rates_in_text
from integration_pipeline.mapping.written.tiers import TierList, tiers_in_text
from integration_pipeline.mapping.written.timing import anchor_in_text, payment_terms_in_text

Value = str | Decimal | int | date | Ramp | TierList | RateList | PaymentTerms | Anchor

# Python would take any character between date and time, a digit too.
_ISO_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_EPOCH_MILLISECONDS = re.compile(r"-?[0-9]{12,14}")


def read_value(candidate: Candidate, raw: str, zone: ZoneInfo) -> Value:
    """`raw` (stripped, not empty) as the candidate says; a timestamp becomes the civil date in `zone`.

    Raises `Unreadable`.
    """
    text = candidate.aliases.get(raw, raw)
    if candidate.values is not None:
        known = candidate.values.get(text, candidate.otherwise)
        if known is None:
            raise Unreadable(f"is not one of {', '.join(map(repr, candidate.values))}")
        text = known
    if candidate.unlike is not None and re.match(candidate.unlike, text):
        raise Unreadable("is not a usable name")
    value = _read(candidate, text, zone)
    if isinstance(value, Decimal | int):
        if candidate.above is not None and value <= candidate.above:
            raise Unreadable(f"must be more than {candidate.above}")
        if candidate.at_least is not None and value < candidate.at_least:
            raise Unreadable(f"must be at least {candidate.at_least}")
    return value


def _read(candidate: Candidate, text: str, zone: ZoneInfo) -> Value:
    match candidate.read:
        case Reading.TEXT:
            return text
        case Reading.DECIMAL:
            return plain_number(text)
        case Reading.AMOUNT_TEXT:
            return amount_in_text(text)
        case Reading.INTEGER:
            return whole_number(text)
        case Reading.DATE:
            return _civil_date(text, candidate.formats, zone)
        case Reading.CURRENCY:
            return _currency(text)
        case Reading.RAMP:
            return ramp_in_text(text)
        case Reading.PRICE_TIERS:
            return tiers_in_text(text)
        case Reading.TAX_RATES:
            return tax_rates_in_text(text)
        case Reading.PAYMENT_TERMS:
            return payment_terms_in_text(text)
        case Reading.ANCHOR:
            return anchor_in_text(text)


def _civil_date(text: str, formats: tuple[str, ...], zone: ZoneInfo) -> date:
    for pattern in formats:
        found = _iso_date(text, zone) if pattern == "iso" else _patterned_date(text, pattern)
        if found is not None:
            return found
    shown = " or ".join("2026-01-31" if pattern == "iso" else pattern for pattern in formats)
    raise Unreadable(f"is not a date of the form {shown}")


def _iso_date(text: str, zone: ZoneInfo) -> date | None:
    """An ISO date as it stands; an ISO timestamp or epoch milliseconds on the day it was in `zone`."""
    try:
        if _EPOCH_MILLISECONDS.fullmatch(text):
            return datetime.fromtimestamp(int(text) // 1000, UTC).astimezone(zone).date()
        if not _ISO_TIMESTAMP.fullmatch(text):
            return date.fromisoformat(text)  # a date without a time is the same in every zone
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone).date()
    except (ValueError, OverflowError, OSError):
        return None


def _patterned_date(text: str, pattern: str) -> date | None:
    try:
        return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a civil date has no time zone
    except ValueError:
        return None


def _currency(text: str) -> str:
    code = text.upper()
    try:
        minor_unit_exponent(code)
    except UnknownCurrency:
        raise Unreadable("is not an ISO 4217 currency code such as USD") from None
    return code
