"""What this pipeline writes into notes at QuickBooks, and how it knows its own records by them again.

A note begins with `Ref D3KQ...`: notes cannot be asked for, but whatever was read tells whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from integration_pipeline.accounting.target import OutgoingDocument

LONGEST_NOTE = 4_000

# Of a document, an application, a payment, and a payment that takes one back.
_OURS = r"(?:D|AD|P|R)[A-Z2-7]{10}"
_REFERENCE = re.compile(rf"\bRef ({_OURS})\b")
_BARE_REFERENCE = re.compile(_OURS)
_CUSTOMER = re.compile(r"\bRef (C[0-9]{1,18}(?:[A-Z]{3})?)\b")


def document_note(document: OutgoingDocument) -> str:
    """Reference, key facts, and how each line came about."""
    facts = [
        f"deal {document.deal_key}",
        f"purchase order {document.purchase_order}" if document.purchase_order else "",
        f"reverses {document.reverses_number}" if document.reverses_number else "",
    ]
    explained = (
        f"{place}. {line.explanation}" for place, line in enumerate(document.lines, 1) if line.explanation
    )
    return note(document.reference, facts, explained)


def note(reference: str, facts: Iterable[str], lines: Iterable[str] = ()) -> str:
    """A note that begins with the reference, cut to what QuickBooks keeps."""
    head = "; ".join(filter(None, (f"Ref {reference}", *facts)))
    text = "\n".join((head, *lines))
    return text if len(text) <= LONGEST_NOTE else text[: LONGEST_NOTE - 1] + "…"


def reference_in(text: str) -> str | None:
    """Our reference in a transaction's note."""
    found = _REFERENCE.search(text)
    return found[1] if found else None


def as_reference(number: str) -> str | None:
    """The number of a payment if it is one of our references."""
    return number if _BARE_REFERENCE.fullmatch(number) else None


def customer_reference_in(text: str) -> str | None:
    """Our reference in a customer's note."""
    found = _CUSTOMER.search(text)
    return found[1] if found else None
