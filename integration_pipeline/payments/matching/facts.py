"""What the rules are given to decide by: the movement as kept, documents, their balances, payers.

Belongs here: shapes, and looking things up in them. Does not belong here: where they were read from
(`payments.store`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.numbers import NumberReader
from integration_pipeline.payments.movements import LinkKind, Movement, MovementKind


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """A posted invoice or credit note with its balance, in minor units.

    `open_minor` is positive if the customer owes it, negative if we do. `paid_minor` is what was set against
    it so far, negative where an amount was given back.
    """

    id: int
    number: str
    reference: str
    entity: str
    customer_id: int
    customer: str
    deal_key: str
    currency: str
    issue_date: date
    open_minor: int
    paid_minor: int = 0
    purchase_order: str | None = None

    @property
    def left(self) -> Money:
        """What is open, as money."""
        return Money(self.open_minor, self.currency)

    def after(self, minor: int) -> OpenDocument:
        """The same once `minor` was set against it."""
        return replace(self, open_minor=self.open_minor - minor, paid_minor=self.paid_minor + minor)


@dataclass(frozen=True, slots=True)
class Allocation:
    """The part of a movement that is set against a document; negative where money goes back. Minor units."""

    document_id: int
    minor: int


@dataclass(frozen=True, slots=True)
class SettledPart:
    """One settlement in force of an earlier movement, for one entity and customer."""

    entity: str
    customer_id: int | None
    unapplied_minor: int
    allocations: tuple[Allocation, ...]

    @property
    def amount_minor(self) -> int:
        """What of the movement it was."""
        return self.unapplied_minor + sum(each.minor for each in self.allocations)


@dataclass(frozen=True, slots=True)
class SettledMovement:
    """An earlier movement of the same source as it was kept, with what it settled: `parts` is empty if it has
    settled nothing yet. `fee_minor` is what was booked as its fee, in the currency of the vendor's balance.
    `dispute` is the one that it belongs to.
    """

    id: int
    kind: MovementKind
    external_id: str
    amount: Money
    fee_minor: int
    settled: Money | None
    parts: tuple[SettledPart, ...]
    dispute: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A movement as it is kept, under its number in the books.

    `before` is what was settled of its earlier versions: one, and what was not known of it at first.
    """

    id: int
    movement: Movement
    before: SettledMovement | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose money a source (one of its accounts, in one currency) holds; None stands for any."""

    source: str
    entity: str
    account: str | None = None
    currency: str | None = None

    def owns(self, movement: Movement) -> bool:
        """Whether the movement is one of this entity's."""
        return (
            self.source == movement.source.value
            and self.account in (None, movement.account)
            and self.currency in (None, movement.amount.currency)
        )


@dataclass(frozen=True, slots=True)
class Conventions:
    """What the rule set says about payments; `fee_share` is the share of an invoice, per ten thousand, that a
    bank may have kept of a transfer.
    """

    owners: tuple[Owner, ...] = ()
    only_entity: str | None = None
    payout_days: int = 5
    payout_words: tuple[str, ...] = ("stripe",)
    fee_share: int = 400

    def entity_of(self, movement: Movement) -> str | None:
        """The entity whose money it is; None if nothing says so."""
        owning = (owner.entity for owner in self.owners if owner.owns(movement))
        return next(owning, self.only_entity)


@dataclass(slots=True)
class Facts:
    """All that is known about a batch of movements. Between the decisions of one batch, `set_against`,
    `take_back` and `take_payout` keep it up to date, in memory.

    `payers` are customers by (source, the payer's id there), `addresses` by e-mail address or its domain;
    `related` are earlier movements by source and external id: what refunds and disputes take back;
    `returns` those that take a charge back, by source and the charge's id; `taken_back` are charges and
    disputes of which this batch has decided a return, so that these two are behind. `credit` is what
    customers of such charges have with an entity in a currency. `in_payout` is what the settled movements of
    a payout come to, by entity, None if some of them are not settled yet. `today` is the civil day of the
    run, None where age does not matter. `twins` are bank lines that read like an earlier one of another
    account, and that one.
    """

    numbers: NumberReader
    conventions: Conventions
    today: date | None = None
    twins: dict[int, int] = field(default_factory=dict[int, int])
    documents: dict[int, OpenDocument] = field(default_factory=dict[int, OpenDocument])
    payers: Mapping[tuple[str, str], frozenset[int]] = field(
        default_factory=dict[tuple[str, str], frozenset[int]]
    )
    addresses: Mapping[str, frozenset[int]] = field(default_factory=dict[str, frozenset[int]])
    credit: Counter[tuple[str, int, str]] = field(default_factory=Counter[tuple[str, int, str]])
    taken_back: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    related: Mapping[tuple[str, str], Sequence[SettledMovement]] = field(
        default_factory=dict[tuple[str, str], Sequence[SettledMovement]]
    )
    returns: Mapping[tuple[str, str], Sequence[SettledMovement]] = field(
        default_factory=dict[tuple[str, str], Sequence[SettledMovement]]
    )
    payouts: dict[int, Kept] = field(default_factory=dict[int, Kept])
    lines: dict[int, Kept] = field(default_factory=dict[int, Kept])
    in_payout: Mapping[tuple[str, str], Mapping[str, int] | None] = field(
        default_factory=dict[tuple[str, str], Mapping[str, int] | None]
    )
    by_number: dict[tuple[str, int], list[int]] = field(default_factory=dict[tuple[str, int], list[int]])
    by_reference: dict[str, int] = field(default_factory=dict[str, int])
    by_customer: dict[int, set[int]] = field(default_factory=dict[int, set[int]])

    def add(self, documents: Iterable[OpenDocument], prefixes: Mapping[int, tuple[str, int]]) -> None:
        """Know these documents, too; `prefixes` is each one's series and number within it."""
        for document in documents:
            if document.id in self.documents:
                continue
            self.documents[document.id] = document
            self.by_reference[document.reference] = document.id
            self.by_customer.setdefault(document.customer_id, set()).add(document.id)
            if document.id in prefixes:
                self.by_number.setdefault(prefixes[document.id], []).append(document.id)

    def open_of(self, customers: Iterable[int], currency: str) -> list[OpenDocument]:
        """What is open of these customers in a currency, oldest first."""
        return in_order(
            self.documents[each]
            for customer in customers
            for each in self.by_customer.get(customer, ())
            if self.documents[each].open_minor and self.documents[each].currency == currency
        )

    def of_deal(self, deal: str) -> Iterator[OpenDocument]:
        """Documents of a deal, which is named with or without its CRM."""
        for document in self.documents.values():
            if document.deal_key == deal or document.deal_key.partition(":")[2] == deal:
                yield document

    def set_against(self, allocations: Iterable[Allocation]) -> None:
        """Count what was just decided, so that the next decision cannot give the same balance away."""
        for each in allocations:
            self.documents[each.document_id] = self.documents[each.document_id].after(each.minor)

    def take_back(self, movement: Movement) -> None:
        """What is left of the charges that it names has just changed."""
        for link in (*movement.linked(LinkKind.CHARGE), *movement.linked(LinkKind.DISPUTE)):
            self.taken_back.add((movement.source.value, link.id))

    def take_payout(self, payout_id: int, line_id: int | None) -> None:
        """A payout and its bank line have found each other."""
        self.payouts.pop(payout_id, None)
        if line_id is not None:
            self.lines.pop(line_id, None)


def in_order(documents: Iterable[OpenDocument]) -> list[OpenDocument]:
    """Oldest first, whatever order they came in."""
    return sorted(documents, key=lambda document: (document.issue_date, document.number, document.id))
