"""Line items: their amounts, accounts and taxes, as Xero derives them from what was sent.

Unit amounts are rounded first, to 2 places or 4; then the line to 2; then its tax to 2. Tax is rounded per
line and summed: 25.06 + 25.61 + 25.63 at 15 % are 11.44 of tax, not 11.45. Halves are rounded up; Xero does
not say how it rounds them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import cast
from uuid import uuid4

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero.calls import Books
from integration_pipeline.sandbox.xero.errors import InvalidError
from integration_pipeline.sandbox.xero.fields import guid, members, number, stated, text
from integration_pipeline.sandbox.xero.records import Record

CENT = Decimal("0.01")
_QUANTITY = Decimal("0.0001")
_ONE = Decimal(1)
_HUNDRED = Decimal(100)
_LARGEST = Decimal("9999999999.99")
_LONGEST_DESCRIPTION = 4_000
# Xero keeps these for itself; documents get there through what they are.
_CONTROL_ACCOUNTS = frozenset({"DEBTORS", "CREDITORS", "GST", "RETAINEDEARNINGS"})
_APPLIES = {
    "ASSET": "CanApplyToAssets",
    "EQUITY": "CanApplyToEquity",
    "EXPENSE": "CanApplyToExpenses",
    "LIABILITY": "CanApplyToLiabilities",
    "REVENUE": "CanApplyToRevenue",
}


@dataclass(frozen=True, slots=True)
class Manner:
    """How the lines of one document are read. `accounts_needed`: each line must say its account.

    `item_details` are those of an item that fill in what a line leaves out; `places` are unit amounts'.
    """

    amount_types: str
    places: int
    discounts: bool
    item_details: str
    accounts_needed: bool


@dataclass(frozen=True, slots=True)
class _Amounts:
    quantity: Decimal
    unit: Decimal
    amount: Decimal
    discount_rate: Decimal | None = None
    discount_amount: Decimal | None = None


def rounded(amount: Decimal, step: Decimal = CENT) -> Decimal:
    return amount.quantize(step, ROUND_HALF_UP)


def lines(
    books: Books, given: Iterable[JsonObject], current: Iterable[JsonObject], manner: Manner
) -> list[JsonObject]:
    """The lines of a document. One that names the `LineItemID` of a `current` line keeps it, others are new.

    Raises `InvalidError` with what is wrong with any of them.
    """
    known = {line["LineItemID"] for line in current}
    messages: list[str] = []
    built: list[JsonObject] = []
    for line in given:
        try:
            built.append(_line(books, line, known, manner))
        except InvalidError as invalid:
            messages.extend(invalid.messages)
    if messages:
        raise InvalidError(*dict.fromkeys(messages))
    return built


def _line(books: Books, given: JsonObject, known: set[str], manner: Manner) -> JsonObject:
    item, details = _item(books, given, manner)
    description = text(given, "Description")
    if description is None and item is not None:
        description = cast("str | None", item.element.get("Description"))
    if not description:
        raise InvalidError("Description needs to be at least 1 char long.")
    if len(description) > _LONGEST_DESCRIPTION:
        raise InvalidError(f"Description may not be more than {_LONGEST_DESCRIPTION} characters long.")
    amounts = _amounts(given, details, manner)
    identifier = guid(given, "LineItemID")
    line: JsonObject = {
        "LineItemID": identifier if identifier in known else str(uuid4()),
        "Description": description,
        "Tracking": members(given, "Tracking") or [],
    }
    if len(line["Tracking"]) > 2:
        raise InvalidError("A line item can have at most 2 tracking categories.")
    if item is not None:
        line["ItemCode"] = item.element["Code"]
    account = _account(books, given, details)
    if amounts is None:
        # A line of text alone, which books nothing.
        return {**line, "TaxAmount": CENT * 0, "LineAmount": CENT * 0, "UnitAmount": CENT * 0}
    if account is None and manner.accounts_needed:
        raise InvalidError("Account code or ID must be specified")
    tax_type, rate = _tax(books, given, details, account, manner)
    tax = _tax_amount(given, amounts.amount, rate, manner.amount_types)
    if max(abs(amounts.amount), abs(tax)) > _LARGEST:
        raise InvalidError(f"The line total may not be more than {_LARGEST}.")
    line |= {
        "Quantity": amounts.quantity,
        "UnitAmount": amounts.unit,
        "LineAmount": amounts.amount,
        "TaxType": tax_type,
        "TaxAmount": tax,
    }
    if account is not None:
        line |= {"AccountCode": account.element["Code"], "AccountID": account.id}
    if amounts.discount_rate is not None:
        line["DiscountRate"] = amounts.discount_rate
    if amounts.discount_amount is not None:
        line["DiscountAmount"] = amounts.discount_amount
    return line


def _amounts(given: JsonObject, details: JsonObject, manner: Manner) -> _Amounts | None:
    """None for a line without any amount. Raises `InvalidError` where the line's own total is another."""
    quantity, unit, stated_amount = (number(given, name) for name in ("Quantity", "UnitAmount", "LineAmount"))
    if unit is None and stated_amount is None:
        unit = number(details, "UnitPrice")
    step = Decimal(1).scaleb(-manner.places)
    if unit is None:
        if stated_amount is None:
            return None
        quantity = rounded(_ONE if quantity is None else quantity, _QUANTITY)
        amount = rounded(stated_amount)
        return _Amounts(quantity, rounded(amount / quantity if quantity else amount, step), amount)
    unit = rounded(unit, step)
    if quantity is None:
        quantity = stated_amount / unit if stated_amount is not None and unit else _ONE
    amounts = _discounted(given, rounded(quantity, _QUANTITY), unit, manner)
    if stated_amount is not None and rounded(stated_amount) != amounts.amount:
        raise InvalidError(
            f"The line total {rounded(stated_amount)} does not match the expected line total {amounts.amount}"
        )
    return amounts


