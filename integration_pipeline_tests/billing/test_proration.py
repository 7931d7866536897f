"""Parts of a billing period add up to its price, however it is cut."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.money import Money, RoundingMode, round_ratio
from integration_pipeline.billing.periods import BillingPeriod, Period
from integration_pipeline.billing.policies import DEFAULT, Policies
from integration_pipeline.billing.pricing import ExactPrice
from integration_pipeline.billing.proration import price_of_part

_QUARTER = Period(date(2024, 1, 1), date(2024, 4, 1))


def _dollars(minor: int, denominator: int = 1) -> ExactPrice:
    return ExactPrice(minor, denominator, "USD", "price")


def test_a_stub_costs_its_actual_days_over_the_days_of_the_anchored_period() -> None:
    stub = BillingPeriod(
        Period(date(2026, 1, 1), date(2026, 1, 16)), Period(date(2026, 1, 1), date(2026, 2, 1))
    )
    assert price_of_part(_dollars(32400), stub, DEFAULT) == Money(15677, "USD")


def test_a_leap_quarter_has_ninety_one_days() -> None:
    february = BillingPeriod(Period(date(2024, 2, 1), date(2024, 3, 1)), _QUARTER)
    assert price_of_part(_dollars(91 * 100), february, DEFAULT) == Money(2900, "USD")


@given(
    numerator=st.integers(-(10**15), 10**15),
    denominator=st.integers(1, 10**12),
    cuts=st.sets(st.integers(1, _QUARTER.days - 1)),
    mode=st.sampled_from(RoundingMode),
)
def test_parts_of_a_period_add_up_to_its_rounded_price_wherever_it_is_cut(
    numerator: int, denominator: int, cuts: set[int], mode: RoundingMode
) -> None:
    price = _dollars(numerator, denominator)
    policies = Policies(name="test", revision=1, rounding=mode)
    bounds = [_QUARTER.start + timedelta(days=days) for days in [0, *sorted(cuts), _QUARTER.days]]
    parts = [
        price_of_part(price, BillingPeriod(Period(opened, closed), _QUARTER), policies)
        for opened, closed in itertools.pairwise(bounds)
    ]
    assert sum(part.minor for part in parts) == round_ratio(numerator, denominator, mode)
    assert all(part.minor * numerator >= 0 for part in parts)
