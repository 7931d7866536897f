"""Sales tax of a document, by the company's regime: none, US by code, US automated, or a code on each line.

Tax is computed per rate over all lines it applies to and rounded once, as QuickBooks does; so it may differ
by a cent from tax computed line by line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.quickbooks.books import Books, Record
from integration_pipeline.sandbox.quickbooks.errors import business, invalid_reference
from integration_pipeline.sandbox.quickbooks.fields import (
    amount,
    choice,
    money,
    nested,
    objects,
    reference,
    text,
)
from integration_pipeline.sandbox.quickbooks.lines import Lines, SalesLine
from integration_pipeline.sandbox.quickbooks.references import referred

_CALCULATIONS = ("TaxExcluded", "TaxInclusive", "NotApplicable")
_US_CODES = ("TAX", "NON")
_HUNDRED = Decimal(100)
_PRICE = Decimal("0.0000001")


@dataclass(frozen=True, slots=True)
class Rate:
    """A TaxRate; `percent` such as 8.25. An automated one has no record."""

    id: str | None
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Assessed:
    """`fields` are the document's TxnTaxDetail and, outside the US, its GlobalTaxCalculation."""

    fields: JsonObject
    total: Decimal


def assess(books: Books, given: Mapping[str, Any], customer: Record, lines: Lines) -> Assessed:
    """The tax on a document. Where amounts were given with it, `lines` are without it afterwards."""
    match books.company.tax:
        case "none":
            return _assessed([])
        case "us":
            return _by_document(books, given, customer, lines)
        case "automated":
            return _automated(books, given, customer, lines)
        case "global":
            return _by_line(books, given, lines)


def _by_document(books: Books, given: Mapping[str, Any], customer: Record, lines: Lines) -> Assessed:
    detail = nested(given, "TxnTaxDetail")
    taxable = _us_taxable(given, customer, lines)
    code = referred(books, "TaxCode", detail, "TxnTaxCodeRef")
    if code is None:
        return _assessed([])
    rates = rates_of(books, code)
    told = amount(detail, "TotalTax")
    taxes = [(rate, taxable, money(taxable * rate.percent / _HUNDRED)) for rate in rates]
    computed = sum((tax for _, _, tax in taxes), Decimal(0))
    if told is not None and told != computed and taxes:
        # A total that was told overrides the computed one.
        first, base, tax = taxes[0]
        taxes[0] = (first, base, tax + told - computed)
    return _assessed(taxes, TxnTaxCodeRef={"value": str(code.id)})


def _automated(books: Books, given: Mapping[str, Any], customer: Record, lines: Lines) -> Assessed:
    """By where the goods go, whatever tax the request states."""
    taxable = _us_taxable(given, customer, lines)
    state = None
    for holder in (given, customer.body):
        for name in ("ShipAddr", "BillAddr"):
            state = state or text(nested(holder, name), "CountrySubDivisionCode", 255)
    percent = books.company.sales_tax_rates.get((state or "").upper(), Decimal(0))
    if not percent or not taxable:
        return _assessed([])
    return _assessed([(Rate(None, percent), taxable, money(taxable * percent / _HUNDRED))])


def _us_taxable(given: Mapping[str, Any], customer: Record, lines: Lines) -> Decimal:
    for line in lines.sold:
        if line.tax_code is not None and line.tax_code not in _US_CODES:
            raise invalid_reference("TaxCode", line.tax_code, "TaxCodeRef")
        line.body["SalesItemLineDetail"]["TaxCodeRef"] = {"value": line.tax_code or "NON"}
    if customer.body.get("Taxable") is False:
        return Decimal("0.00")
    taxed = sum((line.amount for line in lines.sold if line.tax_code == "TAX"), Decimal("0.00"))
    if given.get("ApplyTaxAfterDiscount") is True and lines.subtotal:
        taxed -= money(lines.discount * taxed / lines.subtotal)
    return taxed


