"""Credit notes, and their allocations to invoices.

An allocation is a call of its own, for an approved note. What is applied lowers `RemainingCredit` of the note
and `AmountDue` of the invoice; where nothing is left, the document is PAID.
"""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero.answers import NO_ID, envelope, written
from integration_pipeline.sandbox.xero.calls import Call
from integration_pipeline.sandbox.xero.dates import day_date
from integration_pipeline.sandbox.xero.documents import rules
from integration_pipeline.sandbox.xero.documents.lines import rounded
from integration_pipeline.sandbox.xero.documents.showing import Showing
from integration_pipeline.sandbox.xero.errors import InvalidError, not_found
from integration_pipeline.sandbox.xero.fields import as_guid, day, guid, member, number, stated
from integration_pipeline.sandbox.xero.kinds import ALLOCATIONS, CREDIT_NOTES, INVOICES
from integration_pipeline.sandbox.xero.reading import listed
from integration_pipeline.sandbox.xero.records import Record

_INVOICE_TYPE = {"ACCRECCREDIT": "ACCREC", "ACCPAYCREDIT": "ACCPAY"}


def list_credit_notes(call: Call) -> JsonObject:
    """`GET /CreditNotes`."""
    return listed(call, CREDIT_NOTES, Showing(call).credit_note)


def get_credit_note(call: Call) -> JsonObject:
    """`GET /CreditNotes/{CreditNoteID or CreditNoteNumber}`."""
    named = call.path["id"]
    record = (
        call.records.get(CREDIT_NOTES, as_guid(named))
        or rules.holder(call.books, rules.CREDIT_NOTE, named)
        or call.records.by_number(CREDIT_NOTES, named)
    )
    if record is None:
        raise not_found()
    return envelope(call, CREDIT_NOTES.plural, [Showing(call).credit_note(record, True)])


def create_credit_notes(call: Call) -> JsonObject:
    showing = Showing(call)

    def write(element: JsonObject) -> JsonObject:
        return showing.credit_note(rules.created(call.books, rules.CREDIT_NOTE, element, call.places), True)

    return written(call, CREDIT_NOTES, write)


def update_or_create_credit_notes(call: Call) -> JsonObject:
    """Also `POST /CreditNotes/{CreditNoteID}`."""
    showing = Showing(call)
    addressed = call.records.get(CREDIT_NOTES, as_guid(call.path["id"])) if "id" in call.path else None
    if "id" in call.path and addressed is None:
        raise not_found()

    def write(element: JsonObject) -> JsonObject:
        record = addressed or _matched(call, element)
        if record is None:
            record = rules.created(call.books, rules.CREDIT_NOTE, element, call.places)
        else:
            record = rules.updated(call.books, rules.CREDIT_NOTE, record, element, call.places)
        return showing.credit_note(record, True)

    return written(call, CREDIT_NOTES, write)


def allocate(call: Call) -> JsonObject:
    """`PUT /CreditNotes/{CreditNoteID}/Allocations`."""
    identifier = _note(call).id
    return written(call, ALLOCATIONS, lambda element: _allocated(call, identifier, element))


def delete_allocation(call: Call) -> JsonObject:
    """`DELETE /CreditNotes/{CreditNoteID}/Allocations/{AllocationID}`: what was applied is open again."""
    note = _note(call)
    allocation = call.records.get(ALLOCATIONS, as_guid(call.path["allocation"]))
    if allocation is None or allocation.element["CreditNoteID"] != note.id:
        raise not_found()
    invoice = call.records.existing(INVOICES, allocation.element["InvoiceID"])
    amount = -allocation.amount("Amount")
    on = allocation.element["Date"]
    rules.settle(call.books, rules.CREDIT_NOTE, note, "AppliedAmount", amount, on)
    rules.settle(call.books, rules.INVOICE, invoice, "AmountCredited", amount, on)
    call.records.remove(allocation)
    return {
        "AllocationID": allocation.id,
        "Date": day_date(on),
        "Amount": allocation.element["Amount"],
        "Invoice": {"InvoiceID": invoice.id},
        "IsDeleted": True,
    }


