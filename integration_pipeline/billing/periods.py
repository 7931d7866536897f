"""Civil periods and month arithmetic.

Belongs here: half-open periods of days, anchored months. Does not belong here: time zones (dates are civil
dates of the billing entity), prices, or what is billed on which day (`schedule`).
"""

from __future__ import annotations

from calendar import isleap
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

_MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` up to, not including, `end`. Never empty: raises `ValueError`."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a period ends after it starts, not {self.start}..{self.end}")

    @property
    def days(self) -> int:
        """Number of days; at least one."""
        return (self.end - self.start).days

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __str__(self) -> str:
        return f"{self.start}..{self.end}"


class BillingPeriod(NamedTuple):
    """One step of a billing cycle: the days served, and the full anchored period they belong to.

    The two are equal unless the period is a stub, cut by the start or the end of the charge.
    """

    service: Period
    full: Period

    @property
    def is_stub(self) -> bool:
        return self.service is not self.full and self.service != self.full


def add_months(day: date, months: int, anchor_day: int | None = None) -> date:
    """`day` moved by `months` (may be negative), on `anchor_day` or the month's last day before it.

    Without `anchor_day`, the day of `day` itself. Counting from 31 January with anchor 31 gives 28 February,
    then 31 March: the anchor is asked for every time, so a short month does not move it for good.
    """
    month_index = day.year * 12 + day.month - 1 + months
    year, month = month_index // 12, month_index % 12 + 1
    wanted = anchor_day or day.day
    # Every month has 28 days, and most anchors are the first: a month's length is asked only when it matters.
    return date(year, month, wanted if wanted <= 28 else min(wanted, _days_in_month(year, month)))


def _days_in_month(year: int, month: int) -> int:
    """As `calendar.monthrange`, which also computes a weekday: half the cost of a month-end schedule."""
    return 29 if month == 2 and isleap(year) else _MONTH_LENGTHS[month - 1]
