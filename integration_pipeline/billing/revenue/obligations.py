"""What a contract promises: goods and services with their standalone price, and how each is earned.

Belongs here: promises (before a price is allocated to them) and performance obligations (after). Does not
belong here: dividing the price (`allocation`), or changing the contract later (`modifications`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.revenue.curves import ServiceSpan
from integration_pipeline.billing.revenue.recognition import (
    EarnedStep,
    OverTimePlan,
    RevenuePlan,
    StepPlan,
    progress_amounts,
)


@dataclass(frozen=True, slots=True)
class OverTime:
    """Earned evenly while the service is given."""

    period: Period | ServiceSpan


@dataclass(frozen=True, slots=True)
class PointInTime:
    """Earned whole on the day on which control passes to the customer."""

    day: date


@dataclass(frozen=True, slots=True)
class OnUsage:
    """Earned as it is used: an amount for each (last) day of a usage period, already rated."""

    amounts: tuple[tuple[date, Money], ...]


@dataclass(frozen=True, slots=True)
class ByProgress:
    """Earned by milestones or measured progress: the share of the whole, 0..1, that is reached on a day.

    Without measurements nothing is earned yet.
    """

    reached: tuple[tuple[date, Fraction], ...] = ()


Recognition = OverTime | PointInTime | OnUsage | ByProgress


@dataclass(frozen=True, slots=True)
class Promise:
    """A distinct good or service and its standalone selling price, exact, in currency units.

    `sequence` orders promises where a tie must be broken. `stated_price` is what the contract says it costs,
    which counts only if no standalone price is known, and for what allocation moved.
    """

    key: str
    sequence: int
    standalone_price: Fraction
    recognition: Recognition = ByProgress()
    stated_price: Money | None = None


@dataclass(frozen=True, slots=True)
class Obligation:
    """A promise with the part of the transaction price that was allocated to it."""

    key: str
    sequence: int
    amount: Money
    standalone_price: Fraction
    recognition: Recognition

    def plan(self, policies: Policies) -> RevenuePlan:
        """When `amount` becomes revenue. Raises `InvalidTerms` for impossible progress or usage."""
        return plan_of(self.amount, self.recognition, policies)


def standalone_price(list_price: Decimal, percent: Decimal, rate: Decimal = Decimal(1)) -> Fraction:
    """`percent` of a list price, converted with `rate` (units of the contract's currency per unit), exact.

    Raises `InvalidTerms` if one of them is negative or not finite, or the rate is zero.
    """
    values = {"list_price": list_price, "percent": percent, "rate": rate}
    problems = [
        (name, f"{value} must be a number above zero" if name == "rate" else f"{value} must not be negative")
        for name, value in values.items()
        if not value.is_finite() or value < 0 or (name == "rate" and value == 0)
    ]
    if problems:
        raise InvalidTerms(problems)
    return Fraction(list_price) * Fraction(percent) / 100 * Fraction(rate)


def plan_of(amount: Money, recognition: Recognition, policies: Policies) -> RevenuePlan:
    """When `amount` becomes revenue under `recognition`. Raises `InvalidTerms` for progress outside 0..1."""
    match recognition:
        case OverTime(period):
            return OverTimePlan(amount, period, policies)
        case PointInTime(day):
            return StepPlan(amount, (EarnedStep(day, amount, f"{amount.format()} on {day}"),))
        case OnUsage(amounts):
            steps = (EarnedStep(day, each, f"usage until {day}: {each.format()}") for day, each in amounts)
            return StepPlan(amount, tuple(steps))
        case ByProgress(reached):
            measured = sorted(reached)
            earned = progress_amounts(amount, [share for _, share in measured], policies.rounding)
            return StepPlan(
                amount,
                tuple(
                    EarnedStep(day, each, _progress_formula(amount, share, day, each))
                    for (day, share), each in zip(measured, earned, strict=True)
                ),
            )


def _progress_formula(total: Money, share: Fraction, day: date, earned: Money) -> str:
    return f"{total.format()} × {share} reached on {day}, less what was recognized = {earned.format()}"
