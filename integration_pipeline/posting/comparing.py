"""Whether what a target has is what these books say: differences in amount, tax, currency, customer, kind, in
what a payment is set against, and in what is open of a document.

Belongs here: the comparison alone, without I/O. Does not belong here: what a difference leads to
(`uncertainty`, `sweep`, `findings`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.target import (
    GONE,
    Outgoing,
    OutgoingApplication,
    OutgoingDocument,
    OutgoingPayment,
    RemoteRecord,
    RemoteState,
    Subject,
)
from integration_pipeline.billing.money import Money


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of which the two sides say something else; `kind` is that of a finding."""

    kind: str
    field: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        return f"{self.field} is {self.theirs} there and {self.ours} here"


@dataclass(frozen=True, slots=True)
class AppliedTo:
    """A document that something is set against, by its number, and over how much."""

    number: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Expected:
    """What a target should have of an intent."""

    intent_id: int
    subject: Subject
    reference: str
    number: str | None
    kind: DocumentKind | None
    customer_id: str | None
    total: Money
    tax: Money | None
    issued_on: date | None = None
    """The day it carries; of an application the vendor's to say."""
    applied: Mapping[str, AppliedTo] | None = None
    """What of it is set against which documents, by their ids there; None where vendors differ in that."""
    open_minor: tuple[int, ...] = ()
    """What may be open of a document there: as was posted, or as these books say. Empty while it moves."""

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.number or self.reference

    @classmethod
    def of(cls, item: Outgoing) -> Expected:
        """What should come of what is sent."""
        match item:
            case OutgoingDocument():
                tax = Money(sum(tax.amount.minor for tax in item.taxes), item.total.currency)
                return cls(
                    item.intent_id,
                    item.subject,
                    item.reference,
                    item.number,
                    item.kind,
                    item.customer_id,
                    item.total,
                    tax,
                    item.issue_date,
                )
            case OutgoingApplication() | OutgoingPayment():
                total = Money(abs(item.amount.minor), item.amount.currency)
                return cls(
                    item.intent_id, item.subject, item.reference, None, None, item.customer_id, total, None
                )


def differences(expected: Expected, record: RemoteRecord) -> list[Difference]:
    """Every difference that matters to the books; empty if the record is what was sent."""
    return [
        *_identity(expected, record),
        *_amounts(expected, record),
        *_applied(expected, record),
        *_balance(expected, record),
        *_standing(record),
    ]


def _identity(expected: Expected, record: RemoteRecord) -> Iterator[Difference]:
    facts: Mapping[str, tuple[object, object]] = {
        "number": (expected.number, record.number),
        "kind": (expected.kind, record.kind),
        "customer": (expected.customer_id, record.customer_id),
        "currency": (expected.total.currency, record.total.currency),
        "date": (expected.issued_on, record.issued_on),
    }
    if record.state in GONE:
        # Of what is gone a vendor may tell little more than its id.
        return
    for field, (ours, theirs) in facts.items():
        # What a vendor does not tell is no difference.
        if ours is not None and theirs is not None and ours != theirs:
            yield Difference("changed", field, str(ours), str(theirs))


def _amounts(expected: Expected, record: RemoteRecord) -> Iterator[Difference]:
    if expected.total.currency != record.total.currency or record.state in GONE:
        return
    if expected.tax is None or record.tax is None or expected.tax == record.tax:
        if expected.total != record.total:
            yield Difference("total_differs", "total", expected.total.format(), record.total.format())
        return
    yield Difference("tax_differs", "tax", expected.tax.format(), record.tax.format())
    ours, theirs = expected.total - expected.tax, record.total - record.tax
    # A vendor that computes the tax itself has another total, but the same before tax.
    if ours != theirs:
        yield Difference("total_differs", "net total", ours.format(), theirs.format())


def _applied(expected: Expected, record: RemoteRecord) -> Iterator[Difference]:
    if expected.applied is None or record.applied is None or record.state in GONE:
        return
    ours = {each: to.amount for each, to in expected.applied.items()}
    theirs = {each: amount for each, amount in record.applied.items() if amount}
    if ours != theirs:
        numbers = {each: to.number for each, to in expected.applied.items()}
        yield Difference(
            "changed", "what it is set against", _in_words(ours, numbers), _in_words(theirs, numbers)
        )


def _in_words(applied: Mapping[str, Money], numbers: Mapping[str, str]) -> str:
    said = sorted(f"{numbers.get(each, each)} with {amount.format()}" for each, amount in applied.items())
    return ", ".join(said) or "nothing"


def _balance(expected: Expected, record: RemoteRecord) -> Iterator[Difference]:
    # With another total another amount is open: that is told already.
    if not expected.open_minor or record.balance is None or record.total != expected.total:
        return
    if record.state not in (*GONE, RemoteState.DRAFT) and record.balance.minor not in expected.open_minor:
        ours = Money(expected.open_minor[0], expected.total.currency)
        yield Difference("balance_differs", "open balance", ours.format(), record.balance.format())


def _standing(record: RemoteRecord) -> Iterator[Difference]:
    if record.state is RemoteState.VOIDED:
        yield Difference("voided", "state", "posted", "voided")
    elif record.state is RemoteState.DELETED:
        yield Difference("deleted", "state", "posted", "deleted")
    elif record.state is RemoteState.DRAFT:
        yield Difference("changed", "state", "posted", "a draft")
