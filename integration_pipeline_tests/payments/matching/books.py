"""Documents, payers and movements for the rules, without a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.decide import decide
from integration_pipeline.payments.matching.decisions import Decision
from integration_pipeline.payments.matching.facts import (
    Allocation,
    Conventions,
    Facts,
    Kept,
    OpenDocument,
    Owner,
    SettledMovement,
    SettledPart,
)
from integration_pipeline.payments.matching.numbers import NumberReader, Series
from integration_pipeline.payments.movements import Movement, MovementKind, MovementSource
from integration_pipeline_tests.pipeline.till import movement

STRIPE, PLAID = MovementSource.STRIPE, MovementSource.PLAID
SERIES = (Series("US-INV-", 6), Series("US-CN-", 6), Series("EU-INV-", 6))
READER = NumberReader(SERIES)
ACME, BOLT = 1, 2
NAMES = {ACME: "Acme Inc.", BOLT: "Bolt GmbH"}


def document(
    number: int,
    open_minor: int,
    *,
    customer: int = ACME,
    currency: str = "USD",
    prefix: str = "US-INV-",
    entity: str = "us",
    deal: str = "hubspot:1",
    day: date | None = None,
    paid: int = 0,
) -> OpenDocument:
    """A document whose id is its number (plus 1,000 for credit notes, 2,000 for those of eu)."""
    return OpenDocument(
        id=number + {"US-INV-": 0, "US-CN-": 1_000, "EU-INV-": 2_000}[prefix],
        number=f"{prefix}{number:06}",
        reference=f"D{prefix[0]}{'ABCDEFGHIJ'[number % 10]}AAAAAAA{'234567'[number % 6]}",
        entity=entity,
        customer_id=customer,
        customer=NAMES[customer],
        deal_key=deal,
        currency=currency,
        issue_date=day or date(2026, 1, 1 + number % 28),
        open_minor=open_minor,
        paid_minor=paid,
    )


def facts(documents: Iterable[OpenDocument] = (), **known: Any) -> Facts:
    """What is known of these documents; `known` are fields of `Facts`."""
    made = Facts(
        READER,
        known.pop("conventions", Conventions(owners=(Owner("stripe", "us"), Owner("plaid", "us")))),
        **known,
    )
    chosen = list(documents)
    made.add(chosen, {each.id: (each.number[:-6], int(each.number[-6:])) for each in chosen})
    return made


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def payment(minor: int, *, currency: str = "USD", **said: Any) -> Movement:
    return movement(STRIPE, MovementKind.PAYMENT, "ch_1", Money(minor, currency), **said)


def line(minor: int, *, currency: str = "USD", **said: Any) -> Movement:
    return movement(PLAID, MovementKind.BANK_LINE, "line-1", Money(minor, currency), **said)


def decided(one: Movement, known: Facts, before: SettledMovement | None = None) -> Decision:
    return decide(Kept(1, one, before), known)


def settled(
    kind: MovementKind,
    external_id: str,
    amount: Money,
    allocations: Mapping[int, int],
    *,
    unapplied: int = 0,
    customer: int = ACME,
    fee: int = 0,
) -> SettledMovement:
    """An earlier movement that is settled, for one customer of us."""
    parts: Sequence[Allocation] = tuple(Allocation(each, minor) for each, minor in allocations.items())
    part = SettledPart("us", customer, unapplied, tuple(parts))
    return SettledMovement(7, kind, external_id, amount, fee, None, (part,))
