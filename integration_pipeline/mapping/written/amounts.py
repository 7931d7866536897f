"""Numbers, amounts and prices as people write them.

Belongs here: one number out of one text. Does not belong here: lists of them (`spans`).
"""

from __future__ import annotations

import re
from decimal import Decimal

_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,12})?")
_GROUPED_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,3}(?P<group>[,. '\u00a0\u202f])[0-9]{3}(?:(?P=group)[0-9]{3})*|[0-9]{1,18})"
    r"(?P<fraction>[.,][0-9]{1,3})?"
)
_CURRENCY = r"[A-Z]{3}|[€$£¥]"
_AMOUNT_WITH_CURRENCY = re.compile(rf"(?P<before>{_CURRENCY})?(?P<amount>[^A-Z€$£¥]*)(?P<after>{_CURRENCY})?")
# Dollars and yuan or yen are too many countries' to tell.
_CURRENCY_OF_SIGN = {"€": "EUR", "£": "GBP"}
# No thousands look like this: a lone zero before the point, or not three digits after it.
_FINE_PRICE = re.compile(r"0[.,][0-9]{1,12}|[0-9]{1,15}[.,](?:[0-9]{1,2}|[0-9]{4,12})")
_PERCENT = re.compile(r"(?P<number>[+-]?[0-9]{1,4}(?:[.,][0-9]{1,6})?)\s*%")


class Unreadable(ValueError):  # noqa: N818 - said of a value, not of the program
    """The text cannot be read as asked; the message completes the sentence "<field> <value> ..."."""


def plain_number(text: str) -> Decimal:
    """A number as programs write it: `1250.00`."""
    if not _PLAIN_NUMBER.fullmatch(text):
        raise Unreadable("is not a number such as 1250.00")
    return Decimal(text)


def whole_number(text: str) -> int:
    """A plain number without decimals, or with nothing but zeros there."""
    number = plain_number(text)
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


def price_in_text(text: str) -> Decimal:
    """An amount that may be finer than money is: `USD 0.0125`. Refuses a negative one."""
    parts = _AMOUNT_WITH_CURRENCY.fullmatch(text.strip())
    bare = parts["amount"].strip() if parts else ""
    if parts and not (parts["before"] and parts["after"]) and _FINE_PRICE.fullmatch(bare):
        return Decimal(bare.replace(",", "."))
    price = amount_in_text(text)
    if price < 0:
        raise Unreadable("has a negative price")
    return price


def percentage_in_text(text: str) -> Decimal | None:
    """`50 %` or `9,975%` as 50 or 9.975; None if the text is no percentage. A comma is a decimal one here."""
    match = _PERCENT.fullmatch(text.strip())
    return Decimal(match["number"].replace(",", ".")) if match else None
