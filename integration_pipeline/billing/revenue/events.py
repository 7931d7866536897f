"""What happens to a contract that moves its balances: revenue, rights to payment, invoices, cash.

Belongs here: the events and their order. Does not belong here: the balances they leave (`balances`), the
entries they cause (`entries`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import add_months
from integration_pipeline.billing.revenue.recognition import RevenuePlan


class EventKind(StrEnum):
    """Kinds of events, in the order in which those of one day are booked."""

    REVENUE = "revenue recognition"
    RIGHT = "unconditional right"
    """Payment depends on nothing but time (ASC 606-10-45-4); invoiced on another day."""
    BILLING = "unconditional right and invoice"
    """Both on one day, so that no unbilled receivable arises."""
    INVOICE = "invoice"
    """Of a right that arose before."""
    CASH = "cash collection"


_ORDER = {kind: place for place, kind in enumerate(EventKind)}


@dataclass(frozen=True, slots=True)
class ContractEvent:
    """One event of a contract. `obligation` names whose revenue it is, for entries by obligation."""

    day: date
    kind: EventKind
    amount: Money
    obligation: str | None = None


def in_order(events: Iterable[ContractEvent]) -> list[ContractEvent]:
    """By day, within a day by kind as `EventKind` lists them; otherwise as given."""
    return sorted(events, key=lambda event: (event.day, _ORDER[event.kind]))


def last_of_month(day: date) -> date:
    """The last day of the month that `day` is in."""
    return add_months(day.replace(day=1), 1) - timedelta(days=1)


def revenue_events(plan: RevenuePlan, obligation: str | None = None) -> list[ContractEvent]:
    """Revenue of a plan as booked: a month's on its last day."""
    return [
        ContractEvent(last_of_month(each.month), EventKind.REVENUE, each.amount, obligation)
        for each in plan.months()
        if each.amount
    ]
