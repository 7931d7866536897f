"""Invoices and credit notes as QuickBooks takes them.

Belongs here: fields and QuickBooks' rules for them. Does not belong here: taxes (`taxes`), sending
(`sending`).
"""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.quickbooks.answers import CREDIT_MEMO, INVOICE
from integration_pipeline.accounting.quickbooks.config import QuickBooksConfig
from integration_pipeline.accounting.quickbooks.notes import document_note
from integration_pipeline.accounting.quickbooks.taxes import CannotBeSent, TaxRates, tax_fields
from integration_pipeline.accounting.target import OutgoingDocument, OutgoingLine
from integration_pipeline.billing.money import Money
from integration_pipeline.transport.json_types import JsonObject

LONGEST_NUMBER = 21
_LONGEST_DESCRIPTION = 4_000
_PRICE_PLACES = 7
_CENT = Decimal("0.01")


def entity_of(kind: DocumentKind) -> str:
    """QuickBooks' word for a kind of document."""
    return INVOICE if kind is DocumentKind.INVOICE else CREDIT_MEMO


def document_body(document: OutgoingDocument, config: QuickBooksConfig, rates: TaxRates) -> JsonObject:
    """The Invoice or CreditMemo. Raises `CannotBeSent` naming the field that QuickBooks would not take.

    A purchase order goes into the note: QuickBooks has no field for it but custom ones.
    """
    if len(document.number) > LONGEST_NUMBER:
        raise CannotBeSent(
            f"its number has {len(document.number)} characters and QuickBooks takes {LONGEST_NUMBER}; "
            "shorten the prefix of its number series"
        )
    if not document.lines:
        raise CannotBeSent("it has no lines, and QuickBooks takes no document without one")
    taxes = tax_fields(document, config, rates)
    due: JsonObject = (
        {"DueDate": document.due_date.isoformat()} if document.kind is DocumentKind.INVOICE else {}
    )
    return {
        "DocNumber": document.number,
        "CustomerRef": {"value": document.customer_id},
        "CurrencyRef": {"value": document.total.currency},
        "TxnDate": document.issue_date.isoformat(),
        **due,
        "PrivateNote": document_note(document),
        "Line": [_line(line, code, config) for line, code in zip(document.lines, taxes.codes, strict=True)],
        **taxes.fields,
    }


def cents(amount: Money) -> Decimal:
    """An amount QuickBooks can keep: it has two decimals, whatever the currency. Raises `CannotBeSent`."""
    exact = amount.to_decimal()
    if exact != exact.quantize(_CENT):
        raise CannotBeSent(
            f"{amount.format()} has more than the two decimals QuickBooks keeps; "
            "bill in whole hundredths, or leave this currency to another target"
        )
    return exact


def _line(line: OutgoingLine, code: str | None, config: QuickBooksConfig) -> JsonObject:
    item = config.items.get(line.revenue)
    if item is None:
        raise CannotBeSent(
            f"its line {line.description[:60]!r} has no item; "
            f"set items.{line.revenue} of {config.name} in the targets file"
        )
    amount = cents(line.amount)
    # QuickBooks refuses a line whose amount is not quantity times price (6070).
    quantity, price = line.quantity_and_price(_PRICE_PLACES)
    detail: JsonObject = {
        "ItemRef": {"value": item},
        "Qty": quantity,
        "UnitPrice": price,
        **({"TaxCodeRef": {"value": code}} if code else {}),
        **({"ServiceDate": line.service_start.isoformat()} if line.service_start else {}),
    }
    return {
        "DetailType": "SalesItemLineDetail",
        "Amount": amount,
        "Description": line.description[:_LONGEST_DESCRIPTION],
        "SalesItemLineDetail": detail,
    }
