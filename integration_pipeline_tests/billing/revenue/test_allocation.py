"""A transaction price divided by standalone selling prices."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.policies import DEFAULT, PriceAllocation
from integration_pipeline.billing.revenue.allocation import allocate_price, stated_total
from integration_pipeline.billing.revenue.obligations import Promise, standalone_price

_REST_TO_LARGEST = replace(DEFAULT, price_allocation=PriceAllocation.REST_TO_LARGEST)


def _promise(key: str, sequence: int, price: str, stated: int | None = None) -> Promise:
    return Promise(
        key, sequence, Fraction(price), stated_price=None if stated is None else Money(stated, "USD")
    )


@given(
    minor=st.integers(0, 10**12),
    weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=8).filter(any),
    choice=st.sampled_from(PriceAllocation),
)
def test_parts_add_up_to_the_price_and_do_not_depend_on_the_order_of_promises(
    minor: int, weights: list[int], choice: PriceAllocation
) -> None:
    promises = [_promise(f"p{at}", at, str(weight)) for at, weight in enumerate(weights)]
    policies = replace(DEFAULT, price_allocation=choice)
    amounts = allocate_price(Money(minor, "USD"), promises, policies).amounts
    assert sum(each.minor for each in amounts.values()) == minor
    backwards = allocate_price(Money(minor, "USD"), promises[::-1], policies).amounts
    assert backwards == amounts


def test_a_tie_goes_to_the_lowest_sequence_number() -> None:
    promises = [_promise("late", 9, "1"), _promise("early", 2, "1"), _promise("middle", 5, "1")]
    amounts = allocate_price(Money(10_000, "USD"), promises, DEFAULT).amounts
    assert {key: each.minor for key, each in amounts.items()} == {"late": 3333, "early": 3334, "middle": 3333}


def test_the_largest_part_or_the_first_of_equals_may_take_the_rest() -> None:
    # quotas 1.5, 1.5 and 2.0 round to 2, 2 and 2, a cent too much
    promises = [_promise("a", 0, "3"), _promise("b", 1, "3"), _promise("c", 2, "4")]
    rest_to_largest = allocate_price(Money(5, "USD"), promises, _REST_TO_LARGEST)
    assert [part.amount.minor for part in rest_to_largest.parts] == [1, 2, 2]
    largest_remainder = allocate_price(Money(5, "USD"), promises, DEFAULT)
    assert [part.amount.minor for part in largest_remainder.parts] == [2, 1, 2]


def test_without_any_standalone_price_the_stated_prices_decide() -> None:
    promises = [_promise("a", 0, "0", 300), _promise("b", 1, "0", 100)]
    allocation = allocate_price(Money(200, "USD"), promises, DEFAULT)
    assert allocation.by_stated_prices
    assert [part.amount.minor for part in allocation.parts] == [150, 50]


def test_the_discount_is_what_the_price_lies_below_the_standalone_prices() -> None:
    promises = [_promise("a", 0, "120"), _promise("b", 1, "30.50")]
    assert allocate_price(Money(10_000, "USD"), promises, DEFAULT).discount == Money(5050, "USD")


def test_the_carve_is_what_allocation_moved_away_from_the_stated_price() -> None:
    promises = [_promise("a", 0, "60", 5000), _promise("b", 1, "40", 5000)]
    allocation = allocate_price(stated_total(promises), promises, DEFAULT)
    assert [part.carve for part in allocation.parts] == [Money(1000, "USD"), Money(-1000, "USD")]


def test_a_standalone_price_is_a_percentage_of_list_at_a_rate_exactly() -> None:
    assert standalone_price(Decimal("999.99"), Decimal(75), Decimal("0.8")) == Fraction("599.994")


def test_ratios_have_the_decimals_that_are_asked_for() -> None:
    promises = [_promise("a", 0, "1"), _promise("b", 1, "2")]
    parts = allocate_price(Money(0, "USD"), promises, DEFAULT).parts
    assert [part.ratio(4) for part in parts] == [Decimal("0.3333"), Decimal("0.6667")]


def test_a_part_explains_itself() -> None:
    promises = [_promise("a", 0, "120.5"), _promise("b", 1, "79.5")]
    assert (
        allocate_price(Money(10_000, "USD"), promises, DEFAULT)
        .formula("a")
        .startswith("100.00 USD × 120.5/200 = 60.25 USD (relative standalone selling prices")
    )


@pytest.mark.parametrize(
    ("promises", "problem"),
    [
        ([], "promises: there are none"),
        ([_promise("a", 0, "1"), _promise("a", 1, "1")], r"promises\[1\].key: 'a' is used twice"),
        ([_promise("a", 0, "1"), _promise("b", 0, "1")], r"promises\[1\].sequence: 0 is used twice"),
        ([_promise("a", 0, "-1")], r"promises\[0\].standalone_price: -1 is negative"),
        ([_promise("a", 0, "0")], "standalone_price: all are zero and no price is stated"),
        ([_promise("a", 0, "0", 5), _promise("b", 1, "0", -5)], r"promises\[1\].stated_price"),
    ],
)
def test_promises_that_divide_nothing_are_refused(promises: list[Promise], problem: str) -> None:
    with pytest.raises(InvalidTerms, match=problem):
        allocate_price(Money(100, "USD"), promises, DEFAULT)


def test_a_missing_stated_price_is_named() -> None:
    with pytest.raises(InvalidTerms, match=r"promises\[1\].stated_price: is missing"):
        stated_total([_promise("a", 0, "1", 5), _promise("b", 1, "1")])


@pytest.mark.parametrize(("percent", "rate"), [("-1", "1"), ("NaN", "1"), ("50", "0"), ("Infinity", "1")])
def test_percentages_and_rates_that_are_no_shares_are_refused(percent: str, rate: str) -> None:
    with pytest.raises(InvalidTerms, match=r"percent|rate"):
        standalone_price(Decimal(100), Decimal(percent), Decimal(rate))
