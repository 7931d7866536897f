"""Xero's records in our terms, each field checked.

Belongs here: Xero's field names, statuses and dates, as they are read. Does not belong here: calls (`api`),
what is sent.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.target import RemoteCustomer, RemoteRecord, RemoteState, Subject
from integration_pipeline.billing.money import Money
from integration_pipeline.transport.json_types import dump_json
from integration_pipeline.transport.shapes import Json

NO_ID: Final = "00000000-0000-0000-0000-000000000000"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATE: Final = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
# Of documents alone: payments are known by their marks (`payment_parts`).
_OURS: Final = re.compile(r"\bD[A-Z2-7]{10}\b")
_OUR_CUSTOMER: Final = re.compile(r"C\d+(?:[A-Z]{3})?")
_STATES: Final = {
    "DRAFT": RemoteState.DRAFT,
    "SUBMITTED": RemoteState.DRAFT,
    "AUTHORISED": RemoteState.OPEN,
    "PAID": RemoteState.PAID,
    "VOIDED": RemoteState.VOIDED,
    "DELETED": RemoteState.DELETED,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """Where invoices and credit notes keep the same things. `type` is that of a sale."""

    kind: DocumentKind
    plural: str
    type: str
    identifier: str
    number: str
    left: str


INVOICES: Final = Shape(DocumentKind.INVOICE, "Invoices", "ACCREC", "InvoiceID", "InvoiceNumber", "AmountDue")
CREDIT_NOTES: Final = Shape(
    DocumentKind.CREDIT_NOTE,
    "CreditNotes",
    "ACCRECCREDIT",
    "CreditNoteID",
    "CreditNoteNumber",
    "RemainingCredit",
)
SHAPES: Final = {shape.kind: shape for shape in (INVOICES, CREDIT_NOTES)}


def is_sale(element: Json, shape: Shape) -> bool:
    """Bills and their credit notes are in the same lists."""
    return element.field("Type").text() == shape.type


def document(element: Json, shape: Shape) -> RemoteRecord:
    """An invoice or credit note, as a whole or from a list without lines."""
    currency = element.field("CurrencyCode").text()
    left = element.optional(shape.left)
    tax = element.optional("TotalTax")
    return RemoteRecord(
        subject=Subject.DOCUMENT,
        kind=shape.kind,
        remote_id=record_id(element.field(shape.identifier)),
        version=version(element),
        number=_text(element, shape.number),
        reference=our_reference(_text(element, "Reference")),
        customer_id=element.field("Contact").field("ContactID").identifier(),
        total=money(element.field("Total"), currency),
        tax=money(tax, currency) if tax else None,
        balance=money(left, currency) if left else None,
        issued_on=day(element.field("Date")),
        state=state(element.field("Status")),
        modified_at=moment(element.field("UpdatedDateUTC")),
        body_hash=body_hash(element),
    )


def allocation(element: Json, note: Json) -> RemoteRecord:
    """A part of a credit note that is set against an invoice, as the note shows it."""
    currency = note.field("CurrencyCode").text()
    note_id = note.field("CreditNoteID").identifier()
    amount = money(element.field("Amount"), currency)
    deleted = element.optional("IsDeleted")
    return RemoteRecord(
        subject=Subject.APPLICATION,
        kind=None,
        remote_id=allocation_id(element, note_id),
        version=version(note),
        number=None,
        reference=None,
        customer_id=note.field("Contact").field("ContactID").identifier(),
        total=amount,
        tax=None,
        balance=None,
        issued_on=day(element.field("Date")),
        state=RemoteState.DELETED if deleted and deleted.flag() else RemoteState.OPEN,
        modified_at=moment(note.field("UpdatedDateUTC")),
        body_hash=body_hash(element),
        applied={note_id: amount, element.field("Invoice").field("InvoiceID").identifier(): amount},
    )


def allocation_id(element: Json, note_id: str) -> str:
    """Older allocations have no id of their own: they are known by what they join."""
    own = element.optional("AllocationID")
    if own is not None and own.identifier() != NO_ID:
        return own.identifier()
    return f"{note_id}/{element.field('Invoice').field('InvoiceID').identifier()}"


def contact(element: Json, prefix: str) -> RemoteCustomer:
    """A contact; `prefix` is what stands before our references in contact numbers."""
    number = _text(element, "ContactNumber") or ""
    known = number.removeprefix(prefix) if number.startswith(prefix) else ""
    return RemoteCustomer(
        remote_id=record_id(element.field("ContactID")),
        version=version(element),
        name=element.field("Name").text(),
        tax_id=_text(element, "TaxNumber"),
        domain=_text(element, "Website"),
        email=_text(element, "EmailAddress"),
        reference=known if _OUR_CUSTOMER.fullmatch(known) else None,
        # A contact's currency is only what new documents begin with.
        currency=None,
        active=element.field("ContactStatus").text() == "ACTIVE",
        modified_at=moment(element.field("UpdatedDateUTC")),
    )


def refusals(element: Json) -> list[str] | None:
    """The validation errors of an element of a write; None if it was taken, perhaps with warnings."""
    errors = element.optional("ValidationErrors")
    messages = [each.field("Message").text() for each in errors.items()] if errors else []
    flags = [element.optional(name) for name in ("HasErrors", "HasValidationErrors")]
    said = element.optional("StatusAttributeString")
    failed = any(each is not None and each.flag() for each in flags)
    return messages if messages or failed or (said is not None and said.text() == "ERROR") else None


def our_reference(text: str | None) -> str | None:
    """Ours in the reference of a document, the last of what looks like it: a purchase order's may stand
    before it.
    """
    found = _OURS.findall(text or "")
    return found[-1] if found else None


def record_id(value: Json) -> str:
    """The id of a record that is there: Xero shows zeros in place of one that is not."""
    identifier = value.identifier()
    if identifier == NO_ID:
        raise value.wrong("the id of a record")
    return identifier


def state(value: Json) -> RemoteState:
    found = _STATES.get(value.text())
    if found is None:
        raise value.wrong("a status")
    return found


def money(value: Json, currency: str) -> Money:
    """Taken as it is: nothing is rounded."""
    try:
        return Money.exactly(value.number(), currency)
    except ValueError:
        raise value.wrong(f"an amount of {currency[:3]!r}") from None


def moment(value: Json) -> datetime:
    """`/Date(1552327126117+0000)/`; the offset only says how it was shown."""
    try:
        return _EPOCH + timedelta(milliseconds=_milliseconds(value))
    except OverflowError:
        raise value.wrong("a moment") from None


def day(value: Json) -> date:
    """A civil date, which Xero writes as its midnight in UTC."""
    return moment(value).date()


def version(element: Json) -> str:
    """The time of change in milliseconds."""
    return str(_milliseconds(element.field("UpdatedDateUTC")))


def body_hash(element: Json) -> str:
    return hashlib.sha256(dump_json(element.value)).hexdigest()


def _milliseconds(value: Json) -> int:
    written = _DATE.fullmatch(value.text())
    if written is None:
        raise value.wrong("a date such as /Date(1552327126117+0000)/")
    return int(written[1])


def _text(element: Json, name: str) -> str | None:
    """Xero leaves out what is not set, or says that it is empty."""
    return (element.optional_text(name) or "").strip() or None
