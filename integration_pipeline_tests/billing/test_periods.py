"""Half-open civil periods and anchored months."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.periods import BillingPeriod, Period, add_months, billing_periods


def _starts(periods: tuple[BillingPeriod, ...]) -> list[str]:
    return [str(period.service.start) for period in periods]


class TestPeriod:
    def test_the_end_is_the_first_day_not_served(self) -> None:
        january = Period(date(2026, 1, 1), date(2026, 2, 1))
        assert january.days == 31
        assert date(2026, 1, 31) in january
        assert date(2026, 2, 1) not in january
        assert str(january) == "2026-01-01..2026-02-01"

    @pytest.mark.parametrize("end", [date(2026, 1, 1), date(2025, 12, 31)])
    def test_a_period_without_days_is_refused(self, end: date) -> None:
        with pytest.raises(ValueError, match="ends after it starts"):
            Period(date(2026, 1, 1), end)


class TestAddMonths:
    @pytest.mark.parametrize(
        ("day", "months", "anchor", "expected"),
        [
            ("2026-01-31", 1, None, "2026-02-28"),
            ("2024-01-31", 1, None, "2024-02-29"),
            ("2026-02-28", 1, 31, "2026-03-31"),
            ("2026-02-28", 1, None, "2026-03-28"),
            ("2026-11-30", 3, None, "2027-02-28"),
            ("2026-01-15", -1, None, "2025-12-15"),
            ("2024-02-29", 12, None, "2025-02-28"),
            ("2024-02-29", 48, None, "2028-02-29"),
        ],
    )
    def test_a_month_moves_to_the_anchor_or_the_last_day_before_it(
        self, day: str, months: int, anchor: int | None, expected: str
    ) -> None:
        assert add_months(date.fromisoformat(day), months, anchor) == date.fromisoformat(expected)


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

    def test_a_start_off_the_anchor_gives_a_first_stub_up_to_the_next_anchor_day(self) -> None:
        first, second = billing_periods(date(2026, 1, 17), date(2026, 5, 1), 3, 1)
        assert first.is_stub
        assert str(first.service) == "2026-01-17..2026-02-01"
        assert str(first.full) == "2025-11-01..2026-02-01"
        assert str(second.service) == "2026-02-01..2026-05-01"

    def test_a_range_within_one_period_is_cut_at_both_ends(self) -> None:
        (only,) = billing_periods(date(2026, 1, 10), date(2026, 1, 20), 1, 1)
        assert str(only.service) == "2026-01-10..2026-01-20"
        assert str(only.full) == "2026-01-01..2026-02-01"

    @pytest.mark.parametrize(("months", "anchor"), [(0, 1), (-1, 1), (1, 0), (1, 32)])
    def test_no_months_and_impossible_anchors_are_refused(self, months: int, anchor: int) -> None:
        with pytest.raises(ValueError, match="need months >= 1"):
            billing_periods(date(2026, 1, 1), date(2027, 1, 1), months, anchor)

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
