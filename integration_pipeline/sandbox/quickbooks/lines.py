"""The lines of a sales document: what they say, that they add up, and their subtotal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.quickbooks.books import Books
from integration_pipeline.sandbox.quickbooks.errors import required, wrong_amount
from integration_pipeline.sandbox.quickbooks.fields import (
    amount,
    choice,
    day,
    money,
    nested,
    number,
    objects,
    reference,
    text,
)
from integration_pipeline.sandbox.quickbooks.references import pointing_to, referred

_KINDS = ("SalesItemLineDetail", "DiscountLineDetail", "SubTotalLineDetail", "DescriptionOnly")
_DEFAULT_ITEM = 1


@dataclass(slots=True)
class SalesLine:
    """A line with an amount. `amount` is without tax once tax was assessed; `gross` with it, if known."""

    body: JsonObject
    amount: Decimal
    tax_code: str | None
    gross: Decimal | None


@dataclass(slots=True)
class Lines:
    """All lines in their order; `sold` are those with an item, `discount` what is taken off as a whole."""

    bodies: list[JsonObject]
    sold: list[SalesLine]
    discount: Decimal
    discount_line: JsonObject | None

    @property
    def subtotal(self) -> Decimal:
        return sum((line.amount for line in self.sold), Decimal("0.00"))

    def rendered(self) -> list[JsonObject]:
        """As QuickBooks shows them: numbered, a subtotal behind them, a discount after it."""
        for line in self.sold:
            line.body["Amount"] = line.amount
        closing: list[JsonObject] = [
            {"Amount": self.subtotal, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}}
        ]
        if self.discount_line is not None:
            closing.append({**self.discount_line, "Amount": self.discount})
        numbered: list[JsonObject] = [
            {"Id": body.get("Id") or str(place), **body, "LineNum": Decimal(place)}
            for place, body in enumerate(self.bodies, 1)
        ]
        return numbered + closing


def read_lines(books: Books, given: Mapping[str, Any]) -> Lines:
    """Raises 2020 without lines or amounts, 2500 for an unknown item, 6070 for a wrong product."""
    lines = Lines([], [], Decimal("0.00"), None)
    discounts: list[JsonObject] = []
    for place, line in enumerate(objects(given, "Line")):
        kind = choice(line, "DetailType", _KINDS)
        if kind is None:
            raise required("DetailType")
        if kind == "SubTotalLineDetail":
            continue
        if kind == "DiscountLineDetail":
            discounts.append(line)
        elif kind == "DescriptionOnly":
            lines.bodies.append({**_described(line), "DetailType": kind})
        else:
            sold = _sold(books, line, f"Line[{place}]")
            lines.sold.append(sold)
            lines.bodies.append(sold.body)
    if not lines.bodies:
        raise required("Line")
    for line in discounts:
        _discount(lines, line)
    return lines


def _sold(books: Books, line: JsonObject, where: str) -> SalesLine:
    detail = nested(line, "SalesItemLineDetail")
    total = amount(line, "Amount")
    if total is None:
        raise required(f"{where}.Amount")
    quantity, price = number(detail, "Qty"), number(detail, "UnitPrice")
    if quantity is not None and price is not None and money(quantity * price) != total:
        raise wrong_amount(f"{total:,}", f"{where}.Amount")
    item = referred(books, "Item", detail, "ItemRef") or books.find("Item", _DEFAULT_ITEM)
    kept: JsonObject = {name: value for name, value in detail.items() if value is not None and value != ""}
    if item is not None:
        kept["ItemRef"] = pointing_to(item)
        account = item.body.get("IncomeAccountRef")
        if account is not None:
            kept["ItemAccountRef"] = account
    for name, value in (("Qty", quantity), ("UnitPrice", price)):
        if value is not None:
            kept[name] = value
    code = reference(detail, "TaxCodeRef")
    if (served := day(detail, "ServiceDate")) is not None:
        kept["ServiceDate"] = served
    body: JsonObject = {
        **_described(line),
        "Amount": total,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": kept,
    }
    return SalesLine(body, total, code, amount(detail, "TaxInclusiveAmt"))


def _described(line: JsonObject) -> JsonObject:
    body: JsonObject = {}
    if isinstance(line.get("Id"), str) and line["Id"]:
        body["Id"] = line["Id"]
    description = text(line, "Description", 4_000)
    if description is not None:
        body["Description"] = description
    return body


def _discount(lines: Lines, line: JsonObject) -> None:
    detail = nested(line, "DiscountLineDetail")
    percent = number(detail, "DiscountPercent")
    if detail.get("PercentBased") is True and percent is not None:
        taken = money(lines.subtotal * percent / 100)
    else:
        given = amount(line, "Amount")
        if given is None:
            raise required("Line.Amount")
        taken = given
    lines.discount += taken
    lines.discount_line = {"DetailType": "DiscountLineDetail", "DiscountLineDetail": detail}
