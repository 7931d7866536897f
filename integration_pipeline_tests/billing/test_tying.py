"""Whole units that add up to a given total, and exact amounts as text."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_pipeline.billing.money import allocate_units, format_exact, tie_to_total


def test_units_of_any_kind_are_divided_by_largest_remainder() -> None:
    assert allocate_units(5, [1, 1]) == (3, 2)
    assert allocate_units(-5, [1, 1]) == (-3, -2)
    assert allocate_units(100, [Decimal("0.001"), Decimal("0.002")]) == (33, 67)


def test_parts_of_either_sign_tie_to_their_total() -> None:
    assert tie_to_total([15, -5, 7], 10, 2) == (2, -1, 1)
    assert tie_to_total([-15, -15], 10, -3) == (-2, -1)


def test_without_parts_nothing_ties() -> None:
    assert tie_to_total([], 1, 5) == ()


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=6), st.integers(1, 50), st.integers(-9, 9))
@settings(max_examples=60, deadline=None)
def test_parts_tie_to_whatever_total_is_given(parts: list[int], denominator: int, away: int) -> None:
    total = sum(parts) // denominator + away
    assert sum(tie_to_total(parts, denominator, total)) == total


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=6), st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_no_part_is_a_unit_away_from_its_exact_share(parts: list[int], denominator: int) -> None:
    total = sum(parts) // denominator
    tied = tie_to_total(parts, denominator, total)
    assert all(abs(part - Fraction(exact, denominator)) <= 1 for part, exact in zip(tied, parts, strict=True))


@pytest.mark.parametrize(
    ("exact", "currency", "text"),
    [
        ((44839221, 1000), "USD", "448.39221 USD"),
        ((-100, 3), "USD", "-0.33333333… USD"),
        ((500, 1), "USD", "5.00 USD"),
        ((5, 2), "JPY", "2.5 JPY"),
        ((1250, 1), "JPY", "1,250 JPY"),
    ],
)
def test_an_exact_amount_shows_the_decimals_it_has(exact: tuple[int, int], currency: str, text: str) -> None:
    assert format_exact(*exact, currency) == text
