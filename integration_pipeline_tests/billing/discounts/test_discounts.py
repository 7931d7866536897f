"""What discounts take off, when they apply, and how they are shared out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_pipeline.billing.discounts import (
    Discount,
    active_discounts,
    apply_discounts,
    discount_cuts,
    discounted_change,
    distribute,
    exact_shares,
    less_discount,
)
from integration_pipeline.billing.errors import CurrencyMismatch
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import DEFAULT, DiscountOrder, StepPrecision

TEN = Discount(percent=Decimal(10))
FIFTY = Discount(amount=Decimal(50))


def left(discounts: list[Discount], order: DiscountOrder, minor: int = 10_000) -> Fraction:
    taken = apply_discounts(minor, 1, discounts, "USD", replace(DEFAULT, discount_order=order))
    return Fraction(taken.numerator, taken.denominator)


@pytest.mark.parametrize(
    ("order", "rest"),
    [
        (DiscountOrder.PERCENT_FIRST, 4_000),
        (DiscountOrder.AS_STATED, 4_500),
        (DiscountOrder.OFF_THE_TOTAL, 4_000),
    ],
)
def test_discounts_are_taken_in_the_order_of_the_policy(order: DiscountOrder, rest: int) -> None:
    assert left([FIFTY, TEN], order) == rest


def test_percentages_off_the_total_do_not_compound() -> None:
    assert left([TEN, TEN], DiscountOrder.OFF_THE_TOTAL) == 8_000
    assert left([TEN, TEN], DiscountOrder.AS_STATED) == 8_100


def test_a_discount_takes_no_more_than_there_is() -> None:
    assert left([Discount(amount=Decimal(80)), FIFTY], DiscountOrder.PERCENT_FIRST) == 0


def test_an_amount_takes_nothing_off_a_credit_and_a_percentage_its_share() -> None:
    assert left([FIFTY], DiscountOrder.AS_STATED, -10_000) == -10_000
    assert left([TEN], DiscountOrder.AS_STATED, -10_000) == -9_000


def test_a_percentage_may_be_of_another_base() -> None:
    discount = Discount(percent=Decimal(7), percent_of=Decimal("51.256"))
    policies = replace(DEFAULT, steps=StepPrecision.TWO_MORE)
    taken = apply_discounts(3777, 1, [discount], "EUR", policies)
    assert Fraction(taken.numerator, taken.denominator) == Fraction("3418.21")


def test_a_formula_names_each_discount_with_what_it_took() -> None:
    discounts = [Discount(percent=Decimal(10), name="launch"), FIFTY]
    taken = apply_discounts(36_000, 1, discounts, "USD", DEFAULT)
    assert taken.formula("360.00 USD", "USD") == "360.00 USD − 10 % (launch): 36.00 USD − 50: 50.00 USD"


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({}, "percent"),
        ({"percent": "10", "amount": "5"}, "percent"),
        ({"percent": "101"}, "percent"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "1", "percent_of": "5"}, "percent_of"),
        ({"percent": "1", "start": "2026-02-01", "end": "2026-02-01"}, "end"),
    ],
)
def test_a_discount_that_contradicts_itself_names_the_field(terms: dict[str, str], field: str) -> None:
    assert [name for name, _ in Discount.model_validate(terms).impossibilities()] == [field]


START = date(2024, 1, 1)


@pytest.mark.parametrize(
    ("limit", "last_day"),
    [
        ({"first_days": 90}, date(2024, 3, 30)),
        ({"first_months": 3}, date(2024, 3, 31)),
        ({"end": "2024-02-15"}, date(2024, 2, 14)),
        ({"first_months": 3, "first_days": 10}, date(2024, 1, 10)),
    ],
)
def test_a_limited_discount_ends_after_its_last_day(limit: dict[str, object], last_day: date) -> None:
    discount = Discount.model_validate({"percent": "15", **limit})
    after = date.fromordinal(last_day.toordinal() + 1)
    assert active_discounts([discount], last_day, START, 0) == (discount,)
    assert active_discounts([discount], after, START, 0) == ()
    assert discount_cuts([discount], START, Period(START, date(2025, 1, 1))) == (after,)


def test_a_discount_for_the_first_periods_counts_billing_periods() -> None:
    discount = Discount(percent=Decimal(15), first_periods=2)
    assert [bool(active_discounts([discount], START, START, index)) for index in range(3)] == [
        True,
        True,
        False,
    ]


def test_a_discount_that_ends_with_the_period_does_not_cut_it() -> None:
    discount = Discount(percent=Decimal(15), first_months=3)
    assert discount_cuts([discount], START, Period(START, date(2024, 4, 1))) == ()


def eur(*amounts: int) -> list[Money]:
    return [Money(amount, "EUR") for amount in amounts]


def test_a_discount_is_shared_out_by_largest_remainder() -> None:
    assert list(distribute(Money(100, "EUR"), eur(333, 333, 334))) == eur(33, 33, 34)


def test_credits_bear_no_discount_and_none_exceeds_its_line() -> None:
    assert list(distribute(Money(900, "EUR"), eur(100, -500, 0, 300))) == eur(100, 0, 0, 300)


def test_credits_have_no_exact_share_of_a_discount_either() -> None:
    assert exact_shares(Money(10, "EUR"), eur(30, -10)) == (10, 0)
    assert exact_shares(Money(10, "EUR"), eur(-10)) == (0,)


def test_no_discount_has_no_exact_shares() -> None:
    assert exact_shares(Money(0, "EUR"), eur(30, 70)) == (0, 0)
    assert exact_shares(Money(-5, "EUR"), eur(30, 70)) == (0, 0)


def test_a_percentage_may_be_of_nothing() -> None:
    assert not list(Discount(percent=Decimal(5), percent_of=Decimal(0)).impossibilities())


def test_a_discount_in_another_currency_is_refused() -> None:
    with pytest.raises(CurrencyMismatch):
        distribute(Money(1, "USD"), eur(100))


def test_a_fixed_discount_shifts_to_the_part_that_grows() -> None:
    change = discounted_change(
        eur(10_000, 10_000), eur(10_000, 20_000), [Discount(amount=Decimal(150))], DEFAULT
    )
    assert list(change) == eur(2_500, 7_500)


@given(st.integers(0, 10**6), st.lists(st.integers(-(10**4), 10**6), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_shares_add_up_and_lie_within_a_unit_of_the_exact_ones(discount: int, amounts: list[int]) -> None:
    shares = distribute(Money(discount, "EUR"), eur(*amounts))
    exact = exact_shares(Money(discount, "EUR"), eur(*amounts))
    assert sum(share.minor for share in shares) == min(discount, sum(max(amount, 0) for amount in amounts))
    assert all(abs(share.minor - part) < 1 for share, part in zip(shares, exact, strict=True))


@given(
    st.integers(0, 10**6),
    st.lists(
        st.one_of(
            st.builds(Discount, percent=st.decimals(0, 100, places=2)),
            st.builds(Discount, amount=st.decimals(0, 5000, places=2)),
        ),
        max_size=4,
    ),
    st.sampled_from(DiscountOrder),
)
@settings(max_examples=60, deadline=None)
def test_what_is_taken_and_what_is_left_are_the_whole(
    minor: int, discounts: list[Discount], order: DiscountOrder
) -> None:
    result = apply_discounts(minor, 1, discounts, "USD", replace(DEFAULT, discount_order=order))
    taken = sum((Fraction(item.numerator, item.denominator) for item in result.taken), Fraction(0))
    assert Fraction(result.numerator, result.denominator) + taken == minor
    assert result.numerator >= 0


def test_parts_of_nothing_stay_nothing() -> None:
    assert less_discount([], [TEN], DEFAULT) == ()
    assert list(less_discount(eur(0, 0), [FIFTY], DEFAULT)) == eur(0, 0)
