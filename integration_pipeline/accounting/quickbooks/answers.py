"""QuickBooks' JSON turned into our types, checked field by field.

Belongs here: shapes of answers. Does not belong here: requests (`api`).
"""

from __future__ import annotations

import hashlib
import re
from datetime import date
from urllib.parse import urlsplit

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.quickbooks.notes import (
    as_reference,
    customer_reference_in,
    reference_in,
)
from integration_pipeline.accounting.target import RemoteCustomer, RemoteRecord, RemoteState, Subject
from integration_pipeline.billing.money import Money
from integration_pipeline.transport.json_types import dump_json
from integration_pipeline.transport.shapes import Json

INVOICE, CREDIT_MEMO, PAYMENT, PURCHASE = "Invoice", "CreditMemo", "Payment", "Purchase"

KINDS = {INVOICE: DocumentKind.INVOICE, CREDIT_MEMO: DocumentKind.CREDIT_NOTE}
_VOIDED = "Voided"
# Tax ids are answered with X for all but their last five characters.
_MASKED = re.compile(r"[Xx*]{2,}")


def read_record(entity: str, answer: Json, home_currency: str) -> RemoteRecord | None:
    """A transaction; None for a purchase that is no refund of ours.

    A deleted one tells nothing but its id; its total is 0 of the home currency.
    """
    identifier = answer.field("Id").identifier()
    named = Json(answer.value, answer.attempted, f"{answer.at} ({entity} {identifier})")
    status = named.optional("status")
    if status is not None and status.value == "Deleted":
        return _deleted(entity, identifier, named, home_currency)
    if entity in KINDS:
        return _document(entity, identifier, named, home_currency)
    if entity == PAYMENT:
        return _payment(identifier, named, home_currency)
    return _refund(identifier, named, home_currency)


def is_deleted(answer: Json) -> bool:
    status = answer.optional("status")
    return status is not None and status.value == "Deleted"


def read_customer(answer: Json) -> RemoteCustomer:
    identifier = answer.field("Id").identifier()
    named = Json(answer.value, answer.attempted, f"{answer.at} (Customer {identifier})")
    tax_id = _text(named, "PrimaryTaxIdentifier") or _text(named, "GSTIN") or _text(named, "BusinessNumber")
    web = named.optional("WebAddr")
    mail = named.optional("PrimaryEmailAddr")
    currency = named.optional("CurrencyRef")
    return RemoteCustomer(
        remote_id=identifier,
        version=named.field("SyncToken").identifier(),
        name=named.field("DisplayName").text(),
        tax_id=None if not tax_id or _MASKED.search(tax_id) else tax_id,
        domain=_domain(_text(web, "URI")) if web else None,
        email=(_text(mail, "Address") if mail else "") or None,
        reference=customer_reference_in(_text(named, "Notes")),
        currency=currency.field("value").text() if currency else None,
        active=named.field("Active").flag(),
        modified_at=named.field("MetaData").field("LastUpdatedTime").timestamp(),
    )


def _document(entity: str, identifier: str, answer: Json, home_currency: str) -> RemoteRecord:
    currency = _currency(answer, home_currency)
    total = _money(answer.field("TotalAmt"), currency)
    detail = answer.optional("TxnTaxDetail")
    tax = detail.optional("TotalTax") if detail else None
    balance = _money(answer.field("Balance" if entity == INVOICE else "RemainingCredit"), currency)
    note = _text(answer, "PrivateNote")
    return RemoteRecord(
        subject=Subject.DOCUMENT,
        kind=KINDS[entity],
        remote_id=identifier,
        version=answer.field("SyncToken").identifier(),
        number=_text(answer, "DocNumber") or None,
        reference=reference_in(note),
        customer_id=answer.field("CustomerRef").field("value").identifier(),
        total=total,
        tax=_money(tax, currency) if tax else Money(0, currency),
        balance=balance,
        issued_on=_day(answer.field("TxnDate")),
        state=_state(note, total, paid=not balance),
        modified_at=answer.field("MetaData").field("LastUpdatedTime").timestamp(),
        body_hash=_hash(answer),
    )


