"""Revenue of one amount: by month, up to a day, under every measure of time and way of rounding."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money, RoundingMode
from integration_pipeline.billing.periods import Period, add_months
from integration_pipeline.billing.policies import DEFAULT, Policies, RevenueGranularity, RevenueSplit
from integration_pipeline.billing.revenue.curves import ServiceSpan
from integration_pipeline.billing.revenue.recognition import (
    OverTimePlan,
    progress_amounts,
    recognize,
    recognized_until,
)


def _with(
    granularity: RevenueGranularity, split: RevenueSplit = RevenueSplit.CUMULATIVE, **changes: RoundingMode
) -> Policies:
    return replace(DEFAULT, revenue=granularity, revenue_split=split, **changes)


def _minors(
    amount: int, period: Period | ServiceSpan, policies: Policies, currency: str = "USD"
) -> list[int]:
    return [each.amount.minor for each in recognize(Money(amount, currency), period, policies)]


_QUARTER = Period(date(2026, 1, 15), date(2026, 4, 11))
_NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


def _period(start: date, days: int) -> Period:
    return Period(start, start + timedelta(days=days))


def _span(after: timedelta, minutes: int) -> ServiceSpan:
    return ServiceSpan(_NEW_YEAR + after, _NEW_YEAR + after + timedelta(minutes=minutes))


_PERIODS = st.builds(_period, st.dates(date(2020, 1, 1), date(2030, 12, 31)), st.integers(1, 900))
_SPANS = st.builds(_span, st.timedeltas(timedelta(0), timedelta(days=1000)), st.integers(1, 600_000))
_POLICIES = st.builds(
    _with,
    st.sampled_from(RevenueGranularity),
    st.sampled_from(RevenueSplit),
    rounding=st.sampled_from(RoundingMode),
)


@given(
    amount=st.integers(-(10**9), 10**9),
    period=st.one_of(_PERIODS, _SPANS),
    policies=_POLICIES,
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
)
def test_months_add_up_to_the_amount_and_each_month_end_is_the_sum_so_far(
    amount: int, period: Period | ServiceSpan, policies: Policies, currency: str
) -> None:
    plan = OverTimePlan(Money(amount, currency), period, policies)
    months = plan.months()
    recognized = 0
    for each in months:
        recognized += each.amount.minor
        assert plan.until(add_months(each.month, 1)).minor == recognized
        assert each.formula.endswith(each.amount.format())
    assert recognized == amount
    assert plan.until(months[0].month).minor == 0


@given(
    amount=st.integers(0, 10**9),
    period=_PERIODS,
    granularity=st.sampled_from(RevenueGranularity),
    days=st.lists(st.integers(-10, 910), min_size=2, max_size=6),
)
def test_cumulative_revenue_never_falls_from_one_day_to_a_later_one(
    amount: int, period: Period, granularity: RevenueGranularity, days: list[int]
) -> None:
    until = [
        recognized_until(
            Money(amount, "USD"), period, period.start + timedelta(days=day), _with(granularity)
        ).minor
        for day in sorted(days)
    ]
    assert until == sorted(until)


def test_by_day_a_month_earns_the_difference_of_two_rounded_totals() -> None:
    # 86 days: 17, 28, 31, 10; 1000 × 17/86 = 197.674, × 45/86 = 523.256, × 76/86 = 883.721
    assert _minors(100_000, _QUARTER, _with(RevenueGranularity.DAY)) == [19767, 32559, 36046, 11628]


def test_the_last_month_may_take_the_rest_of_months_rounded_by_themselves() -> None:
    policies = _with(RevenueGranularity.DAY, RevenueSplit.LAST_TAKES_REST)
    assert _minors(100_000, _QUARTER, policies) == [19767, 32558, 36047, 11628]


def test_equal_months_count_every_month_that_is_touched() -> None:
    assert _minors(100_000, _QUARTER, _with(RevenueGranularity.EVEN_MONTHS)) == [25000] * 4


def test_equal_months_may_cut_off_the_month_in_which_the_period_ends() -> None:
    policies = _with(RevenueGranularity.EVEN_MONTHS_CUT)
    assert _minors(99_000, _QUARTER, policies) == [33000] * 3
    assert _minors(99_000, Period(date(2026, 1, 15), date(2026, 4, 1)), policies) == [33000] * 3
    assert _minors(99_000, Period(date(2026, 1, 15), date(2026, 1, 20)), policies) == [99_000]


def test_a_month_before_one_that_is_cut_off_takes_everything() -> None:
    period = Period(date(2026, 1, 15), date(2026, 2, 10))
    assert _minors(100, period, _with(RevenueGranularity.EVEN_MONTHS_CUT)) == [100]


def test_two_months_in_tenths_are_halves_and_two_days_across_months_are_of_the_last() -> None:
    tenths = _with(RevenueGranularity.TENTHS_OF_MONTHS)
    assert _minors(100, Period(date(2026, 1, 1), date(2026, 3, 1)), tenths) == [50, 50]
    assert _minors(100, Period(date(2026, 1, 31), date(2026, 2, 2)), tenths)[-1] == 100


def test_a_started_month_weighs_its_share_of_its_own_days() -> None:
    # 17/31 + 1 + 1 + 10/30 = 268/93; × 51/268, then 93/268 twice, then 31/268
    assert _minors(26_800, _QUARTER, _with(RevenueGranularity.WEIGHTED_MONTHS)) == [5100, 9300, 9300, 3100]


def test_equal_months_stand_between_a_first_and_last_by_their_days() -> None:
    policies = _with(RevenueGranularity.EVEN_MIDDLE_MONTHS, RevenueSplit.MIDDLE_TAKES_REST)
    # 17 and 10 of 86 days; the 59 days between are two equal months, rounded down, the second takes the rest
    assert _minors(8_602, _QUARTER, policies) == [1700, 2950, 2952, 1000]


def test_months_in_tenths_round_the_full_month_first() -> None:
    policies = _with(RevenueGranularity.TENTHS_OF_MONTHS, RevenueSplit.LAST_TAKES_REST)
    # 82 of 119 days of four months are 2.8 months; 13/30 of January are 0.4 of a month of 357.14
    period = Period(date(2026, 1, 18), date(2026, 4, 11))
    assert _minors(100_000, period, policies) == [14286, 35714, 35714, 14286]


def test_a_period_that_reaches_one_day_into_a_month_has_no_tenth_of_it() -> None:
    policies = _with(RevenueGranularity.TENTHS_OF_MONTHS, RevenueSplit.LAST_TAKES_REST)
    assert _minors(20_000, Period(date(2026, 5, 1), date(2026, 7, 2)), policies) == [10_000, 10_000, 0]


def test_elapsed_time_counts_hours_and_days_cut_off_the_last_one() -> None:
    span = ServiceSpan(datetime(2026, 1, 30, 12, tzinfo=UTC), datetime(2026, 2, 2, 12, tzinfo=UTC))
    assert _minors(600, span, _with(RevenueGranularity.INSTANT)) == [300, 300]
    assert _minors(600, span, _with(RevenueGranularity.DAY)) == [400, 200]


def test_a_day_that_loses_an_hour_earns_less_by_elapsed_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    span = ServiceSpan(datetime(2026, 3, 29, tzinfo=berlin), datetime(2026, 3, 31, tzinfo=berlin))
    plan = OverTimePlan(Money(4700, "EUR"), span, _with(RevenueGranularity.INSTANT))
    assert plan.until(date(2026, 3, 30)) == Money(2300, "EUR")


def test_an_instant_without_a_zone_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidTerms, match="start: 2026-01-01T00:00:00 has no time zone"):
        ServiceSpan(datetime(2026, 1, 1), datetime(2026, 2, 1, tzinfo=UTC))  # noqa: DTZ001 - the mistake under test


def test_a_span_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(InvalidTerms, match=r"end: .* is not after start"):
        ServiceSpan(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))


def test_a_month_shows_both_totals_it_is_the_difference_of() -> None:
    february = recognize(Money(100_000, "USD"), _QUARTER, _with(RevenueGranularity.DAY))[1]
    assert february.formula == (
        "1,000.00 USD × 45/86 days = 523.26 USD, less 197.67 USD until 17/86 days = 325.59 USD"
    )


def test_a_month_that_takes_the_rest_says_so() -> None:
    policies = _with(RevenueGranularity.DAY, RevenueSplit.LAST_TAKES_REST)
    april = recognize(Money(100_000, "USD"), _QUARTER, policies)[-1]
    assert april.formula == "1,000.00 USD − 883.72 USD of the other months = 116.28 USD"


def test_within_a_month_the_exact_share_is_rounded_and_not_that_of_the_month() -> None:
    # 1,000.00 × 7/86 = 81.395…; 7/17 of the 197.67 of January would be 81.393….
    recognized = recognized_until(
        Money(100_000, "USD"), _QUARTER, date(2026, 1, 22), _with(RevenueGranularity.DAY)
    )
    assert recognized == Money(8140, "USD")


def test_progress_recognizes_what_is_reached_less_what_was_recognized() -> None:
    shares = [Fraction(1, 3), Fraction(2, 3), Fraction(1, 2), Fraction(1)]
    amounts = progress_amounts(Money(100, "USD"), shares, RoundingMode.HALF_UP)
    assert [each.minor for each in amounts] == [33, 34, -17, 50]


def test_progress_beyond_the_whole_is_refused() -> None:
    with pytest.raises(InvalidTerms, match=r"progress\[1\]: 3/2 is outside 0..1"):
        progress_amounts(Money(100, "USD"), [Fraction(1), Fraction(3, 2)], RoundingMode.HALF_UP)
