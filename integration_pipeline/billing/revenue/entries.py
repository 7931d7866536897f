"""Journal entries of a contract's revenue, rights, invoices and payments.

Belongs here: which accounts an event moves, by role. Does not belong here: account codes of a chart, tax,
document numbers, storing (all of the ledger), or releasing what an invoice deferred (`releases`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import groupby

from integration_pipeline.billing.money import Money
from integration_pipeline.billing.revenue.balances import Position
from integration_pipeline.billing.revenue.events import ContractEvent, EventKind, in_order


class ContractAccount(StrEnum):
    """The accounts that a contract's revenue runs through."""

    CASH = "cash"
    BILLED_RECEIVABLE = "billed AR"
    UNBILLED_RECEIVABLE = "unbilled AR"
    CONTRACT_ASSET = "contract asset"
    CONTRACT_LIABILITY = "contract liability"
    REVENUE = "revenue"


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One side of an entry: positive is a debit, negative a credit. `obligation` tells revenues apart."""

    account: ContractAccount
    amount: Money
    obligation: str | None = None

    @property
    def is_debit(self) -> bool:
        """Whether the amount stands on the debit side."""
        return self.amount.minor > 0

    @property
    def magnitude(self) -> Money:
        """The amount without its side."""
        return self.amount if self.is_debit else -self.amount

    @property
    def label(self) -> str:
        """As an accountant writes it: `Dr contract liability`, `Cr revenue support`."""
        side = "Dr" if self.is_debit else "Cr"
        return f"{side} {self.account}" + (f" {self.obligation}" if self.obligation else "")


@dataclass(frozen=True, slots=True)
class ContractEntry:
    """What one kind of event books on one day; the lines add up to zero, debits come first."""

    day: date
    kind: EventKind
    lines: tuple[EntryLine, ...]


def contract_entries(events: Iterable[ContractEvent]) -> tuple[ContractEntry, ...]:
    """An entry for every kind of event on every day, in the order in which they are booked.

    Revenue uses up the contract liability before it builds a contract asset; a right clears the asset before
    it builds a liability; a negative amount runs the same way back. Events that cancel out book nothing.
    One contract in one currency.
    """
    entries: list[ContractEntry] = []
    position = Position()
    for (day, kind), group in groupby(in_order(events), key=lambda event: (event.day, event.kind)):
        happened = list(group)
        before = position
        for event in happened:
            position = position.after(event)
        lines = _lines(kind, happened, before, position)
        if lines:
            entries.append(ContractEntry(day, kind, lines))
    return tuple(entries)


def _lines(
    kind: EventKind, happened: list[ContractEvent], before: Position, after: Position
) -> tuple[EntryLine, ...]:
    currency = happened[0].amount.currency
    earned = after.recognized - before.recognized
    asset = (ContractAccount.CONTRACT_ASSET, after.contract_asset - before.contract_asset)
    liability = (ContractAccount.CONTRACT_LIABILITY, before.contract_liability - after.contract_liability)
    moved = [
        (ContractAccount.CASH, after.paid - before.paid),
        (ContractAccount.BILLED_RECEIVABLE, after.billed_receivable - before.billed_receivable),
        (ContractAccount.UNBILLED_RECEIVABLE, after.unbilled_receivable - before.unbilled_receivable),
        # What is used up stands before what is built.
        *((liability, asset) if earned > 0 else (asset, liability)),
    ]
    lines = [EntryLine(account, Money(minor, currency)) for account, minor in moved]
    if kind is EventKind.REVENUE:
        by_obligation: dict[str | None, Money] = {}
        for event in happened:
            sofar = by_obligation.get(event.obligation, Money(0, currency))
            by_obligation[event.obligation] = sofar + event.amount
        lines += [EntryLine(ContractAccount.REVENUE, -amount, key) for key, amount in by_obligation.items()]
    return tuple(sorted((line for line in lines if line.amount), key=lambda line: not line.is_debit))
