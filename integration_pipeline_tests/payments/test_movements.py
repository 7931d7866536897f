"""Amounts that keep their digits, and bodies that a database can hold."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.currencies import MINOR_UNITS
from integration_pipeline.billing.errors import UnknownCurrency
from integration_pipeline.billing.money import Money
from integration_pipeline.payments.movements import exact_money, storable

currencies = st.sampled_from(sorted(MINOR_UNITS))


@given(minor=st.integers(-(10**15), 10**15), currency=currencies)
def test_an_amount_in_units_is_the_money_it_says(minor: int, currency: str) -> None:
    amount = Decimal(minor).scaleb(-MINOR_UNITS[currency])

    assert exact_money(amount, currency) == Money(minor, currency)


@given(minor=st.integers(-(10**6), 10**6), currency=currencies, digit=st.integers(1, 9))
def test_more_decimals_than_the_currency_has_are_refused(minor: int, currency: str, digit: int) -> None:
    amount = Decimal(minor * 10 + digit).scaleb(-MINOR_UNITS[currency] - 1)

    with pytest.raises(ValueError, match=f"{currency} has more decimals"):
        exact_money(amount, currency)


def test_a_currency_nobody_knows_is_refused() -> None:
    with pytest.raises(UnknownCurrency):
        exact_money(1, "BTC")


def test_a_body_keeps_its_digits_and_loses_what_a_database_cannot_hold() -> None:
    body = storable({"a\x00": "b\ud800", "rate": Decimal("1.0850"), "list": [Decimal("0.10"), {"n": 1}]})

    assert json.loads(json.dumps(body)) == {
        "a\ufffd": "b\ufffd",
        "rate": "1.0850",
        "list": ["0.10", {"n": 1}],
    }