def _discounted(given: JsonObject, quantity: Decimal, unit: Decimal, manner: Manner) -> _Amounts:
    rate, amount_off = number(given, "DiscountRate"), number(given, "DiscountAmount")
    gross = quantity * unit
    if not rate and not amount_off:
        return _Amounts(quantity, unit, rounded(gross))
    if not manner.discounts:
        raise InvalidError("Discounts are not supported on this type of document.")
    if rate and amount_off:
        raise InvalidError("A line item may have a DiscountRate or a DiscountAmount, not both.")
    if amount_off:
        return _Amounts(
            quantity, unit, rounded(gross) - rounded(amount_off), discount_amount=rounded(amount_off)
        )
    assert rate is not None  # noqa: S101 - one of them is there
    if not 0 <= rate <= _HUNDRED:
        raise InvalidError("DiscountRate must be between 0 and 100.")
    rate = rounded(rate, _QUANTITY)
    return _Amounts(quantity, unit, rounded(gross * (1 - rate / _HUNDRED)), discount_rate=rate)


def _item(books: Books, given: JsonObject, manner: Manner) -> tuple[Record | None, JsonObject]:
    """The item a line names and its details for this kind of document."""
    code = stated(given, "ItemCode")
    if code is None:
        return None, {}
    item = books.chart.item(code)
    if item is None:
        raise InvalidError(f"Item code '{code}' is not valid")
    return item, cast("JsonObject", item.element.get(manner.item_details) or {})


def _account(books: Books, given: JsonObject, details: JsonObject) -> Record | None:
    identifier = guid(given, "AccountID")
    code = stated(given, "AccountCode") or (stated(details, "AccountCode") if identifier is None else None)
    if code is None and identifier is None:
        return None
    account = books.chart.account(code) if code is not None else books.chart.account_by_id(identifier or "")
    named = code or identifier
    if account is None or account.element["Type"] == "BANK" or is_control(account):
        raise InvalidError(f"Account code '{named}' is not a valid code for this document.")
    if account.status != "ACTIVE":
        raise InvalidError(
            f"Account code '{named}' has been archived, or has been deleted. "
            "Each line item must reference a valid account."
        )
    return account


def is_control(account: Record) -> bool:
    """Whether only Xero itself posts to it."""
    return account.element.get("SystemAccount", "") in _CONTROL_ACCOUNTS


def _tax(
    books: Books, given: JsonObject, details: JsonObject, account: Record | None, manner: Manner
) -> tuple[str, Decimal]:
    """Tax type and per cent of a line: its own, its item's, its account's."""
    if manner.amount_types == "NoTax":
        return "NONE", Decimal(0)
    tax_type = stated(given, "TaxType") or stated(details, "TaxType")
    if tax_type is None:
        tax_type = cast("str", account.element["TaxType"]) if account is not None else "NONE"
    tax_rate = books.chart.tax_rate(tax_type)
    if tax_rate is None or tax_rate.status != "ACTIVE":
        raise InvalidError(
            f"The TaxType code {tax_type} does not exist or cannot be used for this type of transaction."
        )
    if account is not None and not tax_rate.element[_APPLIES[account.element["Class"]]]:
        raise InvalidError(
            f"The TaxType code '{tax_type}' cannot be used with account code '{account.element['Code']}'."
        )
    return cast("str", tax_rate.element["TaxType"]), tax_rate.amount("EffectiveRate")


def _tax_amount(given: JsonObject, amount: Decimal, percent: Decimal, amount_types: str) -> Decimal:
    """The line's own tax where it is stated, else per cent of the amount, or its part in an inclusive one."""
    if amount_types == "NoTax":
        return CENT * 0
    stated_tax = number(given, "TaxAmount")
    if stated_tax is not None:
        return rounded(stated_tax)
    base = _HUNDRED + percent if amount_types == "Inclusive" else _HUNDRED
    return rounded(amount * percent / base)
