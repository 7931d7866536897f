"""Amounts of revenue by month: what is recognized in a month, up to a day, and why.

Belongs here: plans, which earn one amount over time, on given days or by progress. Does not belong here: how
time is measured (`curves`), several obligations of one contract (`obligations`), what is posted (`releases`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Protocol

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money, RoundingMode, round_ratio
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Policies, RevenueGranularity, RevenueSplit
from integration_pipeline.billing.revenue.curves import EarningCurve, ServiceSpan, earning_curve


class RevenuePlan(Protocol):
    """One amount and when it becomes revenue."""

    @property
    def total(self) -> Money: ...

    def months(self) -> tuple[RecognizedMonth, ...]:
        """The revenue of every month that is planned, by rising month."""
        ...

    def until(self, day: date) -> Money:
        """What is recognized before `day`, an exclusive end as everywhere."""
        ...

    def formula(self, month: date) -> str:
        """The revenue of one of its months, written out with its numbers."""
        ...


@dataclass(frozen=True, slots=True)
class RecognizedMonth:
    """The revenue of one calendar month; `month` is its first day."""

    month: date
    amount: Money
    plan: RevenuePlan = field(repr=False, compare=False)

    @property
    def formula(self) -> str:
        """The amount written out with its numbers."""
        return self.plan.formula(self.month)


def recognize(amount: Money, period: Period | ServiceSpan, policies: Policies) -> tuple[RecognizedMonth, ...]:
    """The revenue of `amount` in every month of `period`; the months add up to `amount`.

    Measured by `policies.revenue`, rounded by `policies.revenue_split`. Months that earn nothing are listed.
    """
    return OverTimePlan(amount, period, policies).months()


def recognized_until(amount: Money, period: Period | ServiceSpan, day: date, policies: Policies) -> Money:
    """What of `amount` is recognized before `day`; at the end of every month the sum of the months so far."""
    return OverTimePlan(amount, period, policies).until(day)


@dataclass(frozen=True, slots=True)
class OverTimePlan:
    """`total` earned over `period`, as a service that is given evenly (ASC 606-10-25-27)."""

    total: Money
    period: Period | ServiceSpan
    policies: Policies

    def months(self) -> tuple[RecognizedMonth, ...]:
        """The revenue of every month the period touches."""
        currency = self.total.currency
        return tuple(
            RecognizedMonth(each.month, Money(minor, currency), self)
            for each, minor in zip(self._curve().months, self._minors(), strict=True)
        )

    def until(self, day: date) -> Money:
        """What is recognized before `day`.

        Cumulative rounding rounds the exact share. Otherwise a month under way is recognized by its days.
        """
        total, rounding = self.total, self.policies.rounding
        if self.policies.revenue_split is RevenueSplit.CUMULATIVE:
            numerator, denominator = self._curve().share_until(day)
            return Money(round_ratio(total.minor * numerator, denominator, rounding), total.currency)
        index, served, covered = self._curve().position(day)
        minors = self._minors()
        under_way = round_ratio(minors[index] * served, covered, rounding) if served else 0
        return Money(sum(minors[:index]) + under_way, total.currency)

    def formula(self, month: date) -> str:
        """Such as `100.00 USD × 59/365 days = 16.16 USD, less 8.49 USD until 31/365 days = 7.67 USD`."""
        curve = self._curve()
        index = next(at for at, each in enumerate(curve.months) if each.month == month)
        each = curve.months[index]
        if self.policies.revenue_split is RevenueSplit.CUMULATIVE:
            upto, before = self._rounded(each.upto), self._rounded(each.upto - each.weight)
            text = f"{self.total.format()} × {each.upto}/{curve.whole} {curve.unit} = {upto.format()}"
            if index == 0:
                return text
            less = f"{before.format()} until {curve.months[index - 1].upto}/{curve.whole} {curve.unit}"
            return f"{text}, less {less} = {(upto - before).format()}"
        minors = self._minors()
        amount = Money(minors[index], self.total.currency)
        if index == _taking_the_rest(self.policies.revenue_split, len(minors)):
            others = self.total - amount
            return f"{self.total.format()} − {others.format()} of the other months = {amount.format()}"
        if curve.unit == _UNIT_OF_TENTHS:
            monthly = Money(self._monthly_minor(curve), self.total.currency)
            return f"{monthly.format()} a month × {each.weight}/10 = {amount.format()}"
        return f"{self.total.format()} × {each.weight}/{curve.whole} {curve.unit} = {amount.format()}"

    def _curve(self) -> EarningCurve:
        return earning_curve(self.period, self.policies.revenue)

    def _minors(self) -> list[int]:
        curve = self._curve()
        rounding, split = self.policies.rounding, self.policies.revenue_split
        total, whole = self.total.minor, curve.whole
        if split is RevenueSplit.CUMULATIVE:
            reached = [0, *(round_ratio(total * each.upto, whole, rounding) for each in curve.months)]
            return [upto - before for before, upto in pairwise(reached)]
        if self.policies.revenue is RevenueGranularity.TENTHS_OF_MONTHS:
            # ERPNext rounds the amount of a full month, and takes a started month's tenths of that.
            monthly = self._monthly_minor(curve)
            minors = [round_ratio(monthly * each.weight, 10, rounding) for each in curve.months]
        else:
            middle = RoundingMode.DOWN if split is RevenueSplit.MIDDLE_TAKES_REST else rounding
            last = len(curve.months) - 1
            minors = [
                round_ratio(total * each.weight, whole, middle if 0 < index < last else rounding)
                for index, each in enumerate(curve.months)
            ]
        taking = _taking_the_rest(split, len(minors))
        minors[taking] = 0
        minors[taking] = total - sum(minors)
        return minors

    def _rounded(self, weight: int) -> Money:
        minor = round_ratio(self.total.minor * weight, self._curve().whole, self.policies.rounding)
        return Money(minor, self.total.currency)

    def _monthly_minor(self, curve: EarningCurve) -> int:
        return round_ratio(self.total.minor * 10, curve.whole, self.policies.rounding)


_UNIT_OF_TENTHS = "tenths of a month"


def _taking_the_rest(split: RevenueSplit, months: int) -> int:
    """The position of the month that takes what rounding leaves."""
    return months - 2 if split is RevenueSplit.MIDDLE_TAKES_REST and months > 2 else months - 1


@dataclass(frozen=True, slots=True)
class EarnedStep:
    """An amount earned on one day, and how it came about."""

    day: date
    amount: Money
    formula: str


@dataclass(frozen=True, slots=True)
class StepPlan:
    """Amounts earned on single days: at a point in time, on usage, or as progress is measured.

    `total` may be more than the steps say, as long as further progress is to come.
    """

    total: Money
    steps: tuple[EarnedStep, ...]

    def months(self) -> tuple[RecognizedMonth, ...]:
        """The revenue of every month that has a step."""
        by_month: dict[date, int] = {}
        for step in sorted(self.steps, key=lambda each: each.day):
            month = step.day.replace(day=1)
            by_month[month] = by_month.get(month, 0) + step.amount.minor
        return tuple(
            RecognizedMonth(month, Money(minor, self.total.currency), self)
            for month, minor in by_month.items()
        )

    def until(self, day: date) -> Money:
        """The steps before `day`; a step's whole amount is earned on its day."""
        minor = sum(step.amount.minor for step in self.steps if step.day < day)
        return Money(minor, self.total.currency)

    def formula(self, month: date) -> str:
        """The formulas of the month's steps, one after the other."""
        return "; ".join(step.formula for step in self.steps if step.day.replace(day=1) == month)


def progress_amounts(total: Money, progress: Sequence[Fraction], rounding: RoundingMode) -> tuple[Money, ...]:
    """What each measurement of progress recognizes: the share of `total` reached, less what was recognized.

    Shares are of the whole, 0..1; one that falls takes revenue back (ASC 606-10-25-35, a changed estimate).
    Raises `InvalidTerms` for a share outside 0..1.
    """
    problems = [
        (f"progress[{index}]", f"{share} is outside 0..1; progress is the share of the whole work")
        for index, share in enumerate(progress)
        if not 0 <= share <= 1
    ]
    if problems:
        raise InvalidTerms(problems)
    minors = (round_ratio(total.minor * each.numerator, each.denominator, rounding) for each in progress)
    return tuple(Money(upto - before, total.currency) for before, upto in pairwise([0, *minors]))
