"""What every accounting system offers, and what is sent to it and read from it, in our own terms.

Belongs here: the shapes and the protocol between the poster and a vendor's connector. Does not belong here:
a vendor's fields (its own folder), which intents are due and what an outcome leads to (`posting`), the own
PostgreSQL ledger, which is booked in the pipeline's own transaction and needs none of this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from integration_pipeline.accounting.documents import DocumentKind, DocumentTax
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.billing.money import Money


class Subject(StrEnum):
    """What a posting intent puts into an accounting system."""

    DOCUMENT = "document"
    """An invoice or a credit note."""
    APPLICATION = "application"
    """A credit note set against the invoice it reverses."""
    PAYMENT = "payment"
    """Money received, set against invoices; a negative one is money given back."""


@dataclass(frozen=True, slots=True)
class OutgoingLine:
    """One line of a document, net of tax; signed within its document as `DocumentLine` is.

    `quantity` x `unit_price` need not be `amount`: prices may be graduated, prorated or rounded once over a
    whole period. A vendor that insists gets one piece at the amount (`quantity_and_price`). `taxes` are those
    of this line, none for a line without, two where a state and a country both tax. `explanation` is the
    formula in words.
    """

    description: str
    amount: Money
    quantity: Decimal
    unit_price: Decimal | None
    taxes: tuple[DocumentTax, ...]
    revenue: RevenueTreatment
    charge_id: str
    service_start: date | None
    service_end: date | None
    explanation: str

    @property
    def tax_amount(self) -> Money:
        """All taxes of the line."""
        return Money(sum(tax.amount.minor for tax in self.taxes), self.amount.currency)

    def quantity_and_price(self, places: int) -> tuple[Decimal, Decimal]:
        """What multiplies to exactly the amount, the price with at most `places` decimals.

        The stated quantity and price if they do; otherwise one piece at the amount.
        """
        amount = self.amount.to_decimal()
        if self.unit_price is not None:
            scaled = self.unit_price.quantize(Decimal(1).scaleb(-places))
            if scaled == self.unit_price and self.quantity * self.unit_price == amount:
                return self.quantity, self.unit_price
        return Decimal(1), amount


@dataclass(frozen=True, slots=True)
class OutgoingDocument:
    """An invoice or credit note that is in the own books already, under `number`. Dates are civil dates.

    `key` (64 hex digits) is the same for each attempt: vendors that know idempotency keys get it, shortened
    where they must. `reference` (11 characters, `D...`) is written where nobody edits it, to find the
    document again. `total` is positive, taxes included; the kind says which way the money goes.
    """

    intent_id: int
    key: str
    reference: str
    number: str
    kind: DocumentKind
    entity: str
    deal_key: str
    customer_id: str
    """The customer's id at the vendor."""
    issue_date: date
    due_date: date
    purchase_order: str | None
    reverses_number: str | None
    total: Money
    lines: tuple[OutgoingLine, ...]
    taxes: tuple[DocumentTax, ...]

    subject = Subject.DOCUMENT


@dataclass(frozen=True, slots=True)
class OutgoingApplication:
    """A posted credit note to be set against the posted invoice it reverses, over `amount`.

    Ids are the vendor's. `reference` is the credit note's with an `A` before it.
    """

    intent_id: int
    key: str
    reference: str
    customer_id: str
    credit_note_id: str
    invoice_id: str
    amount: Money
    applied_on: date

    subject = Subject.APPLICATION


@dataclass(frozen=True, slots=True)
class Allocation:
    """A part of a payment and the document it is set against, by the vendor's id.

    Negative where it goes back: a credit note is taken off what has to be paid, money is given back.
    """

    document_id: str
    amount: Money
    kind: DocumentKind = DocumentKind.INVOICE


@dataclass(frozen=True, slots=True)
class OutgoingPayment:
    """Money received from a customer. What `allocations` leave of `amount` stays as the customer's credit.

    `method` is where the money came in: `stripe` or `plaid`; the target's settings say which account that is.
    `fee` is what the processor kept of it: `amount` is what the customer paid, before the fee.
    """

    intent_id: int
    key: str
    reference: str
    customer_id: str
    amount: Money
    fee: Money | None
    received_on: date
    method: str
    description: str
    allocations: tuple[Allocation, ...]

    subject = Subject.PAYMENT


Outgoing = OutgoingDocument | OutgoingApplication | OutgoingPayment


class RemoteState(StrEnum):
    """What became of a record at the vendor."""

    OPEN = "open"
    PAID = "paid"
    DRAFT = "draft"
    VOIDED = "voided"
    DELETED = "deleted"


GONE = frozenset({RemoteState.VOIDED, RemoteState.DELETED})
"""States of what is not in the vendor's books any more."""


