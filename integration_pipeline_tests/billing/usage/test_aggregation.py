"""Usage events become one exact quantity per period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.usage.aggregation import Carried, aggregate, aggregate_periods
from integration_pipeline.billing.usage.events import UsageEvent
from integration_pipeline.billing.usage.metrics import Aggregation, Metric
from integration_pipeline_tests.billing.usage.builders import event, instant

_JANUARY = Period(date(2026, 1, 1), date(2026, 2, 1))
_FEBRUARY = Period(date(2026, 2, 1), date(2026, 3, 1))


def _metric(aggregation: str, **terms: Any) -> Metric:
    return Metric.model_validate({"metric": "calls", "aggregation": aggregation, **terms})


def _quantity(metric: Metric, events: Sequence[UsageEvent], opening: Carried | None = None) -> Fraction:
    return aggregate(metric, events, _JANUARY, "UTC", opening or Carried()).quantity


_READINGS = [event("2026-01-03", 4), event("2026-01-05", "7.25"), event("2026-01-09", -2)]


@pytest.mark.parametrize(
    ("aggregation", "quantity"), [("sum", "9.25"), ("count", "3"), ("max", "7.25"), ("last", "-2")]
)
def test_readings_are_added_up_as_the_metric_says(aggregation: str, quantity: str) -> None:
    assert _quantity(_metric(aggregation), _READINGS) == Fraction(quantity)


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_nothing_used_is_zero(aggregation: Aggregation) -> None:
    terms = {"property": "user"} if aggregation is Aggregation.UNIQUE_COUNT else {}
    assert _quantity(_metric(aggregation, **terms), []) == 0


def test_a_greatest_reading_below_zero_stays_below_zero() -> None:
    assert _quantity(_metric("max"), [event("2026-01-03", -4), event("2026-01-05", -9)]) == -4


def test_unique_values_count_once_also_if_given_up_within_the_period() -> None:
    events = [
        event("2026-01-03", user="ann"),
        event("2026-01-04", user="ann", event_id="again"),
        event("2026-01-05", user="bob"),
        event("2026-01-06", -1, user="ann"),
        event("2026-01-07", account="no user"),
    ]
    assert _quantity(_metric("unique_count", property="user"), events) == 2


class TestBordersOfAPeriod:
    def test_the_first_instant_of_the_end_day_belongs_to_the_next_period(self) -> None:
        events = [event("2026-01-31T23:59:59", 1), event("2026-02-01", 10)]
        january, february = aggregate_periods(_metric("sum"), events, [_JANUARY, _FEBRUARY], "UTC")
        assert (january.quantity, february.quantity) == (1, 10)

    def test_days_are_those_of_the_zone(self) -> None:
        at_half_past_eleven_utc = [event("2026-01-31T23:30", 1)]
        assert aggregate(_metric("sum"), at_half_past_eleven_utc, _FEBRUARY, "Europe/Berlin").quantity == 1

    def test_periods_that_overlap_are_refused(self) -> None:
        overlapping = [_JANUARY, Period(date(2026, 1, 31), date(2026, 3, 1))]
        with pytest.raises(ValueError, match="starts before"):
            aggregate_periods(_metric("sum"), [], overlapping, "UTC")


class TestRecurringLevels:
    def test_a_level_carries_over_into_the_next_period(self) -> None:
        events = [event("2026-01-10", 75), event("2026-02-17", 20)]
        january, february = aggregate_periods(
            _metric("sum", recurring=True), events, [_JANUARY, _FEBRUARY], "UTC"
        )
        assert (january.quantity, february.quantity) == (75, 95)
        assert february.formula == "75 carried over + 20 in 1 event = 95"

    def test_events_before_the_first_period_are_part_of_what_is_carried_over(self) -> None:
        assert _quantity(_metric("sum", recurring=True), [event("2025-11-07", 5)], Carried(Decimal(3))) == 8

    def test_what_does_not_recur_starts_from_nothing(self) -> None:
        assert _quantity(_metric("sum"), [event("2025-11-07", 5)], Carried(Decimal(3))) == 0

    def test_values_stay_until_they_are_given_up(self) -> None:
        events = [
            event("2026-01-10", user="ann"),
            event("2026-01-11", user="bob"),
            event("2026-01-20", -1, user="ann"),
            event("2026-02-02", user="eve"),
        ]
        metric = _metric("unique_count", property="user", recurring=True)
        january, february = aggregate_periods(metric, events, [_JANUARY, _FEBRUARY], "UTC")
        assert (january.quantity, february.quantity) == (2, 2)
        assert february.closing.values == {"bob", "eve"}

    @pytest.mark.parametrize("aggregation", ["last", "max"])
    def test_the_last_reading_holds_until_there_is_another(self, aggregation: str) -> None:
        events = [event("2026-01-10", 9), event("2026-01-20", 7)]
        february = aggregate(_metric(aggregation, recurring=True), events, _FEBRUARY, "UTC")
        assert february.quantity == 7

    @settings(max_examples=60, deadline=None)
    @given(
        days=st.lists(st.tuples(st.integers(0, 89), st.integers(-50, 50)), max_size=12),
        cuts=st.sets(st.integers(1, 89), max_size=5),
    )
    def test_a_level_ends_the_same_however_its_time_is_cut(
        self, days: list[tuple[int, int]], cuts: set[int]
    ) -> None:
        start = date(2026, 1, 1)
        events = [
            event(f"{start + timedelta(days=day)}", quantity, event_id=str(index))
            for index, (day, quantity) in enumerate(days)
        ]
        bounds = [0, *sorted(cuts), 90]
        periods = [
            Period(start + timedelta(days=opened), start + timedelta(days=closed))
            for opened, closed in pairwise(bounds)
        ]
        *_, last = aggregate_periods(_metric("sum", recurring=True), events, periods, "UTC")
        assert last.quantity == sum(quantity for _, quantity in days)


class TestWeightedSum:
    def test_each_level_counts_by_the_time_it_held(self) -> None:
        events = [event("2026-02-01T12:00", 4), event("2026-02-15", -2)]
        result = aggregate(_metric("weighted_sum"), events, _FEBRUARY, "UTC")
        assert result.quantity == (4 * Fraction(27, 2) + 2 * 14) / 28
        assert result.formula == ("(0 × 43,200 s + 4 × 1,166,400 s + 2 × 1,209,600 s) / 2,419,200 s = 41/14")

    def test_every_level_says_since_when_it_held(self) -> None:
        events = [event("2026-02-01T12:00", 4), event("2026-02-15", -2)]
        levels = aggregate(_metric("weighted_sum"), events, _FEBRUARY, "UTC").levels
        assert [level.since for level in levels] == [
            instant("2026-02-01"),
            instant("2026-02-01T12:00"),
            instant("2026-02-15"),
        ]

    def test_by_days_the_day_of_a_change_counts_with_the_new_level(self) -> None:
        events = [event("2026-02-01T12:00", 4), event("2026-02-15T18:00", -2)]
        result = aggregate(_metric("weighted_sum", weighted_by="days"), events, _FEBRUARY, "UTC")
        assert result.formula == "(4 × 14 days + 2 × 14 days) / 28 days = 3"

    def test_a_day_of_23_hours_weighs_less(self) -> None:
        march = Period(date(2026, 3, 1), date(2026, 4, 1))
        noon_after_the_change = [event("2026-03-29T10:00", 1)]
        result = aggregate(_metric("weighted_sum"), noon_after_the_change, march, "Europe/Berlin")
        assert result.quantity == Fraction(60, 743)

    def test_a_level_that_is_carried_over_holds_from_the_start(self) -> None:
        metric = _metric("weighted_sum", recurring=True)
        assert _quantity(metric, [], Carried(Decimal("7.5"))) == Fraction(15, 2)


def test_a_quantity_is_rounded_once_after_adding_up() -> None:
    events = [event("2026-01-03", "0.4"), event("2026-01-04", "0.4"), event("2026-01-05", "0.4")]
    metric = _metric("sum", rounding={"decimals": 0, "mode": "half up"})
    assert _quantity(metric, events) == 1


def test_a_quantity_is_rounded_to_as_many_decimals_as_agreed() -> None:
    metric = _metric("sum", rounding={"decimals": 2, "mode": "down"})
    assert _quantity(metric, [event("2026-01-03", "0.456")]) == Fraction("0.45")


def test_sums_are_exact_at_the_ends_of_the_range_of_quantities() -> None:
    events = [event("2026-01-03", "999999999999999"), event("2026-01-04", "0.000000000001")]
    assert _quantity(_metric("sum"), events * 2) == Fraction("999999999999999.000000000001")


def test_a_result_says_how_many_events_it_is_made_of_and_when_they_were() -> None:
    result = aggregate(_metric("sum"), [*_READINGS, event("2026-02-03", 1)], _JANUARY, "UTC")
    assert result.formula == "sum of 3 events = 9.25"
    assert result.first is not None
    assert result.last is not None
    assert (result.events, result.first.day, result.last.day) == (3, 3, 9)
