"""A payment net of credit notes: what of it is set off between documents, and what money is left for each.

Xero has no payment of an invoice less a credit note. The note is allocated to the invoice, and a payment pays
what is left. Where more is owed to the customer than is paid, the notes are refunded less what is set off.

Belongs here: arithmetic. Does not belong here: calls (`payments`, `applications`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from integration_pipeline.accounting.target import Allocation, OutgoingApplication, OutgoingPayment
from integration_pipeline.billing.money import Money


@dataclass(frozen=True, slots=True)
class Netted:
    """`set_off` are credit notes against invoices; `moved` is what money is left to each document, negative
    where it goes back. Together they are the allocations.
    """

    set_off: tuple[OutgoingApplication, ...]
    moved: tuple[Allocation, ...]


def netted(payment: OutgoingPayment, allocations: Sequence[Allocation]) -> Netted:
    """Set off as much as can be, in the given order. A negative allocation is one of a credit note."""
    left = {each.document_id: each.amount.minor for each in allocations}
    set_off: list[OutgoingApplication] = []
    for note in (each for each in allocations if each.amount.minor < 0):
        for invoice in (each for each in allocations if each.amount.minor > 0):
            minor = min(-left[note.document_id], left[invoice.document_id])
            if minor <= 0:
                continue
            left[note.document_id] += minor
            left[invoice.document_id] -= minor
            set_off.append(_application(payment, note, invoice, minor))
    return Netted(
        tuple(set_off),
        tuple(
            replace(each, amount=Money(minor, each.amount.currency))
            for each in allocations
            if (minor := left[each.document_id])
        ),
    )


def _application(
    payment: OutgoingPayment, note: Allocation, invoice: Allocation, minor: int
) -> OutgoingApplication:
    return OutgoingApplication(
        intent_id=payment.intent_id,
        key=payment.key,
        reference=payment.reference,
        customer_id=payment.customer_id,
        credit_note_id=note.document_id,
        invoice_id=invoice.document_id,
        amount=Money(minor, note.amount.currency),
        applied_on=payment.received_on,
    )