@dataclass(frozen=True, slots=True)
class RemoteRecord:
    """A document, application or payment as the vendor has it.

    `reference` is ours if the record carries one. `total` is positive, taxes included. `tax` and `balance`
    (what is still open) only of documents. `version` is the vendor's own (SyncToken, time of change).
    """

    subject: Subject
    kind: DocumentKind | None
    remote_id: str
    version: str
    number: str | None
    reference: str | None
    customer_id: str | None
    total: Money
    tax: Money | None
    balance: Money | None
    issued_on: date | None
    state: RemoteState
    modified_at: datetime
    body_hash: str
    """SHA-256 over the vendor's body."""
    applied: Mapping[str, Money] | None = None
    """What of a payment or an application is set against which documents, by their ids there, without signs;
    None if the vendor does not tell.
    """


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor has it, as `record`."""

    record: RemoteRecord


@dataclass(frozen=True, slots=True)
class Refused:
    """The vendor will not take it as it is: `reason` names the record, the field and the next step.

    `code` is the vendor's. `duplicate`: the vendor says that it, or its number, is there already.
    """

    reason: str
    code: str | None = None
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Unsure:
    """It may or may not be there: it has to be looked up before it is sent again."""

    reason: str


Outcome = Accepted | Refused | Unsure


@dataclass(frozen=True, slots=True)
class OutgoingCustomer:
    """A customer to be created at the vendor. `reference` is ours: `C123`."""

    key: str
    reference: str
    name: str
    tax_id: str | None
    domain: str | None
    email: str | None
    country: str | None
    currency: str


@dataclass(frozen=True, slots=True)
class RemoteCustomer:
    """A customer as the vendor has it; `reference` is ours if it carries one."""

    remote_id: str
    version: str
    name: str
    tax_id: str | None
    domain: str | None
    email: str | None
    reference: str | None
    currency: str | None
    """Fixed at some vendors; None where a customer may be billed in any."""
    active: bool
    modified_at: datetime


class AccountingTarget(Protocol):
    """A company's books at a vendor. Safe for threads. Methods raise the transport's `VendorFailure`s.

    `name` is the target's in the configuration, `vendor` the connector's. `largest_batch` is how many
    documents one call takes.
    """

    @property
    def name(self) -> str: ...

    @property
    def vendor(self) -> str: ...

    @property
    def largest_batch(self) -> int: ...

    @property
    def currency_per_customer(self) -> bool:
        """Whether a customer is billed in one currency for good, so that each needs a record of its own."""
        ...

    @property
    def load(self) -> float:
        """How much of the vendor's limits is used just now, from 0 to 1."""
        ...

    @property
    def quiet_seconds(self) -> float:
        """How long after an unsure payment or application it is looked up before it may be sent again: as
        long as the vendor may still be at work on the first. Documents are told apart by their numbers.
        """
        ...

    def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Send up to `largest_batch` of one subject in one call, where the vendor can; an outcome of each, in
        order.

        Sent once: whether to send again is the caller's decision. A call that may have been carried out gives
        `Unsure` for all it carried. Raises a `VendorFailure` other than `Uncertain` only if certainly nothing
        of the batch was done: throttled, not connected, unauthorized.
        """
        ...

    def find(self, batch: Sequence[Outgoing]) -> Sequence[Sequence[RemoteRecord]]:
        """What the vendor has of each, in order: by number and by reference, voided ones included."""
        ...

    def changed_since(self, since: datetime) -> Iterator[Sequence[RemoteRecord]]:
        """Documents, applications and payments changed since `since` less the vendor's overlap, voided and
        deleted ones included, whoever made them.
        """
        ...

    def documents(self, first: date, last: date) -> Iterator[Sequence[RemoteRecord]]:
        """All invoices and credit notes issued from `first` to `last`, whoever made them."""
        ...

    def payments(self, first: date, last: date) -> Iterator[Sequence[RemoteRecord]]:
        """Our payments and applications dated from `first` to `last`, and those of others that the vendor
        lists with them; deleted ones as far as it still lists these.
        """
        ...

    def customers(self, since: datetime | None) -> Iterator[Sequence[RemoteCustomer]]:
        """All customers, or those changed since `since` less the vendor's overlap."""
        ...

    def create_customers(
        self, batch: Sequence[OutgoingCustomer]
    ) -> Sequence[RemoteCustomer | Refused | Unsure]:
        """Create up to `largest_batch`, in one call where the vendor can; an outcome of each, in order.

        A name that another kind of record has is told apart by rule. Failures as of `send`.
        """
        ...

    def find_customers(self, batch: Sequence[OutgoingCustomer]) -> Sequence[RemoteCustomer | None]:
        """The customers that carry our references, in order; None where there is none."""
        ...

    def problems(self) -> Sequence[str]:
        """What is missing at the vendor for posting to work, each with the next step: accounts, items, tax
        codes, currencies. Empty if all is well.
        """
        ...

    def close(self) -> None: ...
