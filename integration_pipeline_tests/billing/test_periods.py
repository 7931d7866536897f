"""Half-open civil periods and anchored months."""

from __future__ import annotations

from datetime import date

import pytest

from integration_pipeline.billing.periods import Period, add_months


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
