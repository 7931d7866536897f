"""Reading the text of one CRM field as a number, a date, a currency or a picklist value.

Belongs here: text in, typed value out, or a sentence that says why not. Does not belong here: which
field is read for which term (the mapping file decides).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.errors import UnknownCurrency
from integration_pipeline.mapping.document import Candidate, Reading

Value = str | Decimal | int | date

_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,12})?")
_GROUPED_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,3}(?P<group>[,. '\u00a0\u202f])[0-9]{3}(?:(?P=group)[0-9]{3})*|[0-9]{1,18})"
    r"(?P<fraction>[.,][0-9]{1,3})?"
)
_CURRENCY = r"[A-Z]{3}|[€$£¥]"
_AMOUNT_WITH_CURRENCY = re.compile(rf"(?P<before>{_CURRENCY})?(?P<amount>[^A-Z€$£¥]*)(?P<after>{_CURRENCY})?")
# Dollars and yuan or yen are too many countries' to tell.
_CURRENCY_OF_SIGN = {"€": "EUR", "£": "GBP"}
# Python would take any character between date and time, a digit too.
_ISO_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_EPOCH_MILLISECONDS = re.compile(r"-?[0-9]{12,14}")


class Unreadable(ValueError):  # noqa: N818 - said of a value, not of the program
    """The text cannot be read as asked; the message completes the sentence "<field> <value> ..."."""


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
            return _plain_number(text)
        case Reading.AMOUNT_TEXT:
            return amount_in_text(text)
        case Reading.INTEGER:
            return _integer(text)
        case Reading.DATE:
            return _civil_date(text, candidate.formats, zone)
        case Reading.CURRENCY:
            return _currency(text)


def _plain_number(text: str) -> Decimal:
    if not _PLAIN_NUMBER.fullmatch(text):
        raise Unreadable("is not a number such as 1250.00")
    return Decimal(text)


def _integer(text: str) -> int:
    number = _plain_number(text)
    if number != number.to_integral_value():
        raise Unreadable("is not a whole number")
    return int(number)


def amount_in_text(text: str) -> Decimal:
    """A person's amount: `EUR 12.500,00`, `1,200.50 USD`, `12 500`. Refuses what could mean two amounts.

    The last separator is the decimal one if one to two digits follow it; `12.500` alone could be twelve
    thousand or twelve and a half, so it is refused rather than guessed.
    """
    parts = _AMOUNT_WITH_CURRENCY.fullmatch(text.strip())
    bare = parts["amount"].strip() if parts else ""
    match = _GROUPED_NUMBER.fullmatch(bare)
    if parts is None or match is None or (parts["before"] and parts["after"]):
        raise Unreadable("is not an amount such as 1,250.00")
    group, fraction = match["group"], match["fraction"] or ""
    whole = bare.removesuffix(fraction)
    if group and fraction.startswith(group):
        raise Unreadable(f"uses {group!r} both between thousands and before the decimals")
    if len(fraction) == 4 and group is None:  # a separator and three digits
        raise Unreadable("could be thousands or decimals: write it with two decimals")
    if fraction == "" and group in {",", "."} and whole.count(group) == 1:
        raise Unreadable("could be thousands or decimals: write it with two decimals")
    digits = re.sub(r"[^0-9+-]", "", whole)
    return Decimal(digits + fraction.replace(",", "."))


def currency_in_text(text: str) -> str | None:
    """The currency that such an amount names: `EUR`, or None where it says nothing or only `$`."""
    parts = _AMOUNT_WITH_CURRENCY.fullmatch(text.strip())
    named = (parts["before"] or parts["after"] or "") if parts else ""
    return _CURRENCY_OF_SIGN.get(named, named if named.isalpha() else None)


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
