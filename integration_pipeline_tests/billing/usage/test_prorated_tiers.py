"""Graduated prices of units held for a part of the period; with figures of Lago's own tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import RoundingMode
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import PROFILES, BeyondLastTier, ZeroUsage
from integration_pipeline.billing.pricing import (
    ExactPrice,
    GraduatedPrice,
    PerUnitPrice,
    QuantityRounding,
    Tier,
    rate,
)
from integration_pipeline.billing.usage.holding import HeldUnits, held_units, prorated_units
from integration_pipeline.billing.usage.metrics import Aggregation, Metric
from integration_pipeline.billing.usage.prorated_tiers import prorated_graduated_price
from integration_pipeline_tests.billing.usage.builders import event

_LAGO = PROFILES["lago"]


def _tiers(*tiers: tuple[int | None, int, int]) -> GraduatedPrice:
    return GraduatedPrice(
        tiers=tuple(
            Tier(
                up_to=None if up_to is None else Decimal(up_to),
                unit_price=Decimal(price),
                flat_fee=Decimal(flat),
            )
            for up_to, price, flat in tiers
        )
    )


_TWO = _tiers((5, 10, 100), (None, 5, 50))
_THREE = _tiers((5, 10, 100), (15, 5, 50), (None, 2, 0))


def _price(tiers: GraduatedPrice, *held: tuple[int, int, int]) -> ExactPrice:
    """`held` is units and their share of the period."""
    changes = [HeldUnits(Decimal(units), (days, of)) for units, days, of in held]
    return prorated_graduated_price(tiers, changes, "USD", _LAGO)


@pytest.mark.parametrize(
    ("units", "prorated", "amount"),
    [
        ([5, 5, 10, -6], ["3.5", "2.66667", "2", "-2.2"], "197.33"),
        ([1, 4, 1, -5, -1], ["0.7097", "1.54839", "0.2258", "-0.80645", "-0.0645"], "165.81"),
        ([4, 2, -3], ["2.8", "1", "-0.6"], "180.50"),
        ([5, 2, -4, 10], ["3.5", "1", "-1.6", "2"], "190.00"),
        ([4, -100], ["1.6", "-33.33"], "0.00"),
    ],
)
def test_units_are_placed_in_tiers_by_full_units_and_priced_by_prorated_ones(
    units: list[int], prorated: list[str], amount: str
) -> None:
    held = [
        HeldUnits.of_prorated(Decimal(full), Decimal(part))
        for full, part in zip(units, prorated, strict=True)
    ]
    price = prorated_graduated_price(_TWO, held, "USD", _LAGO)
    assert price.rounded(RoundingMode.HALF_UP).format() == f"{amount} USD"


@pytest.mark.parametrize(
    ("known", "cents"), [(1, 10700), (2, 10100), (3, 10667), (4, 15933), (5, 15933), (6, 16117)]
)
def test_values_are_charged_for_their_stay_and_then_free_their_tier(known: int, cents: int) -> None:
    """Users of September 2023 in Lago's prorated_graduated_spec, after each of their events."""
    users = Metric(metric="calls", aggregation=Aggregation.UNIQUE_COUNT, property="user", recurring=True)
    events = [
        event("2023-09-10", user="1111"),
        event("2023-09-12", -1, user="1111"),
        event("2023-09-14", user="1111"),
        event("2023-09-15", user="2222"),
        event("2023-09-16", user="2222"),
        event("2023-09-20", user="3333"),
    ]
    september = Period(date(2023, 9, 1), date(2023, 10, 1))
    held = held_units(users, events[:known], september, september, "UTC", _LAGO)
    price = prorated_graduated_price(_tiers((1, 10, 100), (None, 5, 50)), held, "USD", _LAGO)
    assert price.rounded(RoundingMode.HALF_UP).minor == cents


def test_a_change_that_crosses_tiers_is_cut_where_they_end() -> None:
    assert _price(_THREE, (75, 30, 30)).formula == (
        "5 × 10.00 USD + 10 × 5.00 USD + 60 × 2.00 USD + 100.00 USD + 50.00 USD"
    )


def test_the_formula_says_how_units_were_prorated() -> None:
    assert _price(_TWO, (2, 21, 30), (5, 15, 30)).formula == (
        "1.4 × 10.00 USD + 1.5 × 10.00 USD + 1 × 5.00 USD + 100.00 USD + 50.00 USD "
        "(1.4 is 2 × 21/30; 1.5 is 3 × 15/30; 1 is 2 × 15/30)"
    )


def test_a_flat_fee_stays_when_the_level_falls_below_its_tier() -> None:
    assert _price(_TWO, (7, 30, 30), (-6, 0, 30)).amount == 50 + 10 + 100 + 50


