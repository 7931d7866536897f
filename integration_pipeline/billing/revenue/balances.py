"""The balances of a contract at month ends (ASC 606-10-45): receivables, contract asset, contract liability.

Belongs here: the position of one contract and its months. Does not belong here: entries (`entries`), or
several contracts, which are never netted against each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import add_months
from integration_pipeline.billing.revenue.events import ContractEvent, EventKind, in_order


@dataclass(frozen=True, slots=True)
class Position:
    """Running totals of one contract, in minor units, from which its balances follow.

    A contract is either a contract asset or a contract liability, never both: they are net (45-1).
    """

    recognized: int = 0
    entitled: int = 0
    invoiced: int = 0
    paid: int = 0

    def after(self, event: ContractEvent) -> Position:
        """The position once `event` has happened."""
        minor = event.amount.minor
        kind = event.kind
        return Position(
            self.recognized + (minor if kind is EventKind.REVENUE else 0),
            self.entitled + (minor if kind in (EventKind.RIGHT, EventKind.BILLING) else 0),
            self.invoiced + (minor if kind in (EventKind.INVOICE, EventKind.BILLING) else 0),
            self.paid + (minor if kind is EventKind.CASH else 0),
        )

    @property
    def contract_asset(self) -> int:
        """Revenue beyond what the customer owes or has paid."""
        return max(self.recognized - self.entitled, 0)

    @property
    def contract_liability(self) -> int:
        """What the customer owes or has paid beyond revenue: deferred revenue."""
        return max(self.entitled - self.recognized, 0)

    @property
    def billed_receivable(self) -> int:
        """Invoiced and not paid; negative if more was paid."""
        return self.invoiced - self.paid

    @property
    def unbilled_receivable(self) -> int:
        """Owed unconditionally and not invoiced yet."""
        return self.entitled - self.invoiced


@dataclass(frozen=True, slots=True)
class MonthBalances:
    """Revenue of a month (`month` is its first day), and the contract's balances at its end."""

    month: date
    revenue: Money
    billed_receivable: Money
    unbilled_receivable: Money
    contract_asset: Money
    contract_liability: Money
    contract_liability_change: Money


def contract_balances(events: Iterable[ContractEvent]) -> tuple[MonthBalances, ...]:
    """A row for every month from the first event's to the last's, also those in which nothing happens.

    One contract in one currency (raises `CurrencyMismatch` otherwise); events in any order.
    """
    ordered = in_order(events)
    if not ordered:
        return ()
    currency = sum((event.amount for event in ordered), Money(0, ordered[0].amount.currency)).currency
    rows: list[MonthBalances] = []
    before = position = Position()
    month, at = ordered[0].day.replace(day=1), 0
    while at < len(ordered):
        following = add_months(month, 1)
        while at < len(ordered) and ordered[at].day < following:
            position = position.after(ordered[at])
            at += 1
        rows.append(_row(month, before, position, currency))
        month, before = following, position
    return tuple(rows)


def _row(month: date, before: Position, position: Position, currency: str) -> MonthBalances:
    def money(minor: int) -> Money:
        return Money(minor, currency)

    return MonthBalances(
        month,
        money(position.recognized - before.recognized),
        money(position.billed_receivable),
        money(position.unbilled_receivable),
        money(position.contract_asset),
        money(position.contract_liability),
        money(position.contract_liability - before.contract_liability),
    )
