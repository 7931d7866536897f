"""Proof that revenue ties: what was billed is recognized or deferred, at every date.

Belongs here: the tie-out of lines against what was booked for them. Does not belong here: repairing a
difference (run `release_entries` with the books), or the ledger's own proof of balance.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from integration_pipeline.billing.money import Money
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.revenue.releases import Booked, Earnings, ReleaseEntry, RevenueLine


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The books of one currency before a day. Credits count negative in every figure.

    `due` is what the lines' service has earned by then; at a month's end it equals `recognized`.
    """

    billed: Money
    recognized: Money
    deferred: Money
    contract_asset: Money
    due: Money

    @property
    def difference(self) -> Money:
        """Recognized plus deferred, less contract asset and billed: zero unless an entry is off."""
        return self.recognized + self.deferred - self.contract_asset - self.billed

    @property
    def unreleased(self) -> Money:
        """Revenue that is due and not booked; negative if too much is booked."""
        return self.due - self.recognized

    @property
    def formula(self) -> str:
        """The equation with its numbers."""
        return (
            f"recognized {self.recognized.format()} + deferred {self.deferred.format()} "
            f"− contract asset {self.contract_asset.format()} = billed {self.billed.format()} "
            f"+ difference {self.difference.format()}"
        )


def reconcile(
    lines: Iterable[RevenueLine], entries: Iterable[ReleaseEntry], day: date, policies: Policies
) -> dict[str, Reconciliation]:
    """The books before `day` by currency: invoices issued and releases booked before it.

    Raises `InvalidTerms` as `release_entries` does.
    """
    earnings = Earnings.of(lines, policies)
    booked: dict[str, Booked] = {}
    billed: dict[str, int] = {}
    due: dict[str, int] = {}
    for line in earnings.lines.values():
        currency = line.amount.currency
        booked[currency] = booked.get(currency, Booked()) + earnings.by_invoice(line, day)
        billed[currency] = billed.get(currency, 0) + earnings.billed(line, day)
        due[currency] = due.get(currency, 0) + earnings.recognized(line, day)
    for entry in entries:
        if entry.month_end < day:
            booked[entry.currency] = booked.get(entry.currency, Booked()) + entry.moved
    return {
        currency: Reconciliation(
            Money(billed.get(currency, 0), currency),
            Money(each.revenue, currency),
            Money(each.deferred, currency),
            Money(each.contract_asset, currency),
            Money(due.get(currency, 0), currency),
        )
        for currency, each in booked.items()
    }
