"""When a figure is the published figure, and when it is not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from integration_pipeline.billing.money import Money, RoundingMode
from integration_pipeline_tests.cases.comparison import differences


def _same(expected: object, actual: object, shown_by: RoundingMode = RoundingMode.HALF_UP) -> bool:
    return not list(differences(expected, actual, shown_by))


@pytest.mark.parametrize("actual", [2, Decimal("2.00"), Fraction(2), "2", Money(200, "USD")])
def test_a_number_is_the_same_however_it_is_written(actual: object) -> None:
    assert _same("2.0", actual)


@pytest.mark.parametrize("actual", [Decimal("2.001"), Fraction(2001, 1000), "2.001", None, True, "two"])
def test_nothing_else_is_that_number(actual: object) -> None:
    assert not _same("2.00", actual)


def test_money_is_compared_in_minor_units_under_a_key_that_says_cents() -> None:
    assert _same({"credit_cents": -364}, {"credit_cents": Money(-364, "EUR")})
    assert not _same({"credit": -364}, {"credit": Money(-364, "EUR")})


def test_money_of_a_currency_without_decimals_is_whole_units() -> None:
    assert _same({"total": "364"}, {"total": Money(364, "JPY")})


def test_a_fraction_is_compared_with_the_decimals_that_are_shown_of_it() -> None:
    assert _same("0.733333333", Fraction(22, 30))
    assert not _same("0.733333334", Fraction(22, 30))


def test_a_fraction_that_ends_has_to_be_shown_whole() -> None:
    assert not _same("0.37", Fraction(3, 8))


def test_figures_that_are_known_to_be_cut_are_cut() -> None:
    assert _same("0.892", Fraction(25, 28), RoundingMode.DOWN)
    assert not _same("0.892", Fraction(25, 28))


def test_a_printed_binary_float_is_the_fraction_it_was_computed_for() -> None:
    assert _same("0.5483870967741935", Fraction(17, 31))
    assert _same("42.857142857142854", Fraction(300, 7))
    assert _same("14.285714285714285", Fraction(100, 7))


def test_a_printed_binary_float_of_another_number_is_not_it() -> None:
    assert not _same("14.285714285714281", Fraction(100, 7))


def test_both_readings_of_an_equation_have_to_be_right() -> None:
    assert _same("29/28 = 1.0357", Fraction(29, 28))
    assert not _same("29/28 = 1.0358", Fraction(29, 28))


def test_lists_differ_in_length_and_in_place() -> None:
    found = list(
        differences({"periods": [["2026-01-01", "2026-02-01"]]}, {"periods": [[date(2026, 1, 1)], []]})
    )
    assert [difference.path for difference in found] == ["periods[0][1]", "periods[1]"]


def test_nothing_is_not_zero() -> None:
    assert _same({"credit": None}, {"credit": None})
    assert not _same({"credit": None}, {"credit": 0})