def _allocated(call: Call, note_id: str, element: JsonObject) -> JsonObject:
    note = call.records.existing(CREDIT_NOTES, note_id)
    named = member(element, "Invoice") or {}
    amount = number(element, "Amount")
    on = day(element, "Date") or call.books.today
    invoice = call.records.get(INVOICES, guid(named, "InvoiceID"))
    if invoice is None and (invoice_number := stated(named, "InvoiceNumber")) is not None:
        invoice = rules.holder(call.books, rules.INVOICE, invoice_number)
    if invoice is None:
        raise InvalidError("The Invoice with the specified InvoiceID could not be found")
    _refuse_what_does_not_fit(note, invoice, amount)
    rules.refuse_a_locked_date(call.books, on)
    applied = rounded(cast("Decimal", amount))
    rules.settle(call.books, rules.CREDIT_NOTE, note, "AppliedAmount", applied, on)
    rules.settle(call.books, rules.INVOICE, invoice, "AmountCredited", applied, on)
    allocation = call.records.add(
        ALLOCATIONS, {"CreditNoteID": note.id, "InvoiceID": invoice.id, "Amount": applied, "Date": on}
    )
    return {
        "AllocationID": allocation.id,
        "Amount": applied,
        "Date": day_date(on),
        "Invoice": {
            "InvoiceID": invoice.id,
            "InvoiceNumber": invoice.element["InvoiceNumber"],
            "Payments": [],
            "CreditNotes": [],
            "Prepayments": [],
            "Overpayments": [],
            "HasErrors": False,
            "IsDiscounted": False,
            "LineItems": [],
            "ValidationErrors": [],
        },
        "CreditNote": {
            "CreditNoteID": note.id,
            "CreditNoteNumber": note.element["CreditNoteNumber"],
            "ID": note.id,
            "LineItems": [],
        },
        "IsDeleted": False,
        "ValidationErrors": [],
    }


def _refuse_what_does_not_fit(note: Record, invoice: Record, amount: Decimal | None) -> None:
    """All that is wrong at once, as Xero tells it. Raises `InvalidError`."""
    messages: list[str] = []
    if note.status not in {"AUTHORISED", "PAID"}:
        messages.append("Credit Note must be authorised before it can be allocated")
    if invoice.status == "PAID":
        messages.append("The invoice you are trying to allocate to has already been paid off")
    elif invoice.status != "AUTHORISED":
        messages.append("Credit Note cannot be allocated to an invoice that is not authorised")
    if amount is None or amount <= 0:
        messages.append("The amount to allocate must be greater than zero")
    elif rounded(amount) > min(note.amount("RemainingCredit"), invoice.amount("AmountDue")):
        messages.append("Credit Note cannot be allocated as amount is greater than amount outstanding")
    if invoice.element["Type"] != _INVOICE_TYPE[note.element["Type"]]:
        messages.append("Credit Note cannot be allocated to an incorrect invoice type")
    if invoice.element["ContactID"] != note.element["ContactID"]:
        messages.append("Credit Note cannot be allocated to an invoice of another contact")
    if invoice.element["CurrencyCode"] != note.element["CurrencyCode"]:
        messages.append("Credit Note cannot be allocated to an invoice in another currency")
    if messages:
        raise InvalidError(*messages)


def _note(call: Call) -> Record:
    record = call.records.get(CREDIT_NOTES, as_guid(call.path["id"]))
    if record is None:
        raise not_found()
    return record


def _matched(call: Call, element: JsonObject) -> Record | None:
    """What a POST updates. Raises the 404 for an id that was never issued."""
    identifier = guid(element, "CreditNoteID")
    if identifier is not None and identifier != NO_ID:
        record = call.records.get(CREDIT_NOTES, identifier)
        if record is None:
            raise not_found()
        return record
    name = stated(element, "CreditNoteNumber")
    if name is None or stated(element, "Type") == "ACCPAYCREDIT":
        return None
    return rules.holder(call.books, rules.CREDIT_NOTE, name)
