"""What may be decided about a movement, and by which rule.

Belongs here: shapes. Does not belong here: deciding (`decide`), booking (pipeline).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from integration_pipeline.payments.matching.facts import Allocation, Kept

Whose: TypeAlias = tuple[str, int | None]
"""An entity and a customer of it; None stands for nobody."""


class Rule(StrEnum):
    """Why a movement settles what it settles, or why something is proposed."""

    LINK = "link"
    """Whoever took the payment wrote down the document or the deal."""
    NUMBER = "number"
    """The text names document numbers or references."""
    AMOUNT = "amount"
    """The one invoice of a known payer that is open with just this amount."""
    SUM = "sum"
    """The one choice of a known payer's open documents that adds up to the amount."""
    RETURN = "return"
    """Money of an earlier payment that goes back: a refund, a dispute."""
    RETURNED = "returned"
    """What an earlier refund or dispute took comes back."""
    FEE = "fee"
    LATER_FEE = "later_fee"
    """The fee of a payment, or what it was exchanged for, that was not known when it was settled."""
    PAYOUT = "payout"
    """A payment vendor's payout and the bank line that tells of the same money."""
    PERSON = "person"
    SET_ASIDE = "set_aside"
    """A person says that it is none of ours, and yet it is in a payment vendor's balance."""

    # Only ever proposed.
    NAME = "name"
    LESS_A_FEE = "less_a_fee"
    PART = "part"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True)
class Credit:
    """What no document takes: the customer's credit with an entity, negative where it goes back.

    Without a customer it is nobody's: money of a payment vendor's balance that a person has set aside.
    """

    entity: str
    customer_id: int | None
    minor: int


def in_order_of_whose(whose: Whose) -> tuple[str, int]:
    """A key to sort by: entities, nobody before customers."""
    entity, customer_id = whose
    return entity, customer_id or 0


def credits_of(by_customer: Mapping[Whose, int]) -> tuple[Credit, ...]:
    """In order; those of nothing are left out."""
    return tuple(
        Credit(*whose, by_customer[whose])
        for whose in sorted(by_customer, key=in_order_of_whose)
        if by_customer[whose]
    )


@dataclass(frozen=True, slots=True)
class Matched:
    """The movement settles these documents; with `credit` they add up to its amount."""

    rule: Rule
    evidence: tuple[str, ...]
    allocations: tuple[Allocation, ...]
    credit: tuple[Credit, ...] = ()


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who bears a cost, and which share of it: `weight` is what the payment was to them, in minor units."""

    entity: str
    customer_id: int | None
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Charged:
    """A cost of `fee_minor` (negative: given back) in the currency of the vendor's balance, and no more.

    Divided between `bearers`. `exchanged`: the vendor has taken the amount in as another currency, which is
    told only now.
    """

    rule: Rule
    evidence: tuple[str, ...]
    bearers: tuple[Bearer, ...]
    fee_minor: int
    exchanged: bool = False


@dataclass(frozen=True, slots=True)
class Arrived:
    """A payout's money is in our bank: `shares` of it by entity. `line` tells of it, if a bank line does."""

    evidence: tuple[str, ...]
    payout: Kept
    line: Kept | None
    shares: tuple[tuple[str, int], ...]

    rule = Rule.PAYOUT


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may explain a movement, for a person; `score` is from 0 to 100."""

    rule: Rule
    score: int
    evidence: tuple[str, ...]
    allocations: tuple[Allocation, ...] = ()
    payout_id: int | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """A person decides: `why` says what is unclear and what to do, `candidates` are best first."""

    why: str
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class NotYet:
    """What it belongs to has still to come. Nobody needs to do anything, unless that takes too long: `do`."""

    why: str
    do: str


@dataclass(frozen=True, slots=True)
class NotOurs:
    """It has nothing to do with any document."""

    why: str


Decision = Matched | Charged | Arrived | Waits | NotYet | NotOurs
