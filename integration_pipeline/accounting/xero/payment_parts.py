"""What a payment consists of at Xero: planned from what is to be sent, and read from what is there.

Xero has one payment for each invoice or credit note, and bank transactions for what belongs to no document.
So one of ours may be several records there. Each says in its text which part of which payment of ours it is:
`PABCDEFGHIJ 2/3 stripe payment ch_1`; a fee, `PABCDEFGHIJ fee stripe payment ch_1`, is beside them. A payment
that takes another back has that one's reference with an `R` in place of the `P`.

Belongs here: parts as data. Does not belong here: calls (`payments`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum, auto

from integration_pipeline.accounting.target import GONE, OutgoingPayment, RemoteRecord, RemoteState, Subject
from integration_pipeline.accounting.xero.answers import (
    body_hash,
    day,
    moment,
    money,
    record_id,
    state,
    version,
)
from integration_pipeline.accounting.xero.config import FeeAccount, MoneyAccount
from integration_pipeline.billing.money import Money
from integration_pipeline.transport.failures import clean
from integration_pipeline.transport.json_types import JsonObject, JsonValue
from integration_pipeline.transport.shapes import Json

_LONGEST_REFERENCE = 255
_MARK = re.compile(r"\b([PR][A-Z2-7]{10}) (?:(\d{1,3})/(\d{1,3})|fee)(?= |$)")
_OF_CUSTOMERS = frozenset({"ACCRECPAYMENT", "ARCREDITPAYMENT", "AROVERPAYMENTPAYMENT", "ARPREPAYMENTPAYMENT"})


class Place(Enum):
    """Where a part is at Xero."""

    PAYMENT = auto()
    BANK = auto()


@dataclass(frozen=True, slots=True)
class Mark:
    """Which part of which payment of ours a record is. A fee has the number 0 of 0."""

    reference: str
    number: int
    count: int

    @classmethod
    def read(cls, text: str) -> Mark | None:
        """The mark in a reference or a description; None if there is none."""
        found = _MARK.search(text)
        return None if found is None else cls(found[1], int(found[2] or 0), int(found[3] or 0))

    def text(self, description: str) -> str:
        part = f"{self.number}/{self.count}" if self.count else "fee"
        return clean(f"{self.reference} {part} {description}")[:_LONGEST_REFERENCE].rstrip()


@dataclass(frozen=True, slots=True)
class Part:
    """A part to be sent."""

    place: Place
    mark: Mark
    body: JsonObject


@dataclass(frozen=True, slots=True)
class PartThere:
    """A part that is there. `record` speaks of the part alone."""

    mark: Mark
    record: RemoteRecord


def of_document(
    payment: OutgoingPayment, mark: Mark, account: MoneyAccount, document: JsonObject, amount: Money
) -> Part:
    """`document` is what it pays, or gives back: `{"Invoice": {"InvoiceID": ...}}`."""
    body: JsonObject = {
        **document,
        "Account": {"Code": account.account},
        "Date": payment.received_on.isoformat(),
        "Amount": amount.to_decimal(),
        "Reference": mark.text(payment.description),
    }
    return Part(Place.PAYMENT, mark, body)


def overpayment(payment: OutgoingPayment, mark: Mark, account: MoneyAccount, amount: Money) -> Part:
    """What no invoice needs: the customer's credit. Xero keeps no reference with it, but its line's text."""
    line = {
        "Description": mark.text(payment.description),
        "Quantity": Decimal(1),
        "UnitAmount": amount.to_decimal(),
    }
    body = _bank(payment, "RECEIVE-OVERPAYMENT", payment.customer_id, account, line)
    return Part(Place.BANK, mark, {**body, "CurrencyCode": amount.currency})


def fee(payment: OutgoingPayment, account: MoneyAccount, to: FeeAccount, amount: Money) -> Part:
    """What the processor kept, or gave back of it. Tax is Xero's to compute: it takes no other here."""
    mark = Mark(payment.reference, 0, 0)
    line = {
        "Description": mark.text(payment.description),
        "Quantity": Decimal(1),
        "UnitAmount": abs(amount.to_decimal()),
        "AccountCode": to.account,
        "TaxType": to.tax_type,
    }
    body = _bank(payment, "SPEND" if amount.minor > 0 else "RECEIVE", to.contact, account, line)
    reference = {"Reference": mark.text(payment.description), "CurrencyCode": amount.currency}
    return Part(Place.BANK, mark, {**body, **reference, "LineAmountTypes": "Inclusive"})


