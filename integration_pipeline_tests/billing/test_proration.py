"""Shares of a billing period under day counts other than actual days, where the calendar is awkward."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import DEFAULT, DayCount
from integration_pipeline.billing.proration import fixed_month_days, share_of_period

_YEAR = Period(date(2026, 1, 1), date(2027, 1, 1))


def _share(part: Period, full: Period, day_count: DayCount) -> Fraction:
    return share_of_period(part, full, replace(DEFAULT, day_count=day_count))


def test_months_of_fixed_length_are_counted_across_the_turn_of_the_year() -> None:
    assert fixed_month_days(Period(date(2025, 12, 15), date(2026, 1, 20)), 30) == 35


def test_a_month_on_a_month_end_grid_is_whole_from_the_last_day_to_the_last_day() -> None:
    quarter = Period(date(2026, 1, 31), date(2026, 4, 30))
    month = Period(date(2026, 2, 28), date(2026, 3, 31))
    assert _share(month, quarter, DayCount.MONTHS_THEN_DAYS) == Fraction(1, 3)


def test_whole_months_count_before_days_do() -> None:
    part = Period(date(2026, 1, 1), date(2026, 3, 15))
    assert _share(part, _YEAR, DayCount.MONTHS_THEN_DAYS) == (2 + Fraction(14, 31)) / 12


@pytest.mark.parametrize(
    ("day_count", "share"),
    [
        (DayCount.ACTUAL_OVER_30, Fraction(14, 360)),
        (DayCount.ACTUAL_365, Fraction(14, 365)),
        (DayCount.THIRTY_360, Fraction(16, 360)),
        (DayCount.ACTUAL, Fraction(14, 365)),
        (DayCount.FULL, Fraction(1)),
        (DayCount.FREE, Fraction(0)),
    ],
)
def test_the_second_half_of_february_is_a_share_of_the_year(day_count: DayCount, share: Fraction) -> None:
    assert _share(Period(date(2026, 2, 15), date(2026, 3, 1)), _YEAR, day_count) == share


def test_a_period_of_no_whole_months_counts_its_days_whatever_the_day_count() -> None:
    week = Period(date(2026, 1, 5), date(2026, 1, 12))
    assert _share(Period(date(2026, 1, 5), date(2026, 1, 8)), week, DayCount.ACTUAL_OVER_30) == Fraction(3, 7)