def _payment(identifier: str, answer: Json, home_currency: str) -> RemoteRecord:
    """Money received; or a credit memo set against an invoice, whose amount is that of its invoices."""
    currency = _currency(answer, home_currency)
    received = _money(answer.field("TotalAmt"), currency)
    note = _text(answer, "PrivateNote")
    reference = reference_in(note) or as_reference(_text(answer, "PaymentRefNum"))
    applied, settled, uses_credit = _applied(answer, currency)
    is_application = reference.startswith("A") if reference else not received and uses_credit
    total = settled if is_application else received
    return RemoteRecord(
        subject=Subject.APPLICATION if is_application else Subject.PAYMENT,
        kind=None,
        remote_id=identifier,
        version=answer.field("SyncToken").identifier(),
        number=_text(answer, "PaymentRefNum") or None,
        reference=reference,
        customer_id=answer.field("CustomerRef").field("value").identifier(),
        total=total,
        tax=None,
        balance=None,
        issued_on=_day(answer.field("TxnDate")),
        state=_state(note, total, paid=True),
        modified_at=answer.field("MetaData").field("LastUpdatedTime").timestamp(),
        body_hash=_hash(answer),
        applied=applied,
    )


def _refund(identifier: str, answer: Json, home_currency: str) -> RemoteRecord | None:
    reference = reference_in(_text(answer, "PrivateNote"))
    number = _text(answer, "DocNumber")
    if reference is None or number != reference:
        return None
    payee = answer.optional("EntityRef")
    total = _money(answer.field("TotalAmt"), _currency(answer, home_currency))
    return RemoteRecord(
        subject=Subject.PAYMENT,
        kind=None,
        remote_id=identifier,
        version=answer.field("SyncToken").identifier(),
        number=number,
        reference=reference,
        customer_id=payee.field("value").identifier() if payee else None,
        total=total,
        tax=None,
        balance=None,
        issued_on=_day(answer.field("TxnDate")),
        state=_state(_text(answer, "PrivateNote"), total, paid=True),
        modified_at=answer.field("MetaData").field("LastUpdatedTime").timestamp(),
        body_hash=_hash(answer),
    )


def _deleted(entity: str, identifier: str, answer: Json, home_currency: str) -> RemoteRecord:
    return RemoteRecord(
        subject=Subject.DOCUMENT if entity in KINDS else Subject.PAYMENT,
        kind=KINDS.get(entity),
        remote_id=identifier,
        version="deleted",
        number=None,
        reference=None,
        customer_id=None,
        total=Money(0, home_currency),
        tax=None,
        balance=None,
        issued_on=None,
        state=RemoteState.DELETED,
        modified_at=answer.field("MetaData").field("LastUpdatedTime").timestamp(),
        body_hash=_hash(answer),
    )


def _applied(answer: Json, currency: str) -> tuple[dict[str, Money], Money, bool]:
    """What a payment sets against which transactions, how much of it against invoices, and whether a credit
    memo is in it.
    """
    applied: dict[str, Money] = {}
    settled = Money(0, currency)
    uses_credit = False
    lines = answer.optional("Line")
    for line in lines.items() if lines else []:
        links = line.optional("LinkedTxn")
        linked = {
            link.field("TxnId").identifier(): link.field("TxnType").text()
            for link in (links.items() if links else [])
        }
        uses_credit = uses_credit or CREDIT_MEMO in linked.values()
        amount = _money(line.field("Amount"), currency)
        if INVOICE in linked.values():
            settled += amount
        for identifier in linked:
            applied[identifier] = applied.get(identifier, Money(0, currency)) + amount
    return applied, settled, uses_credit


def _state(note: str, total: Money, *, paid: bool) -> RemoteState:
    # A void leaves the document with all its amounts 0 and this word before its note.
    if not total and note.startswith(_VOIDED):
        return RemoteState.VOIDED
    return RemoteState.PAID if paid else RemoteState.OPEN


def _currency(answer: Json, home_currency: str) -> str:
    currency = answer.optional("CurrencyRef")
    return currency.field("value").text() if currency else home_currency


def _money(answer: Json, currency: str) -> Money:
    amount = answer.number()
    try:
        return Money.exactly(amount, currency)
    except ValueError:
        raise answer.wrong(f"an amount in whole minor units of {currency[:10]}") from None


def _day(answer: Json) -> date:
    try:
        return date.fromisoformat(answer.text()[:10])
    except ValueError:
        raise answer.wrong("a date") from None


def _text(answer: Json, name: str) -> str:
    return answer.optional_text(name) or ""


def _domain(address: str) -> str | None:
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None


def _hash(answer: Json) -> str:
    return hashlib.sha256(dump_json(answer.value)).hexdigest()
