"""Percentages of transactions: free allowances, fixed fees, a minimum and maximum for each."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.policies import DEFAULT
from integration_pipeline.billing.pricing import PercentagePrice, Transactions, Usage, rate, rate_each

_EVENTS = Transactions((50, 100, 250, 400))


def _price(**terms: Any) -> PercentagePrice:
    return PercentagePrice.model_validate({"rate_percent": "1.3", "fixed_fee": "2.0", **terms})


def _amount(model: PercentagePrice, usage: Usage) -> Fraction:
    return rate(model, usage, "USD", DEFAULT).amount


@pytest.mark.parametrize(
    ("terms", "amount"),
    [
        ({}, "18.4"),
        ({"free_events": 3}, "7.2"),
        ({"free_amount": "250"}, "11.15"),
        ({"free_events": 3, "free_amount": "250"}, "11.15"),
        ({"free_events": 3, "free_amount": "500"}, "7.2"),
        ({"free_events": 9}, "0"),
        ({"free_events": 0, "free_amount": "0"}, "18.4"),
    ],
)
def test_the_allowance_that_is_used_up_first_ends_what_is_free(terms: dict[str, Any], amount: str) -> None:
    assert _amount(_price(**terms), _EVENTS) == Fraction(amount)


def test_running_totals_and_a_sum_say_the_same_as_amounts() -> None:
    assert Transactions.from_running_totals([50, 150, 400], 800, 4) == _EVENTS
    assert _amount(
        _price(free_events=3), Transactions.from_running_totals([50, 150, 400], 900, 6)
    ) == Fraction("12.5")


def test_more_running_totals_than_transactions_are_refused() -> None:
    with pytest.raises(InvalidTerms, match="2 running totals for 1 transactions"):
        Transactions.from_running_totals([1, 2], 2, 1)


def test_each_fee_lies_between_its_minimum_and_maximum() -> None:
    model = _price(rate_percent="2.99", minimum_fee="4.30", maximum_fee="12")
    price = rate(model, Transactions((10, 80, 10000)), "USD", DEFAULT)
    assert price.amount == Fraction("4.30") + Fraction("4.392") + 12
    assert price.formula == (
        "80.00 USD × 2.99 % + 1 event × 2.00 USD + 1 event × 4.30 USD + 1 event × 12.00 USD"
    )


def test_the_fee_of_what_crosses_the_free_amount_is_bounded_too() -> None:
    model = _price(rate_percent="2.99", fixed_fee="0", free_amount="30", minimum_fee="1.80")
    assert _amount(model, Transactions((10, 80))) == Fraction("1.80")


def test_a_sum_is_enough_where_no_term_looks_at_single_transactions() -> None:
    assert _amount(_price(fixed_fee="0", free_amount="100"), 800) == Fraction("9.1")


@pytest.mark.parametrize(
    "terms", [{}, {"free_events": 1, "fixed_fee": "0"}, {"minimum_fee": "1", "fixed_fee": "0"}]
)
def test_fees_per_transaction_are_not_guessed_from_a_sum(terms: dict[str, Any]) -> None:
    with pytest.raises(InvalidTerms, match="quantity: fees per transaction need the transactions"):
        _amount(_price(**terms), 800)


@pytest.mark.parametrize("terms", [{"free_events": 9}, {"minimum_fee": "1"}])
def test_transactions_known_by_their_sum_cannot_be_bounded_or_free_one_by_one(terms: dict[str, Any]) -> None:
    with pytest.raises(InvalidTerms, match="the amounts of 3 transactions are needed one by one"):
        _amount(_price(**terms), Transactions.from_running_totals([50], 800, 4))


def test_a_negative_transaction_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidTerms, match=r"transactions\[1\]: -5 is negative"):
        _amount(_price(), Transactions((1, -5)))


def test_fees_of_single_transactions_add_up_to_the_price_of_all() -> None:
    model = _price(free_events=2, free_amount="120", minimum_fee="2.5", maximum_fee="6")
    amounts = [Decimal(50), Decimal(100), Decimal("250.25"), Decimal(400)]
    fees = [fee.amount for fee in rate_each(model, amounts, "USD", DEFAULT)]
    assert sum(fees) == _amount(model, Transactions(tuple(amounts)))
    assert fees == [0, Fraction("2.5"), Fraction("5.25325"), 6]


def test_a_transaction_of_nothing_costs_its_fixed_fee() -> None:
    assert _amount(_price(), Transactions((0,))) == 2


def test_a_fixed_fee_may_have_more_places_than_the_percentage() -> None:
    assert _amount(_price(rate_percent="1", fixed_fee="0.005"), Transactions((100, 100))) == Fraction("2.01")


def test_a_minimum_fee_may_be_the_maximum() -> None:
    assert _amount(_price(minimum_fee="3", maximum_fee="3"), _EVENTS) == 12


def test_a_percentage_and_a_fixed_fee_of_more_places_are_held_against_the_minimum_together() -> None:
    model = _price(rate_percent="1", fixed_fee="0.005", minimum_fee="0.5")
    assert _amount(model, Transactions((100, 10))) == Fraction("1.005") + Fraction("0.5")
