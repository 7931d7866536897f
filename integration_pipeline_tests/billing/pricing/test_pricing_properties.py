"""What holds for every price, whatever its figures."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.money import Money, RoundingMode
from integration_pipeline.billing.policies import DEFAULT, Policies, ZeroUsage
from integration_pipeline.billing.pricing import (
    GraduatedPrice,
    PriceModel,
    Tier,
    VolumePrice,
    rate,
    rate_further,
    rerate_runs,
)

_PRICES = st.decimals(0, 1000, places=4)
_QUANTITIES = st.decimals(0, 5000, places=3)


def _policies(rounding: RoundingMode, zero_usage: ZeroUsage) -> Policies:
    return replace(DEFAULT, rounding=rounding, zero_usage=zero_usage)


_POLICIES = st.builds(_policies, st.sampled_from(RoundingMode), st.sampled_from(ZeroUsage))


@st.composite
def _tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    bounds = sorted(draw(st.sets(st.decimals("0.5", 4000, places=1), max_size=4)))
    return tuple(
        Tier(
            up_to=bound,
            unit_price=draw(_PRICES),
            flat_fee=draw(_PRICES),
            block_size=draw(st.none() | st.integers(1, 300).map(Decimal)),
        )
        for bound in [*bounds, None]
    )


def _model(kind: type[GraduatedPrice | VolumePrice], tiers: tuple[Tier, ...]) -> PriceModel:
    return kind(tiers=tiers)


_MODELS = st.builds(_model, st.sampled_from([GraduatedPrice, VolumePrice]), _tiers())


@given(tiers=_tiers(), quantities=st.lists(_QUANTITIES, min_size=2, max_size=2))
def test_more_units_never_cost_less_in_graduated_tiers(
    tiers: tuple[Tier, ...], quantities: list[Decimal]
) -> None:
    fewer, more = (
        rate(GraduatedPrice(tiers=tiers), item, "USD", DEFAULT).amount for item in sorted(quantities)
    )
    assert fewer <= more


@given(
    model=_MODELS, quantity=_QUANTITIES, policies=_POLICIES, currency=st.sampled_from(["USD", "JPY", "KWD"])
)
def test_parts_add_up_to_the_exact_price(
    model: PriceModel, quantity: Decimal, policies: Policies, currency: str
) -> None:
    price = rate(model, quantity, currency, policies)
    assert sum((part.amount for part in price.parts), Fraction(0)) == price.amount
    assert sum((line.amount for line in price.lines()), Fraction(0)) == price.amount


@given(tiers=_tiers(), quantity=_QUANTITIES)
def test_a_volume_price_is_the_price_of_its_one_tier(tiers: tuple[Tier, ...], quantity: Decimal) -> None:
    chosen = next(tier for tier in tiers if tier.up_to is None or quantity <= tier.up_to)
    alone = GraduatedPrice(tiers=(chosen.model_copy(update={"up_to": None}),))
    assert (
        rate(VolumePrice(tiers=tiers), quantity, "USD", DEFAULT).amount
        == rate(alone, quantity, "USD", DEFAULT).amount
    )


@given(model=_MODELS, steps=st.lists(_QUANTITIES, min_size=1, max_size=5), policies=_POLICIES)
def test_runs_of_a_period_add_up_to_one_run(
    model: PriceModel, steps: list[Decimal], policies: Policies
) -> None:
    cumulative = list(accumulate(steps))
    runs = list(rerate_runs(model, cumulative, "USD", policies))
    (at_once,) = rerate_runs(model, cumulative[-1:], "USD", policies)
    assert sum((run.amount for run in runs), Money(0, "USD")) == at_once.amount
    assert sum((run.change.amount for run in runs), Fraction(0)) == at_once.change.amount
    assert all(
        sum((part.amount for part in run.change.parts), Fraction(0)) == run.change.amount for run in runs
    )


@given(tiers=_tiers(), before=_QUANTITIES, further=_QUANTITIES)
def test_further_units_cost_what_the_whole_costs_more(
    tiers: tuple[Tier, ...], before: Decimal, further: Decimal
) -> None:
    model = GraduatedPrice(tiers=tiers)
    first = rate(model, before, "USD", DEFAULT)
    added = rate_further(model, before, further, "USD", DEFAULT)
    whole = rate(model, Fraction(before) + Fraction(further), "USD", DEFAULT)
    assert first.amount + added.amount == whole.amount
    assert added.amount >= 0
