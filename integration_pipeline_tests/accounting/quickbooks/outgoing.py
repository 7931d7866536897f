"""What is sent in tests: documents, applications, payments and customers, with only what matters told."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from integration_pipeline.accounting.documents import DocumentKind, DocumentTax
from integration_pipeline.accounting.target import (
    Allocation,
    OutgoingApplication,
    OutgoingCustomer,
    OutgoingDocument,
    OutgoingLine,
    OutgoingPayment,
)
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.billing.money import Money

ISSUED = date(2026, 3, 1)
SEEDED = {
    "Amount": 1,
    "DetailType": "SalesItemLineDetail",
    "SalesItemLineDetail": {"ItemRef": {"value": "1"}},
}
"""A line of a document that a person makes."""


def key_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def reference_of(letter: str, text: str) -> str:
    return letter + base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()[:10]


def line(
    minor: int,
    *,
    currency: str = "USD",
    quantity: str = "1",
    price: str | None = None,
    taxes: Sequence[DocumentTax] = (),
    revenue: RevenueTreatment = RevenueTreatment.ON_INVOICE,
    explanation: str = "",
) -> OutgoingLine:
    return OutgoingLine(
        description="Platform",
        amount=Money(minor, currency),
        quantity=Decimal(quantity),
        unit_price=None if price is None else Decimal(price),
        taxes=tuple(taxes),
        revenue=revenue,
        charge_id="platform",
        service_start=date(2026, 3, 1),
        service_end=date(2026, 3, 31),
        explanation=explanation,
    )


def tax(name: str, percent: str, base: int, amount: int, currency: str = "USD") -> DocumentTax:
    return DocumentTax(name, Decimal(percent), Money(base, currency), Money(amount, currency))


def document(
    number: str,
    customer_id: str,
    *lines: OutgoingLine,
    kind: DocumentKind = DocumentKind.INVOICE,
    taxes: Sequence[DocumentTax] = (),
    purchase_order: str | None = None,
    reverses: str | None = None,
    intent_id: int = 1,
) -> OutgoingDocument:
    """One over the lines and taxes; of 100.00 USD without lines."""
    given = lines or (line(10_000),)
    currency = given[0].amount.currency
    total = sum(each.amount.minor for each in given) + sum(each.amount.minor for each in taxes)
    return OutgoingDocument(
        intent_id=intent_id,
        key=key_of(number),
        reference=reference_of("D", number),
        number=number,
        kind=kind,
        entity="us",
        deal_key="hubspot:42",
        customer_id=customer_id,
        issue_date=ISSUED,
        due_date=date(2026, 3, 31),
        purchase_order=purchase_order,
        reverses_number=reverses,
        total=Money(total, currency),
        lines=given,
        taxes=tuple(taxes),
    )


def application(
    credit_note: OutgoingDocument, credit_note_id: str, invoice_id: str, minor: int
) -> OutgoingApplication:
    return OutgoingApplication(
        intent_id=credit_note.intent_id + 1_000,
        key=key_of(f"application {credit_note.number}"),
        reference=f"A{credit_note.reference}",
        customer_id=credit_note.customer_id,
        credit_note_id=credit_note_id,
        invoice_id=invoice_id,
        amount=Money(minor, credit_note.total.currency),
        applied_on=ISSUED,
    )


def payment(
    name: str,
    customer_id: str,
    minor: int,
    *allocated: tuple[str, int],
    fee: int | None = None,
    method: str = "stripe",
) -> OutgoingPayment:
    return OutgoingPayment(
        intent_id=9_000,
        key=key_of(f"payment {name}"),
        reference=reference_of("P", name),
        customer_id=customer_id,
        amount=Money(minor, "USD"),
        fee=None if fee is None else Money(fee, "USD"),
        received_on=date(2026, 3, 20),
        method=method,
        description=f"stripe charge {name}",
        allocations=tuple(Allocation(invoice, Money(part, "USD")) for invoice, part in allocated),
    )


def taken_back(item: OutgoingPayment) -> OutgoingPayment:
    """The opposite of a payment, under the reference that such a settlement gets."""
    return replace(
        item,
        intent_id=item.intent_id + 1,
        key=key_of(f"taken back {item.key}"),
        reference=f"R{item.reference[1:]}",
        amount=-item.amount,
        fee=None if item.fee is None else -item.fee,
        allocations=tuple(replace(each, amount=-each.amount) for each in item.allocations),
    )


def customer(number: int = 1, name: str = "Acme Inc.", **facts: str | None) -> OutgoingCustomer:
    given = OutgoingCustomer(
        key=key_of(f"customer {number}"),
        reference=f"C{number}",
        name=name,
        tax_id=None,
        domain="acme.example",
        email="billing@acme.example",
        country="US",
        currency="USD",
    )
    return replace(given, **facts)
