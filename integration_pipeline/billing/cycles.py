"""Billing cycles: the grid of boundaries on which a charge's billing periods open and close.

Belongs here: steps of n days, weeks or months, and the periods between their boundaries. Does not belong
here: who chooses the anchor (`terms`), what a part of a period costs (`proration`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from integration_pipeline.billing.periods import BillingPeriod, Period, add_months
from integration_pipeline.billing.policies import MonthEnd


class Unit(StrEnum):
    """What a billing step counts."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Step:
    """The length of a billing period: `count` ≥ 1 days, weeks or months."""

    count: int
    unit: Unit

    @property
    def months(self) -> int:
        """Whole months; 0 for steps of days or weeks."""
        return self.count if self.unit is Unit.MONTH else 0

    @property
    def days(self) -> int:
        """Days; 0 for steps of months."""
        if self.unit is Unit.MONTH:
            return 0
        return self.count * (7 if self.unit is Unit.WEEK else 1)


@dataclass(frozen=True, slots=True)
class Cycle:
    """All boundaries `step` apart, one of them at `origin` (moved to `anchor_day` of its month, if given).

    `anchor_day` (1..31) matters for steps of months: a month without that day closes on its last one, and
    `month_end` says what the month after it does.
    """

    origin: date
    step: Step
    month_end: MonthEnd = MonthEnd.KEEPS_DAY
    anchor_day: int | None = None

    def boundary(self, index: int) -> date:
        """The boundary `index` steps after (before, if negative) the origin."""
        months = self.step.months
        if not months:
            return self.origin + timedelta(days=index * self.step.days)
        anchor = self.anchor_day or self.origin.day
        if self.month_end is MonthEnd.LAST_DAY and _is_last_of_month(self.origin):
            anchor = 31
        if self.month_end is MonthEnd.CLAMPS and index > 0 and anchor > 28:
            # Once a short month has cut the day it stays cut, so every boundary up to this one counts.
            anchor = min(add_months(self.origin, months * passed, anchor).day for passed in range(index + 1))
        return add_months(self.origin, months * index, anchor)

    def _boundaries(self) -> Callable[[int], date]:
        """As `boundary`, for asking often: an anchor day that every month has needs no looking up."""
        anchor, months = self.anchor_day or self.origin.day, self.step.months
        if not months or anchor > 28 or self.month_end is MonthEnd.LAST_DAY:
            return self.boundary
        first = self.origin.year * 12 + self.origin.month - 1

        def at(index: int) -> date:
            month = first + months * index
            return date(month // 12, month % 12 + 1, anchor)

        return at

    def boundary_before(self, day: date) -> int:
        """The index of the last boundary on or before `day`."""
        if self.step.months:
            elapsed = (day.year - self.origin.year) * 12 + day.month - self.origin.month
            index = elapsed // self.step.months
        else:
            index = (day - self.origin).days // self.step.days
        # A month's boundary may lie later in the month than the day, or end of month may have moved it.
        while self.boundary(index) > day:
            index -= 1
        while self.boundary(index + 1) <= day:
            index += 1
        return index

    def periods(self, start: date, end: date, until: date = date.max) -> Iterator[BillingPeriod]:
        """The billing periods that cover `[start, end)` without gap or overlap; nothing if it is empty.

        The first and the last one are stubs where `start` or `end` is not on a boundary. Those that start on
        `until` or later are left out.
        """
        index = self.boundary_before(start)
        boundary = self._boundaries()
        opened = boundary(index)
        last = min(end, until)
        while opened < last:
            index += 1
            closed = boundary(index)
            full = Period(opened, closed)
            is_whole = opened >= start and closed <= end
            yield BillingPeriod(full if is_whole else Period(max(opened, start), min(closed, end)), full)
            opened = closed

    def period_containing(self, day: date) -> Period:
        """The full billing period in which `day` lies."""
        index = self.boundary_before(day)
        return Period(self.boundary(index), self.boundary(index + 1))


def whole_steps(start: date, end: date, step: Step) -> int:
    """How many whole steps lie between two dates; an end on the boundary completes its step.

    Negative terms count as none.
    """
    if end <= start:
        return 0
    return Cycle(start, step).boundary_before(end)


def _is_last_of_month(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1
