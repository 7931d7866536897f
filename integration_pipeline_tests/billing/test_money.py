"""Money, rounding, and splits that lose nothing."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.currencies import MINOR_UNITS
from integration_pipeline.billing.errors import CurrencyMismatch, UnknownCurrency
from integration_pipeline.billing.money import (
    Money,
    RoundingMode,
    allocate,
    cumulative_split,
    round_to_minor,
)

_MODES = st.sampled_from(RoundingMode)
_RATIONALS = st.fractions(min_value=-(10**12), max_value=10**12, max_denominator=10**6)
_DECIMAL_ROUNDING = {
    RoundingMode.HALF_UP: "ROUND_HALF_UP",
    RoundingMode.HALF_EVEN: "ROUND_HALF_EVEN",
    RoundingMode.HALF_DOWN: "ROUND_HALF_DOWN",
    RoundingMode.UP: "ROUND_UP",
    RoundingMode.DOWN: "ROUND_DOWN",
}


class TestMoney:
    def test_amounts_of_one_currency_add_subtract_and_negate(self) -> None:
        assert Money(1250, "USD") + Money(50, "USD") == Money(1300, "USD")
        assert Money(1250, "USD") - Money(1300, "USD") == Money(-50, "USD")
        assert -Money(5, "JPY") == Money(-5, "JPY")

    def test_adding_another_currency_is_refused(self) -> None:
        with pytest.raises(CurrencyMismatch, match="USD with EUR"):
            _ = Money(1, "USD") + Money(1, "EUR")

    def test_subtracting_another_currency_is_refused(self) -> None:
        with pytest.raises(CurrencyMismatch, match="USD with JPY"):
            _ = Money(1, "USD") - Money(1, "JPY")

    def test_an_unknown_currency_cannot_be_constructed(self) -> None:
        with pytest.raises(UnknownCurrency, match="XXX"):
            Money(1, "XXX")

    def test_a_fraction_of_a_minor_unit_cannot_be_constructed(self) -> None:
        with pytest.raises(TypeError, match="whole number"):
            Money(1.5, "USD")  # pyright: ignore[reportArgumentType] - the mistake under test

    @pytest.mark.parametrize(
        ("money", "shown"),
        [
            (Money(1250000, "USD"), "12,500.00 USD"),
            (Money(1250, "JPY"), "1,250 JPY"),
            (Money(-1250, "JPY"), "-1,250 JPY"),
            (Money(1234567, "KWD"), "1,234.567 KWD"),
            (Money(-5, "KWD"), "-0.005 KWD"),
            (Money(-1250, "EUR"), "-12.50 EUR"),
            (Money(0, "CLF"), "0.0000 CLF"),
        ],
    )
    def test_format_shows_the_decimals_of_the_currency(self, money: Money, shown: str) -> None:
        assert money.format() == shown

    @given(minor=st.integers(-(10**15), 10**15), currency=st.sampled_from(sorted(MINOR_UNITS)))
    def test_format_can_be_read_back_for_every_currency(self, minor: int, currency: str) -> None:
        number, code = Money(minor, currency).format().split(" ")
        assert round_to_minor(Decimal(number.replace(",", "")), code) == Money(minor, currency)


class TestRounding:
    @pytest.mark.parametrize(
        ("amount", "mode", "minor"),
        [
            ("0.125", RoundingMode.HALF_UP, 13),
            ("-0.125", RoundingMode.HALF_UP, -13),
            ("0.125", RoundingMode.HALF_EVEN, 12),
            ("0.135", RoundingMode.HALF_EVEN, 14),
            ("0.125", RoundingMode.HALF_DOWN, 12),
            ("0.126", RoundingMode.HALF_DOWN, 13),
            ("0.121", RoundingMode.UP, 13),
            ("-0.121", RoundingMode.UP, -13),
            ("0.129", RoundingMode.DOWN, 12),
            ("-0.129", RoundingMode.DOWN, -12),
        ],
    )
    def test_each_mode_decides_what_lies_between_two_cents(
        self, amount: str, mode: RoundingMode, minor: int
    ) -> None:
        assert round_to_minor(Decimal(amount), "USD", mode) == Money(minor, "USD")

    def test_the_default_is_half_up(self) -> None:
        assert round_to_minor(Decimal("2.5"), "JPY") == Money(3, "JPY")

    @given(
        amount=st.decimals(-(10**9), 10**9, places=8),
        currency=st.sampled_from(["JPY", "USD", "KWD", "CLF"]),
        mode=_MODES,
    )
    def test_every_mode_agrees_with_the_decimal_module(
        self, amount: Decimal, currency: str, mode: RoundingMode
    ) -> None:
        quantum = Decimal(1).scaleb(-MINOR_UNITS[currency])
        expected = amount.quantize(quantum, rounding=_DECIMAL_ROUNDING[mode])
        assert Decimal(round_to_minor(amount, currency, mode).minor) * quantum == expected

    @given(amount=_RATIONALS, mode=_MODES)
    def test_rounding_is_symmetric_about_zero(self, amount: Fraction, mode: RoundingMode) -> None:
        assert round_to_minor(-amount, "USD", mode) == -round_to_minor(amount, "USD", mode)


class TestAllocate:
    def test_the_largest_remainders_get_the_cents_left_over(self) -> None:
        parts = allocate(Money(100, "USD"), [1, 1, 1])
        assert [part.minor for part in parts] == [34, 33, 33]
        parts = allocate(Money(101, "USD"), [Decimal("0.2"), Decimal("0.3"), Decimal("0.5")])
        assert [part.minor for part in parts] == [20, 30, 51]

    def test_a_weight_of_zero_gets_nothing(self) -> None:
        assert allocate(Money(7, "JPY"), [0, 1]) == (Money(0, "JPY"), Money(7, "JPY"))

    @pytest.mark.parametrize("weights", [[], [0, 0], [2, -1]])
    def test_weights_that_divide_nothing_are_refused(self, weights: list[int]) -> None:
        with pytest.raises(ValueError, match="weights"):
            allocate(Money(7, "USD"), weights)

    @given(
        minor=st.integers(-(10**12), 10**12),
        weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any),
    )
    def test_parts_add_up_and_each_is_within_one_minor_unit_of_its_quota(
        self, minor: int, weights: list[int]
    ) -> None:
        parts = allocate(Money(minor, "USD"), weights)
        assert sum(part.minor for part in parts) == minor
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part.minor - Fraction(minor * weight, sum(weights))) < 1


class TestCumulativeSplit:
    def test_a_part_is_the_difference_of_two_rounded_cut_offs(self) -> None:
        thirds = [Fraction(1, 3), Fraction(2, 3), Fraction(1)]
        parts = cumulative_split(Fraction(100), thirds, "USD")
        assert [part.minor for part in parts] == [3333, 3334, 3333]

    @pytest.mark.parametrize("cuts", [[Fraction(1, 2), Fraction(1, 3)], [Fraction(3, 2)], [Fraction(-1)]])
    def test_cuts_that_fall_or_leave_the_whole_are_refused(self, cuts: list[Fraction]) -> None:
        with pytest.raises(ValueError, match="cut point"):
            cumulative_split(Fraction(1), cuts, "USD")

    @given(
        total=_RATIONALS,
        cuts=st.lists(st.fractions(0, 1, max_denominator=400), min_size=1, max_size=20),
        currency=st.sampled_from(["JPY", "USD", "KWD"]),
        mode=_MODES,
    )
    def test_billed_up_to_any_cut_is_the_rounded_total_up_to_it_and_no_part_turns_sign(
        self, total: Fraction, cuts: list[Fraction], currency: str, mode: RoundingMode
    ) -> None:
        cuts = [*sorted(cuts), Fraction(1)]
        parts = cumulative_split(total, cuts, currency, mode)
        billed = 0
        for cut, part in zip(cuts, parts, strict=True):
            billed += part.minor
            assert billed == round_to_minor(total * cut, currency, mode).minor
            assert part.minor * total >= 0
