"""What was paid for in advance or is free, consumed in the order of time.

Belongs here: free units, prepaid credit. Does not belong here: the price of what lies beyond (`rating`), or
units that a price includes in every period (`included_quantity` of the price).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.pricing.base import Quantity
from integration_pipeline.billing.pricing.wording import counted


@dataclass(frozen=True, slots=True)
class Consumed:
    """How a quantity divides into what an allowance covers and what is billed; and what is left of it."""

    covered: Fraction
    billable: Fraction
    billable_before: Fraction
    """What of the earlier quantity was beyond the allowance."""
    left: Fraction

    @property
    def formula(self) -> str:
        """For people: `120 used − 100 prepaid = 20, 0 prepaid left`."""
        used = self.covered + self.billable
        return (
            f"{counted(used)} used − {counted(self.covered)} prepaid = {counted(self.billable)}, "
            f"{counted(self.left)} prepaid left"
        )


def consume_units(allowance: Quantity, before: Quantity, quantity: Quantity) -> Consumed:
    """`quantity` units, after `before` units have drawn on the same allowance. Raises `InvalidTerms`."""
    _require_none_negative(allowance=allowance, before=before, quantity=quantity)
    free, earlier, further = Fraction(allowance), Fraction(before), Fraction(quantity)
    available = max(Fraction(0), free - earlier)
    covered = min(available, further)
    return Consumed(
        covered=covered,
        billable=further - covered,
        billable_before=max(Fraction(0), earlier - free),
        left=available - covered,
    )


@dataclass(frozen=True, slots=True)
class Drawdown:
    """One charge against a prepaid balance: what the balance pays, what is to be paid, what is left."""

    charge: Money
    covered: Money
    left: Money

    @property
    def overage(self) -> Money:
        return self.charge - self.covered

    @property
    def formula(self) -> str:
        """`120.00 USD less 100.00 USD prepaid = 20.00 USD; 0.00 USD left`."""
        return (
            f"{self.charge.format()} less {self.covered.format()} prepaid = {self.overage.format()}; "
            f"{self.left.format()} left"
        )


def draw_down(balance: Money, charges: Sequence[Money]) -> Iterator[Drawdown]:
    """`charges` in the order of time, paid from `balance` as far as it reaches.

    A negative charge returns to the balance. Raises `CurrencyMismatch`, and `InvalidTerms` for a balance
    below zero.
    """
    _require_none_negative(balance=balance.minor)
    left = balance
    for charge in charges:
        after = left - charge
        covered = charge if after.minor >= 0 else left
        left = left - covered
        yield Drawdown(charge, covered, left)


def _require_none_negative(**quantities: Quantity) -> None:
    problems = [(name, f"{value} is negative") for name, value in quantities.items() if value < 0]
    if problems:
        raise InvalidTerms(problems)
