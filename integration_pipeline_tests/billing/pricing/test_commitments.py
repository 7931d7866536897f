"""Minimum and maximum per period, free units, prepaid balances."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from integration_pipeline.billing.errors import CurrencyMismatch, InvalidTerms
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.policies import DEFAULT, PROFILES, DifferenceRounding
from integration_pipeline.billing.pricing import (
    ExactPrice,
    FlatPrice,
    cap,
    consume_units,
    draw_down,
    rate,
    true_up,
)

_ROUNDED_DIFFERENCE = replace(DEFAULT, difference=DifferenceRounding.ROUNDED)


def _line(amount: str) -> ExactPrice:
    return rate(FlatPrice(amount=Decimal(amount)), 1, "USD", DEFAULT)


def _usd(minor: int) -> Money:
    return Money(minor, "USD")


def test_what_is_missing_to_the_minimum_is_charged() -> None:
    filled = true_up([_line("20"), _line("50")], Decimal(100), "USD", DEFAULT)
    assert (filled.amount, filled.total) == (_usd(3000), _usd(10000))
    assert filled.formula == "minimum 100.00 USD less 70.00 USD charged = 30.00 USD"


def test_nothing_is_charged_beyond_the_minimum() -> None:
    assert true_up([_line("120")], Decimal(100), "USD", DEFAULT).amount == _usd(0)


def test_a_minimum_is_prorated_by_the_share_of_the_period() -> None:
    filled = true_up([_line("70")], Decimal(100), "USD", DEFAULT, share=Fraction(25, 28))
    assert filled.amount == _usd(1929)
    assert "100.00 USD × 25/28 less" in filled.formula


def test_what_was_billed_before_counts_towards_the_minimum() -> None:
    filled = true_up([_line("0")], Decimal(1000), "USD", DEFAULT, billed_before=_usd(10000))
    assert (filled.amount, filled.total) == (_usd(90000), _usd(100000))


def test_the_difference_of_rounded_amounts_differs_from_the_rounded_difference() -> None:
    charged = [_line("0.333")] * 3
    assert true_up(charged, Decimal(10), "USD", DEFAULT).amount == _usd(901)
    assert true_up(charged, Decimal(10), "USD", _ROUNDED_DIFFERENCE).amount == _usd(900)


def test_a_prorated_commitment_lacks_what_the_rounded_fee_leaves() -> None:
    share = Fraction(334, 365)
    fee = ExactPrice(100_000 * 334, 365, "USD", "1,000.00 USD × 334/365 days")
    lacking = [
        true_up([fee], Decimal(10_000), "USD", policies, share=share).amount
        for policies in (PROFILES["lago"], _ROUNDED_DIFFERENCE)
    ]
    assert lacking == [_usd(823_561), _usd(823_562)]


def test_lines_are_discounted_in_order_once_the_maximum_is_reached() -> None:
    lines = list(cap([_line("15"), _line("7")], Decimal(170), "USD", DEFAULT, billed_before=_usd(16000)))
    assert [(line.amount, line.discount, line.total) for line in lines] == [
        (_usd(1500), _usd(500), _usd(1000)),
        (_usd(700), _usd(700), _usd(0)),
    ]
    assert (
        lines[0].formula
        == "160.00 USD billed before + 15.00 USD against a maximum of 170.00 USD: 5.00 USD over"
    )


def test_below_the_maximum_nothing_is_discounted_and_a_credit_never_is() -> None:
    lines = list(cap([_line("100"), _line("-50")], Decimal(100), "USD", DEFAULT))
    assert [line.discount for line in lines] == [_usd(0), _usd(0)]


def test_a_maximum_is_rounded_before_or_after_subtracting() -> None:
    of_rounded, rounded = (
        next(
            cap([_line("100")], Decimal("100.004"), "USD", policies, billed_before=Decimal("0.016"))
        ).discount
        for policies in (DEFAULT, _ROUNDED_DIFFERENCE)
    )
    assert (of_rounded, rounded) == (_usd(2), _usd(1))


@pytest.mark.parametrize(
    ("free", "before", "quantity", "billable", "billable_before", "left"),
    [(10, 5, 15, 10, 0, 0), (10, 20, 15, 15, 10, 0), (10, 2, 3, 0, 0, 5)],
)
def test_free_units_are_consumed_in_the_order_of_time(
    free: int, before: int, quantity: int, billable: int, billable_before: int, left: int
) -> None:
    consumed = consume_units(free, before, quantity)
    assert (consumed.billable, consumed.billable_before, consumed.left) == (billable, billable_before, left)
    assert consumed.covered + consumed.billable == quantity


def test_an_allowance_below_zero_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidTerms, match="allowance: -1 is negative"):
        consume_units(-1, 0, 5)


def test_a_prepaid_balance_pays_charges_until_it_is_used_up() -> None:
    charges = list(draw_down(_usd(10000), [_usd(8000), _usd(-1000), _usd(5000), _usd(100)]))
    assert [charge.overage for charge in charges] == [_usd(0), _usd(0), _usd(2000), _usd(100)]
    assert [charge.left for charge in charges] == [_usd(2000), _usd(3000), _usd(0), _usd(0)]
    assert charges[2].formula == "50.00 USD less 30.00 USD prepaid = 20.00 USD; 0.00 USD left"


def test_a_balance_pays_in_its_own_currency_only() -> None:
    with pytest.raises(CurrencyMismatch):
        list(draw_down(_usd(1), [Money(1, "EUR")]))
