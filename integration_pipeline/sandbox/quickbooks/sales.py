"""Invoices and credit memos: their totals, what is open of them, and what voiding leaves."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.quickbooks.books import Books, Record
from integration_pipeline.sandbox.quickbooks.documents import (
    currency_fields,
    custom_fields,
    document_date,
    document_number,
)
from integration_pipeline.sandbox.quickbooks.errors import business, required
from integration_pipeline.sandbox.quickbooks.fields import day, text
from integration_pipeline.sandbox.quickbooks.lines import read_lines
from integration_pipeline.sandbox.quickbooks.references import currency_of, pointing_to, referred
from integration_pipeline.sandbox.quickbooks.tax import assess

_ZERO = Decimal("0.00")
OPEN = {"Invoice": "Balance", "CreditMemo": "RemainingCredit"}
"""The field that says what is open of a document."""

# Computed here, whatever a request says.
_COMPUTED = ("Balance", "HomeBalance", "RemainingCredit", "HomeTotalAmt", "TotalAmt", "LinkedTxn", "Deposit")


def sale(
    books: Books, entity: str, given: JsonObject, before: Record | None, *, allow_duplicate: bool
) -> JsonObject:
    """An Invoice or CreditMemo as QuickBooks would keep it."""
    customer = referred(books, "Customer", given, "CustomerRef")
    if customer is None:
        raise required("CustomerRef")
    currency = currency_of(books, given, customer.body["CurrencyRef"]["value"])
    text(given, "PrivateNote", 4_000)
    lines = read_lines(books, given)
    assessed = assess(books, given, customer, lines)
    total = lines.subtotal - lines.discount + assessed.total
    if total < 0:
        raise business("You must enter a transaction amount that is 0 or greater.", "TotalAmt")
    date = document_date(books, given, before)
    body: JsonObject = {
        "AllowIPNPayment": False,
        "PrintStatus": "NotSet",
        "EmailStatus": "NotSet",
        **{name: value for name, value in given.items() if name not in _COMPUTED},
        **_number(document_number(books, entity, given, before, allow_duplicate=allow_duplicate)),
        "TxnDate": date,
        "CustomerRef": pointing_to(customer),
        "Line": lines.rendered(),
        **custom_fields(books, given),
        **assessed.fields,
        **currency_fields(books, given, currency, total),
        "TotalAmt": total,
        "LinkedTxn": before.body["LinkedTxn"] if before is not None else [],
    }
    due = day(given, "DueDate") or (date if entity == "Invoice" else None)
    if due is not None:
        body["DueDate"] = due
    _set_open(entity, body, total - _applied(before))
    return body


def voided(record: Record) -> JsonObject:
    """The document with all amounts 0; it keeps its number."""
    body = dict(record.body)
    body["Line"] = [_nothing(line) for line in body["Line"]]
    body["TxnTaxDetail"] = {"TotalTax": _ZERO}
    body["TotalAmt"] = _ZERO
    body["PrivateNote"] = "Voided"
    body["LinkedTxn"] = []
    if "HomeTotalAmt" in body:
        body["HomeTotalAmt"] = _ZERO
    _set_open(record.entity, body, _ZERO)
    return body


def with_open(record: Record, change: Decimal, links: list[JsonObject]) -> JsonObject:
    """The document with more or less open, and these links."""
    body = dict(record.body)
    _set_open(record.entity, body, record.amount(OPEN[record.entity]) + change)
    body["LinkedTxn"] = links
    return body


def _set_open(entity: str, body: JsonObject, amount: Decimal) -> None:
    if amount < 0:
        raise business("The total is less than what was already applied to this transaction.", "TotalAmt")
    body[OPEN[entity]] = amount
    # Intuit shows both on a credit memo.
    body["Balance"] = amount


def _applied(before: Record | None) -> Decimal:
    """What payments have settled of the version before."""
    if before is None:
        return _ZERO
    return before.amount("TotalAmt") - before.amount(OPEN[before.entity])


def _nothing(line: Mapping[str, Any]) -> JsonObject:
    body = dict(line)
    if "Amount" in body:
        body["Amount"] = _ZERO
    if "SalesItemLineDetail" in body:
        detail = dict(body["SalesItemLineDetail"])
        detail.pop("TaxInclusiveAmt", None)
        body["SalesItemLineDetail"] = {**detail, "Qty": Decimal(0), "UnitPrice": Decimal(0)}
    return body


def _number(number: str | None) -> JsonObject:
    return {} if number is None else {"DocNumber": number}
