"""Further runs of a period bill the rounded whole, less what was billed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integration_pipeline.billing.errors import CurrencyMismatch
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.policies import DEFAULT
from integration_pipeline.billing.pricing import (
    PerUnitPrice,
    Tier,
    VolumePrice,
    bill_rest,
    rate,
    rerate,
    rerate_runs,
)

_VOLUME = VolumePrice(tiers=(Tier(up_to=Decimal(15), unit_price=Decimal(10)), Tier(unit_price=Decimal(5))))


def _usd(minor: int) -> Money:
    return Money(minor, "USD")


def test_a_volume_price_that_falls_is_corrected_by_a_negative_amount() -> None:
    runs = list(rerate_runs(_VOLUME, [15, 16, 16], "USD", DEFAULT))
    assert [run.amount for run in runs] == [_usd(15000), _usd(-7000), _usd(0)]
    assert runs[1].change.formula == "16 × 5.00 USD − 15 × 10.00 USD"


def test_fractions_of_a_cent_are_billed_once_they_make_one() -> None:
    runs = rerate_runs(PerUnitPrice(unit_price=Decimal("0.001")), [333, 666, 1000], "USD", DEFAULT)
    assert [run.amount for run in runs] == [_usd(33), _usd(34), _usd(33)]


def test_usage_that_is_billed_already_bills_nothing() -> None:
    run = rerate(PerUnitPrice(unit_price=Decimal("0.067")), 55, _usd(369), DEFAULT)
    assert run.amount == _usd(0)
    assert run.formula == "55 × 0.067 USD = 3.69 USD, less 3.69 USD billed = 0.00 USD"


def test_the_first_run_says_nothing_of_earlier_ones() -> None:
    assert rerate(_VOLUME, 2, _usd(0), DEFAULT).formula == "2 × 10.00 USD = 20.00 USD"


def test_a_known_price_is_billed_in_the_currency_of_what_was_billed_only() -> None:
    with pytest.raises(CurrencyMismatch):
        bill_rest(rate(_VOLUME, 2, "USD", DEFAULT), Money(0, "EUR"), DEFAULT)
