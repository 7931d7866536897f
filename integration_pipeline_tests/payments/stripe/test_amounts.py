"""Stripe's integers: which of them are hundredths, which are whole, and which cannot be."""

from __future__ import annotations

import pytest

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.stripe.amounts import stripe_money


@pytest.mark.parametrize(
    ("amount", "currency", "money"),
    [
        (1_250, "usd", Money(1_250, "USD")),
        (-1_250, "eur", Money(-1_250, "EUR")),
        (1_250, "jpy", Money(1_250, "JPY")),
        (1_250, "kwd", Money(1_250, "KWD")),
        # ISO 4217 gives the ariary two decimals, Stripe none.
        (1_250, "mga", Money(125_000, "MGA")),
        # Without decimals both, and written with two by Stripe.
        (125_000, "isk", Money(1_250, "ISK")),
        (125_000, "ugx", Money(1_250, "UGX")),
        (125_000, "huf", Money(125_000, "HUF")),
    ],
)
def test_an_integer_is_the_money_stripe_means(amount: int, currency: str, money: Money) -> None:
    assert stripe_money(amount, currency) == money


def test_a_fraction_of_the_smallest_coin_is_refused() -> None:
    with pytest.raises(ValueError, match="ISK has more decimals"):
        stripe_money(125_050, "isk")
