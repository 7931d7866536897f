"""What the amounts of a document add up to, and the currency they are in."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import cast

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero.calls import Books
from integration_pipeline.sandbox.xero.documents.lines import rounded
from integration_pipeline.sandbox.xero.errors import InvalidError
from integration_pipeline.sandbox.xero.fields import number, stated

ZERO = Decimal("0.00")
_RATE = Decimal("0.0000000001")
_OTHER_TOTAL = {
    "SubTotal": "The document sub total does not equal the sub total of the lines.",
    "TotalTax": "The document total tax does not equal the total tax of the lines.",
    "Total": "The document total does not equal the sum of the lines.",
}


def currency(books: Books, element: JsonObject, given: JsonObject) -> None:
    """Set the currency and its rate; Xero's rate of the day where none is given. Raises `InvalidError`."""
    settings = books.organisation.settings
    code = stated(given, "CurrencyCode") or element["CurrencyCode"]
    if code not in settings.currencies:
        raise InvalidError(f"Organisation is not subscribed to currency {code}")
    rate = number(given, "CurrencyRate")
    if code == settings.currencies[0]:
        rate = settings.rate(code)
    elif rate is None:
        kept = element.get("CurrencyRate") if code == element["CurrencyCode"] else None
        rate = settings.rate(code) if kept is None else kept
    rate = rounded(rate, _RATE)
    if rate <= 0:
        raise InvalidError("The currency rate must be greater than zero.")
    element |= {"CurrencyCode": code, "CurrencyRate": rate}


def total_up(element: JsonObject, given: JsonObject) -> None:
    """Set the totals from the lines. Raises `InvalidError` where the sender's own are others."""
    items = cast("Sequence[JsonObject]", element["LineItems"])
    amounts = sum((cast("Decimal", line["LineAmount"]) for line in items), ZERO)
    tax = sum((cast("Decimal", line["TaxAmount"]) for line in items), ZERO)
    net = amounts - tax if element["LineAmountTypes"] == "Inclusive" else amounts
    totals = {"SubTotal": net, "TotalTax": tax, "Total": net + tax}
    for name, amount in totals.items():
        told = number(given, name)
        if told is not None and rounded(told) != amount:
            raise InvalidError(_OTHER_TOTAL[name])
    element |= totals


def amount_types(element: JsonObject, given: JsonObject) -> str:
    types = stated(given, "LineAmountTypes") or cast("str", element["LineAmountTypes"])
    if types not in {"Exclusive", "Inclusive", "NoTax"}:
        raise InvalidError(f"The LineAmountTypes '{types}' is not valid.")
    return types


def discounts(element: JsonObject) -> None:
    """Set what discounts take off the lines."""
    off = ZERO
    for line in element["LineItems"]:
        if "DiscountRate" in line or "DiscountAmount" in line:
            off += rounded(line["Quantity"] * line["UnitAmount"]) - line["LineAmount"]
    element["IsDiscounted"] = off != 0
    if off:
        element["TotalDiscount"] = off
    else:
        element.pop("TotalDiscount", None)
