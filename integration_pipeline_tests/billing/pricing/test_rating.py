"""What a quantity costs by each charge model, with figures worked by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money, RoundingMode
from integration_pipeline.billing.policies import DEFAULT, BeyondLastTier, TierBound, ZeroUsage
from integration_pipeline.billing.pricing import (
    FlatPrice,
    GraduatedPercentagePrice,
    GraduatedPrice,
    PackagePrice,
    PercentageTier,
    PerUnitPrice,
    PriceModel,
    PriceStep,
    Quantity,
    QuantityRounding,
    StairstepPrice,
    Tier,
    Transactions,
    VolumePrice,
    rate,
    rate_each,
    rate_further,
    sum_of,
    tiers_from_blocks,
    tiers_from_first_units,
    tiers_from_widths,
)


def _tier(
    up_to: str | None, unit_price: str = "0", flat_fee: str = "0", block_size: str | None = None
) -> Tier:
    return Tier.model_validate(
        {"up_to": up_to, "unit_price": unit_price, "flat_fee": flat_fee, "block_size": block_size}
    )


_TIERS = (_tier("10", "1.50"), _tier("110", "1.00", "7.00"), _tier(None, "0.50", "3.00"))
_GRADUATED = GraduatedPrice(tiers=_TIERS)
_VOLUME = VolumePrice(tiers=_TIERS)
_STEPS = StairstepPrice(
    tiers=(PriceStep(up_to=Decimal(10), price=Decimal(100)), PriceStep(price=Decimal(150)))
)
_FIRST_FLAT = replace(DEFAULT, zero_usage=ZeroUsage.FIRST_FLAT_CHARGED)


def _amount(model: PriceModel, quantity: Quantity) -> Fraction:
    return rate(model, quantity, "USD", DEFAULT).amount


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [
        (0, "0"),
        (10, "15"),
        (Decimal("10.5"), "22.5"),
        (110, "122"),
        (111, "125.5"),
        (Fraction(331, 3), "751/6"),
    ],
)
def test_graduated_tiers_each_price_what_lies_in_them(quantity: Quantity, amount: str) -> None:
    assert _amount(_GRADUATED, quantity) == Fraction(amount)


@pytest.mark.parametrize(
    ("quantity", "amount"), [(10, "15"), (Decimal("10.5"), "17.5"), (110, "117"), (111, "58.5")]
)
def test_the_reached_volume_tier_prices_everything(quantity: Quantity, amount: str) -> None:
    assert _amount(_VOLUME, quantity) == Fraction(amount)


def test_a_volume_tier_may_be_chosen_by_units_that_are_not_priced() -> None:
    assert rate(_VOLUME, Decimal("55.5"), "USD", DEFAULT, tier_by=111).amount == Fraction("30.75")


@pytest.mark.parametrize(("quantity", "amount"), [(0, 0), (1, 100), (10, 100), (11, 150)])
def test_a_step_has_one_price(quantity: int, amount: int) -> None:
    assert _amount(_STEPS, quantity) == amount


@pytest.mark.parametrize(("quantity", "amount"), [(200, 0), (201, 15), (210, 15), (Decimal("210.1"), 30)])
def test_a_started_package_beyond_the_free_units_is_charged_in_full(quantity: Quantity, amount: int) -> None:
    model = PackagePrice(package_size=Decimal(10), package_price=Decimal(15), included_quantity=Decimal(200))
    assert _amount(model, quantity) == amount


def test_a_started_block_of_a_tier_is_charged_in_full() -> None:
    model = GraduatedPrice(tiers=(_tier("1000", "1", "0", "100"), _tier(None, "4", "0", "1000")))
    price = rate(model, 5325, "USD", DEFAULT)
    assert price.tier_amounts() == ((1, 10), (2, 20))
    assert price.formula == "10 blocks of 100 × 1.00 USD + 5 blocks of 1,000 × 4.00 USD"


def test_a_flat_price_is_charged_whatever_the_quantity() -> None:
    assert _amount(FlatPrice(amount=Decimal("9.99")), 0) == Fraction("9.99")


def test_only_what_lies_beyond_the_included_quantity_is_priced() -> None:
    model = PerUnitPrice(unit_price=Decimal("0.50"), included_quantity=Decimal(100))
    assert (_amount(model, 100), _amount(model, 120)) == (0, 10)
    assert rate(model, 120, "USD", DEFAULT).formula == "20 × 0.50 USD (20 is 120 less 100 included)"


def test_a_quantity_is_rounded_down_before_it_is_priced_where_terms_say_so() -> None:
    model = PerUnitPrice(unit_price=Decimal("59.99"), quantity_rounding=QuantityRounding(decimals=0))
    price = rate(model, Decimal("4.6"), "USD", DEFAULT)
    assert price.amount == Fraction("239.96")
    assert price.formula == "4 × 59.99 USD (4 is 4.6 to 0 decimals, down)"


@pytest.mark.parametrize(
    ("currency", "rounded"),
    [("JPY", Money(6, "JPY")), ("USD", Money(567, "USD")), ("KWD", Money(5673, "KWD"))],
)
def test_an_exact_price_is_rounded_to_the_minor_units_of_its_currency(currency: str, rounded: Money) -> None:
    price = rate(PerUnitPrice(unit_price=Decimal("0.0186")), 305, currency, DEFAULT)
    assert price.amount == Fraction("5.673")
    assert price.rounded(RoundingMode.HALF_UP) == rounded


@pytest.mark.parametrize(
    ("model", "charged"),
    [(GraduatedPrice(tiers=(_tier(None, "1", "2"),)), 2), (_STEPS, 100)],
    ids=["tier", "step"],
)
def test_no_usage_costs_nothing_unless_a_profile_charges_the_first_tier(
    model: PriceModel, charged: int
) -> None:
    assert rate(model, 0, "USD", DEFAULT).amount == 0
    assert rate(model, 0, "USD", _FIRST_FLAT).amount == charged


def test_the_unit_at_a_bound_begins_the_next_volume_tier_where_units_are_counted_from_zero() -> None:
    model = VolumePrice(
        tiers=tiers_from_first_units([(0, Decimal(2), Decimal(0)), (100, Decimal(1), Decimal(0))])
    )
    exclusive = replace(DEFAULT, tier_bound=TierBound.UPPER_EXCLUSIVE)
    assert [rate(model, 100, "USD", policies).amount for policies in (DEFAULT, exclusive)] == [200, 100]


@pytest.mark.parametrize(
    ("policy", "graduated", "volume"),
    [(BeyondLastTier.LAST_TIER_GOES_ON, 15, 15), (BeyondLastTier.NO_FURTHER_TIER, 10, 15)],
)
def test_what_lies_beyond_a_closed_last_tier_is_for_the_profile_to_say(
    policy: BeyondLastTier, graduated: int, volume: int
) -> None:
    policies = replace(DEFAULT, beyond_last_tier=policy)
    tiers = (_tier("10", "1"),)
    assert rate(GraduatedPrice(tiers=tiers), 15, "USD", policies).amount == graduated
    assert rate(VolumePrice(tiers=tiers), 15, "USD", policies).amount == volume


@pytest.mark.parametrize("model", [GraduatedPrice, VolumePrice])
def test_beyond_a_closed_last_tier_no_price_is_guessed(model: type[GraduatedPrice | VolumePrice]) -> None:
    with pytest.raises(
        InvalidTerms, match=r"quantity: 1,200 lies beyond the last tier, which ends at 1,000;"
    ):
        rate(model(tiers=(_tier("1000", "1"),)), 1200, "USD", DEFAULT)


@pytest.mark.parametrize("quantity", [-1, Decimal("NaN"), Decimal("Infinity")])
@pytest.mark.parametrize("model", [_GRADUATED, _VOLUME, PerUnitPrice(unit_price=Decimal(1))])
def test_a_quantity_that_is_negative_or_no_number_is_refused(model: PriceModel, quantity: Quantity) -> None:
    with pytest.raises(InvalidTerms, match=r"quantity: "):
        rate(model, quantity, "USD", DEFAULT)


def test_transactions_cannot_be_priced_by_the_unit() -> None:
    with pytest.raises(InvalidTerms, match="a graduated price is of units, not of transactions"):
        rate(_GRADUATED, Transactions((1,)), "USD", DEFAULT)


def test_the_transaction_that_enters_a_percentage_tier_pays_its_flat_fee() -> None:
    model = GraduatedPercentagePrice(
        tiers=(
            PercentageTier(up_to=Decimal(1000), rate_percent=Decimal(1), flat_fee=Decimal(200)),
            PercentageTier(rate_percent=Decimal(2), flat_fee=Decimal(300)),
        )
    )
    fees = list(rate_each(model, [500, 550, 100], "USD", DEFAULT))
    assert [fee.amount for fee in fees] == [205, 306, 2]
    assert fees[1].formula == "500.00 USD × 1 % + 50.00 USD × 2 % + 300.00 USD"


def test_further_units_are_priced_where_they_lie() -> None:
    price = rate_further(_GRADUATED, 108, 4, "USD", DEFAULT)
    assert [line.amount for line in price.lines()] == [2, 1, 3]
    assert price.formula == "2 × 1.00 USD + 2 × 0.50 USD + 3.00 USD"


def test_the_first_run_alone_charges_a_flat_fee_for_no_usage() -> None:
    model = GraduatedPrice(tiers=(_tier(None, "1", "2"),))
    assert rate_further(model, None, 0, "USD", _FIRST_FLAT).amount == 2
    assert rate_further(model, 0, 0, "USD", _FIRST_FLAT).amount == 0


def test_a_formula_can_be_redone_with_a_calculator() -> None:
    assert rate(_GRADUATED, 111, "USD", DEFAULT).formula == (
        "10 × 1.50 USD + 100 × 1.00 USD + 7.00 USD + 1 × 0.50 USD + 3.00 USD"
    )


@pytest.mark.parametrize(
    ("model", "quantity", "formula"),
    [
        (_VOLUME, Decimal("65000.25"), "65,000.25 × 0.50 USD + 3.00 USD"),
        (_VOLUME, Fraction(1, 3), "1/3 × 1.50 USD"),
        (_STEPS, 3, "100.00 USD"),
        (_GRADUATED, 0, "0.00 USD (no usage)"),
        (PerUnitPrice(unit_price=Decimal("0.0010")), 2, "2 × 0.0010 USD"),
        (PackagePrice(package_size=Decimal(10), package_price=Decimal(15)), 11, "2 blocks of 10 × 15.00 USD"),
    ],
)
def test_each_model_has_its_formula(model: PriceModel, quantity: Quantity, formula: str) -> None:
    assert rate(model, quantity, "USD", DEFAULT).formula == formula


def test_prices_of_several_models_add_up_to_one_line() -> None:
    together = sum_of(
        [rate(model, 4, "USD", DEFAULT) for model in (FlatPrice(amount=Decimal(5)), _VOLUME)], "USD"
    )
    assert together.amount == 11
    assert together.formula == "5.00 USD + 4 × 1.50 USD"


def test_tiers_may_be_stated_by_width_or_by_blocks() -> None:
    assert tiers_from_widths([(10, Decimal(1)), (50, Decimal(2)), (None, Decimal(3))]) == (
        _tier("10", "1"),
        _tier("60", "2"),
        _tier(None, "3"),
    )
    assert tiers_from_blocks([(100, 10, Decimal(1)), (1, 5, Decimal(2)), (1000, None, Decimal(3))]) == (
        _tier("1000", "1", "0", "100"),
        _tier("1005", "2"),
        _tier(None, "3", "0", "1000"),
    )


def test_a_quantity_is_priced_with_as_many_decimals_as_agreed() -> None:
    price = PerUnitPrice(unit_price=Decimal(10), quantity_rounding=QuantityRounding(decimals=2))
    assert rate(price, Decimal("4.678"), "USD", DEFAULT).amount == Fraction("46.7")