def payment_there(element: Json) -> PartThere | None:
    """One of Xero's payments; None for those to suppliers, and for those that are not ours."""
    mark = Mark.read(_text(element, "Reference"))
    if mark is None or _text(element, "PaymentType") not in _OF_CUSTOMERS:
        return None
    # Lists have been seen to show a refund's credit note in place of an invoice.
    invoice = element.optional("Invoice")
    document = invoice or element.field("CreditNote")
    document_id = document.field("InvoiceID" if invoice else "CreditNoteID").identifier()
    currency = document.field("CurrencyCode").text()
    record = _record(element, mark, "PaymentID", "Amount", currency, document)
    return PartThere(mark, replace(record, applied={document_id: record.total}))


def bank_transaction_there(element: Json) -> PartThere | None:
    """One of Xero's bank transactions; None if it is none of ours."""
    lines = element.optional("LineItems")
    texts = (
        [_text(element, "Reference"), *(_text(each, "Description") for each in lines.items())]
        if lines
        else []
    )
    mark = next(filter(None, map(Mark.read, texts)), None)
    if mark is None:
        return None
    currency = element.field("CurrencyCode").text()
    return PartThere(mark, _record(element, mark, "BankTransactionID", "Total", currency, element))


def joined(parts: Sequence[PartThere]) -> RemoteRecord | None:
    """One of our payments by all its parts there; None as long as some are missing.

    Its id is that of its first part. A part that was deleted since is there, and counts for nothing; one
    that was sent again after that takes its place.
    """
    standing_marks = {each.mark for each in parts if each.record.state not in GONE}
    counted = sorted(
        (
            each
            for each in sorted(parts, key=lambda each: each.record.modified_at, reverse=True)
            if each.mark.count and (each.record.state not in GONE or each.mark not in standing_marks)
        ),
        key=lambda each: each.mark.number,
    )
    if not counted or {each.mark.number for each in counted} != set(range(1, counted[0].mark.count + 1)):
        return None
    standing = [each.record for each in counted if each.record.state not in GONE]
    records = standing or [each.record for each in counted]
    first = counted[0].record
    latest = max((each.record for each in counted), key=lambda record: record.modified_at)
    total = Money(sum(record.total.minor for record in records), first.total.currency)
    applied: Counter[str] = Counter()
    for record in standing:
        applied.update({document: money.minor for document, money in (record.applied or {}).items()})
    return RemoteRecord(
        subject=Subject.PAYMENT,
        kind=None,
        remote_id=first.remote_id,
        version=latest.version,
        number=None,
        reference=first.reference,
        customer_id=first.customer_id,
        total=total,
        tax=None,
        balance=None,
        issued_on=first.issued_on,
        state=RemoteState.OPEN if standing else RemoteState.DELETED,
        modified_at=latest.modified_at,
        body_hash=latest.body_hash,
        applied={document: Money(minor, total.currency) for document, minor in applied.items()},
    )


def _bank(
    payment: OutgoingPayment, kind: str, contact: str, account: MoneyAccount, line: JsonObject
) -> dict[str, JsonValue]:
    return {
        "Type": kind,
        "Contact": {"ContactID": contact},
        "BankAccount": {"Code": account.account},
        "Date": payment.received_on.isoformat(),
        "LineAmountTypes": "NoTax",
        "LineItems": [line],
    }


def _record(
    element: Json, mark: Mark, identifier: str, amount: str, currency: str, whose: Json
) -> RemoteRecord:
    contact = whose.optional("Contact")
    return RemoteRecord(
        subject=Subject.PAYMENT,
        kind=None,
        remote_id=record_id(element.field(identifier)),
        version=version(element),
        number=None,
        reference=mark.reference,
        customer_id=contact.field("ContactID").identifier() if contact else None,
        total=money(element.field(amount), currency),
        tax=None,
        balance=None,
        issued_on=day(element.field("Date")),
        state=state(element.field("Status")),
        modified_at=moment(element.field("UpdatedDateUTC")),
        body_hash=body_hash(element),
    )


def _text(element: Json, name: str) -> str:
    return element.optional_text(name) or ""