def _by_line(books: Books, given: Mapping[str, Any], lines: Lines) -> Assessed:
    calculation = choice(given, "GlobalTaxCalculation", _CALCULATIONS) or "TaxExcluded"
    if calculation == "NotApplicable":
        return _assessed([], GlobalTaxCalculation=calculation)
    told = _told_by_rate(given)
    by_code: dict[str, list[SalesLine]] = {}
    for line in lines.sold:
        if line.tax_code is None:
            raise business("Make sure all your transactions have a tax code before you save.", "TaxCodeRef")
        by_code.setdefault(line.tax_code, []).append(line)
    taxes: list[tuple[Rate, Decimal, Decimal]] = []
    subtotal = lines.subtotal
    for code, group in by_code.items():
        detail = group[0].body["SalesItemLineDetail"]
        found = referred(books, "TaxCode", detail, "TaxCodeRef")
        if found is None:
            raise invalid_reference("TaxCode", code, "TaxCodeRef")
        rates = rates_of(books, found)
        if calculation == "TaxInclusive":
            _take_tax_out(group, sum((rate.percent for rate in rates), Decimal(0)))
        net = sum((line.amount for line in group), Decimal("0.00"))
        if calculation == "TaxExcluded" and lines.discount and subtotal:
            net -= money(lines.discount * net / subtotal)
        taxes += _group_taxes(rates, group, net, told, inclusive=calculation == "TaxInclusive")
    return _assessed(taxes, GlobalTaxCalculation=calculation)


def _group_taxes(
    rates: list[Rate], group: list[SalesLine], net: Decimal, told: Mapping[str, Decimal], *, inclusive: bool
) -> list[tuple[Rate, Decimal, Decimal]]:
    """Net and tax of each rate of a code; within given amounts the taxes are what the gross leaves."""
    taxes = [(rate, net, told.get(rate.id or "", money(net * rate.percent / _HUNDRED))) for rate in rates]
    if inclusive and taxes:
        gross = sum((line.gross or line.amount for line in group), Decimal("0.00"))
        rest = gross - net - sum((tax for _, _, tax in taxes), Decimal(0))
        rate, base, tax = taxes[0]
        taxes[0] = (rate, base, tax + rest)
    return taxes


def _take_tax_out(group: list[SalesLine], percent: Decimal) -> None:
    """Amounts given with tax become amounts without; a line that states both keeps them."""
    for line in group:
        if line.gross is None:
            line.gross = line.amount
            line.amount = money(line.gross * _HUNDRED / (_HUNDRED + percent))
            quantity = line.body["SalesItemLineDetail"].get("Qty")
            if quantity:
                line.body["SalesItemLineDetail"]["UnitPrice"] = (line.amount / quantity).quantize(_PRICE)
        line.body["SalesItemLineDetail"]["TaxInclusiveAmt"] = line.gross


def _told_by_rate(given: Mapping[str, Any]) -> dict[str, Decimal]:
    """Amounts of tax the request states itself, by the id of their rate."""
    told: dict[str, Decimal] = {}
    for line in objects(nested(given, "TxnTaxDetail"), "TaxLine"):
        rate = reference(nested(line, "TaxLineDetail"), "TaxRateRef")
        stated = amount(line, "Amount")
        if rate is not None and stated is not None:
            told[rate] = stated
    return told


def rates_of(books: Books, code: Record) -> list[Rate]:
    """The sales rates of a TaxCode."""
    rates: list[Rate] = []
    for each in objects(nested(code.body, "SalesTaxRateList"), "TaxRateDetail"):
        rate = referred(books, "TaxRate", each, "TaxRateRef")
        if rate is not None:
            rates.append(Rate(str(rate.id), rate.body["RateValue"]))
    return rates


def _assessed(taxes: list[tuple[Rate, Decimal, Decimal]], **fields: object) -> Assessed:
    total = sum((tax for _, _, tax in taxes), Decimal("0.00"))
    detail: JsonObject = {"TotalTax": total}
    if "TxnTaxCodeRef" in fields:
        detail = {"TxnTaxCodeRef": fields.pop("TxnTaxCodeRef"), **detail}
    if taxes:
        detail["TaxLine"] = [
            {
                "Amount": tax,
                "DetailType": "TaxLineDetail",
                "TaxLineDetail": {
                    **({} if rate.id is None else {"TaxRateRef": {"value": rate.id}}),
                    "PercentBased": True,
                    "TaxPercent": rate.percent,
                    "NetAmountTaxable": base,
                },
            }
            for rate, base, tax in taxes
        ]
    return Assessed({"TxnTaxDetail": detail, **fields}, total)
