"""Credit notes set against the invoices they reverse.

One call each: Xero takes allocations of one credit note at a time. An allocation has no reference of ours; it
is known by the credit note, the invoice and the amount, and Xero allocates no more than is left of the note.

Belongs here: allocations. Does not belong here: the credit notes themselves (`documents`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from integration_pipeline.accounting.target import (
    Accepted,
    Outcome,
    OutgoingApplication,
    Refused,
    RemoteRecord,
    RemoteState,
    Subject,
    Unsure,
)
from integration_pipeline.accounting.xero import where
from integration_pipeline.accounting.xero.amounts import too_fine
from integration_pipeline.accounting.xero.answers import (
    CREDIT_NOTES,
    allocation,
    allocation_id,
    body_hash,
    money,
)
from integration_pipeline.accounting.xero.api import XeroApi
from integration_pipeline.accounting.xero.writing import Answer, Element, Sending, chunks
from integration_pipeline.transport.failures import VendorFailure
from integration_pipeline.transport.shapes import Json


class Applications:
    """Those of one organisation."""

    def __init__(self, api: XeroApi) -> None:
        self._api = api

    def send(self, batch: Sequence[OutgoingApplication], sending: Sending | None = None) -> list[Outcome]:
        """One call after the other. Outcomes in order. `sending`: the calls that these are among."""
        sending = sending or Sending(self._api)
        return [self._send(sending, each) for each in batch]

    def find(self, batch: Sequence[OutgoingApplication]) -> list[list[RemoteRecord]]:
        """What of each credit note is set against its invoice."""
        found: list[list[RemoteRecord]] = []
        for some in chunks(batch):
            ids = dict.fromkeys(each.credit_note_id for each in some)
            test = where.any_of(where.is_id("CreditNoteID", each) for each in ids)
            pages = self._api.pages(CREDIT_NOTES.plural, order="CreditNoteID ASC", where=test)
            notes = {note.field("CreditNoteID").identifier().lower(): note for page in pages for note in page}
            found += [_of(each, notes.get(each.credit_note_id.lower())) for each in some]
        return found

    def _send(self, sending: Sending, application: OutgoingApplication) -> Outcome:
        path = f"/CreditNotes/{application.credit_note_id}/Allocations"
        body = {
            "Invoice": {"InvoiceID": application.invoice_id},
            "Amount": application.amount.to_decimal(),
            "Date": application.applied_on.isoformat(),
        }
        what = f"the allocation {application.reference} of {application.amount.format()}"
        if why := too_fine(application.amount):
            return Refused(f"{what}: {why}")
        answer = sending.put_into(
            path,
            "Allocations",
            Element(body, application.key, what),
            lambda: self._is_there(application.credit_note_id),
        )
        return _outcome(application, answer)

    def _is_there(self, credit_note_id: str) -> bool:
        return bool(self._api.whole(CREDIT_NOTES.plural, where=where.is_id("CreditNoteID", credit_note_id)))


def _outcome(sent: OutgoingApplication, answer: Answer) -> Outcome:
    if isinstance(answer, Refused | Unsure):
        return answer
    now = datetime.now(UTC)
    try:
        return Accepted(
            # The answer does not show the whole credit note.
            RemoteRecord(
                subject=Subject.APPLICATION,
                kind=None,
                remote_id=allocation_id(answer, sent.credit_note_id),
                version="",
                number=None,
                reference=sent.reference,
                customer_id=sent.customer_id,
                total=money(answer.field("Amount"), sent.amount.currency),
                tax=None,
                balance=None,
                issued_on=sent.applied_on,
                state=RemoteState.OPEN,
                modified_at=now,
                body_hash=body_hash(answer),
            )
        )
    except VendorFailure as failure:
        return Unsure(str(failure))


def _of(sent: OutgoingApplication, note: Json | None) -> list[RemoteRecord]:
    given = note.optional("Allocations") if note is not None else None
    if note is None or given is None:
        return []
    return [
        replace(allocation(each, note), reference=sent.reference)
        for each in given.items()
        if each.field("Invoice").field("InvoiceID").identifier().lower() == sent.invoice_id.lower()
    ]
