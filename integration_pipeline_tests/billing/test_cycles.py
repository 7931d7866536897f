"""Billing cycles: boundaries, stubs, month ends."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.cycles import Cycle, Step, Unit, whole_steps
from integration_pipeline.billing.periods import BillingPeriod, add_months
from integration_pipeline.billing.policies import MonthEnd


def billing_periods(start: date, end: date, months: int, anchor: int) -> tuple[BillingPeriod, ...]:
    """On the grid through the anchor day of the month in which service starts."""
    return tuple(Cycle(start, Step(months, Unit.MONTH), anchor_day=anchor).periods(start, end))


def _starts(periods: tuple[BillingPeriod, ...]) -> list[str]:
    return [str(period.service.start) for period in periods]


class TestBillingPeriods:
    def test_a_month_end_anchor_keeps_its_day_after_a_short_month(self) -> None:
        periods = billing_periods(date(2026, 1, 31), date(2026, 5, 31), 1, 31)
        assert _starts(periods) == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]
        assert not any(period.is_stub for period in periods)

    def test_a_start_on_the_last_of_february_is_on_an_anchor_of_31(self) -> None:
        periods = billing_periods(date(2026, 2, 28), date(2026, 4, 30), 1, 31)
        assert _starts(periods) == ["2026-02-28", "2026-03-31"]
        assert not any(period.is_stub for period in periods)

    def test_an_end_inside_a_period_leaves_a_last_stub_that_knows_its_full_period(self) -> None:
        last = billing_periods(date(2026, 1, 1), date(2026, 5, 16), 3, 1)[-1]
        assert last.is_stub
        assert str(last.service) == "2026-04-01..2026-05-16"
        assert str(last.full) == "2026-04-01..2026-07-01"

    def test_a_start_off_the_anchor_gives_a_first_stub_up_to_the_anchor_day_a_period_later(self) -> None:
        first, second = billing_periods(date(2026, 1, 17), date(2026, 5, 1), 3, 1)
        assert first.is_stub
        assert str(first.service) == "2026-01-17..2026-04-01"
        assert str(first.full) == "2026-01-01..2026-04-01"
        assert str(second.service) == "2026-04-01..2026-05-01"

    def test_a_range_within_one_period_is_cut_at_both_ends(self) -> None:
        (only,) = billing_periods(date(2026, 1, 10), date(2026, 1, 20), 1, 1)
        assert str(only.service) == "2026-01-10..2026-01-20"
        assert str(only.full) == "2026-01-01..2026-02-01"

    @given(
        start=st.dates(date(1999, 1, 1), date(2101, 1, 1)),
        days=st.integers(1, 2500),
        months=st.sampled_from([1, 3, 6, 12]),
        anchor=st.integers(1, 31),
    )
    def test_periods_cover_every_day_once_and_only_the_ends_are_cut(
        self, start: date, days: int, months: int, anchor: int
    ) -> None:
        end = start + timedelta(days=days)
        periods = billing_periods(start, end, months, anchor)
        assert periods[0].service.start == start
        assert periods[-1].service.end == end
        for earlier, later in itertools.pairwise(periods):
            assert earlier.service.end == later.service.start
            assert earlier.full.end == later.full.start
        assert not any(period.is_stub for period in periods[1:-1])
        for period in periods:
            assert period.full.start <= period.service.start < period.service.end <= period.full.end
            assert add_months(period.full.start, months, anchor) == period.full.end
            assert add_months(period.full.start, 0, anchor) == period.full.start


@pytest.mark.parametrize(
    ("month_end", "expected"),
    [
        (MonthEnd.KEEPS_DAY, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]),
        (MonthEnd.CLAMPS, ["2026-01-31", "2026-02-28", "2026-03-28", "2026-04-28"]),
        (MonthEnd.LAST_DAY, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]),
    ],
)
def test_a_month_that_lacks_the_day_is_a_question_of_policy(month_end: MonthEnd, expected: list[str]) -> None:
    cycle = Cycle(date(2026, 1, 31), Step(1, Unit.MONTH), month_end)
    assert [str(cycle.boundary(index)) for index in range(4)] == expected


def test_the_last_day_of_february_stays_the_last_day_where_the_policy_says_so() -> None:
    cycle = Cycle(date(2023, 2, 28), Step(1, Unit.MONTH), MonthEnd.LAST_DAY)
    assert str(cycle.boundary(1)) == "2023-03-31"


def test_steps_of_days_and_weeks_ignore_months() -> None:
    fortnight = Cycle(date(2026, 1, 30), Step(2, Unit.WEEK))
    assert str(fortnight.period_containing(date(2026, 2, 28))) == "2026-02-27..2026-03-13"
    assert str(fortnight.period_containing(date(2026, 1, 29))) == "2026-01-16..2026-01-30"


def test_an_end_on_the_boundary_completes_its_step() -> None:
    month = Step(1, Unit.MONTH)
    assert whole_steps(date(2026, 1, 15), date(2026, 3, 14), month) == 1
    assert whole_steps(date(2026, 1, 15), date(2026, 3, 15), month) == 2
    assert whole_steps(date(2026, 1, 15), date(2026, 1, 15), month) == 0