def test_a_level_that_rests_on_a_bound_has_not_entered_the_next_tier() -> None:
    assert _price(_TWO, (5, 30, 30)).amount == 150


@pytest.mark.parametrize(
    ("zero_usage", "amount"), [(ZeroUsage.FIRST_FLAT_CHARGED, 100), (ZeroUsage.NOT_CHARGED, 0)]
)
def test_no_usage_costs_the_first_flat_fee_or_nothing_as_policies_say(
    zero_usage: ZeroUsage, amount: int
) -> None:
    policies = replace(_LAGO, zero_usage=zero_usage)
    assert prorated_graduated_price(_TWO, [], "USD", policies).amount == amount


def test_units_taken_back_that_outweigh_those_held_leave_flat_fees() -> None:
    price = _price(_TWO, (5, 1, 30), (-4, 30, 30))
    assert price.amount == 100
    assert price.formula.startswith("100.00 USD (")


def test_units_that_are_held_for_no_part_of_the_period_take_no_place_in_a_tier() -> None:
    two_free = _tiers((2, 0, 0), (None, 10, 0))
    assert _price(two_free, (1, 30, 30), (1, 0, 30), (1, 30, 30), (-1, 0, 30)).amount == 0


def test_the_end_of_a_stay_that_took_no_place_frees_none() -> None:
    assert _price(_tiers((1, 10, 0), (None, 20, 0)), (-1, 0, 30), (1, 30, 30), (1, 30, 30)).amount == 30


@pytest.mark.parametrize(
    ("beyond", "amount"),
    [(BeyondLastTier.LAST_TIER_GOES_ON, 70), (BeyondLastTier.NO_FURTHER_TIER, 50)],
)
def test_beyond_a_closed_last_tier_it_goes_on_or_bills_nothing(beyond: BeyondLastTier, amount: int) -> None:
    policies = replace(_LAGO, beyond_last_tier=beyond)
    held = [HeldUnits(Decimal(7), (30, 30))]
    assert prorated_graduated_price(_tiers((5, 10, 0)), held, "USD", policies).amount == amount


def test_beyond_a_closed_last_tier_no_price_is_guessed_where_that_is_refused() -> None:
    policies = replace(_LAGO, beyond_last_tier=BeyondLastTier.REFUSED)
    with pytest.raises(InvalidTerms, match="7 lies beyond the last tier, which ends at 5"):
        prorated_graduated_price(_tiers((5, 10, 0)), [HeldUnits(Decimal(7), (30, 30))], "USD", policies)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"included_quantity": Decimal(3)}, "included_quantity"),
        ({"quantity_rounding": QuantityRounding(decimals=0)}, "quantity_rounding"),
        ({"tiers": (Tier(unit_price=Decimal(1), block_size=Decimal(10)),)}, r"tiers\[0\].block_size"),
        ({"tiers": ()}, "tiers"),
    ],
)
def test_terms_that_cannot_be_prorated_are_refused(terms: dict[str, object], field: str) -> None:
    price = _TWO.model_copy(update=terms)
    with pytest.raises(InvalidTerms, match=rf"price\.{field}"):
        prorated_graduated_price(price, [], "USD", _LAGO)


_CHANGES = st.lists(st.tuples(st.integers(-20, 40), st.integers(0, 30)), max_size=8).map(
    lambda drawn: [HeldUnits(Decimal(units), (days, 30)) for units, days in drawn]
)


@settings(max_examples=60, deadline=None)
@given(held=_CHANGES)
def test_the_parts_add_up_to_the_price(held: Sequence[HeldUnits]) -> None:
    price = prorated_graduated_price(_THREE, held, "USD", _LAGO)
    assert sum((part.amount for part in price.parts), Fraction(0)) == price.amount >= 0


@settings(max_examples=60, deadline=None)
@given(units=st.integers(0, 60))
def test_units_held_all_period_cost_what_graduated_tiers_say(units: int) -> None:
    assert _price(_THREE, (units, 31, 31)).amount == rate(_THREE, units, "USD", _LAGO).amount


@settings(max_examples=60, deadline=None)
@given(held=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 30)), max_size=6))
def test_in_a_single_tier_only_the_sum_of_prorated_units_matters(held: list[tuple[int, int]]) -> None:
    changes = [HeldUnits(Decimal(units), (days, 30)) for units, days in held]
    per_unit = rate(PerUnitPrice(unit_price=Decimal(3)), prorated_units(changes), "JPY", _LAGO)
    assert prorated_graduated_price(_tiers((None, 3, 0)), changes, "JPY", _LAGO).amount == per_unit.amount


def test_the_fee_that_is_charged_without_usage_is_that_of_the_first_tier() -> None:
    assert [(part.tier, part.amount) for part in _price(_TWO).parts] == [(1, 100)]
