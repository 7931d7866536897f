"""Credit notes: what of an invoice they take back, so that notes for all of it equal the invoice.

Belongs here: amounts, discounts and taxes of partial credit notes, and what of a credit is paid back. Does
not belong here: why something is credited (amendments), the notes as documents, or paying back.
"""

from __future__ import annotations

from integration_pipeline.billing.credits.invoiced import InvoicedLine, InvoicedTax, invoiced_lines
from integration_pipeline.billing.credits.notes import (
    Credit,
    CreditNote,
    CreditNoteLine,
    credit_note,
    credited_tax,
)
from integration_pipeline.billing.credits.refunds import RefundSplit, split_refund
from integration_pipeline.billing.credits.unused import unused_credit, unused_part, unused_share

__all__ = [
    "Credit",
    "CreditNote",
    "CreditNoteLine",
    "InvoicedLine",
    "InvoicedTax",
    "RefundSplit",
    "credit_note",
    "credited_tax",
    "invoiced_lines",
    "split_refund",
    "unused_credit",
    "unused_part",
    "unused_share",
]
