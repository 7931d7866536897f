from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.mapping.written.amounts import (
    Unreadable,
    amount_in_text,
    currency_in_text,
    percentage_in_text,
    price_in_text,
)


class TestAmountsInText:
    @pytest.mark.parametrize(
        ("text", "amount"),
        [
            ("12500", "12500"),
            ("12500.5", "12500.5"),
            ("12500,50", "12500.50"),
            ("1,200.50 USD", "1200.50"),
            ("EUR 12.500,00", "12500.00"),
            ("EUR12.500,00", "12500.00"),
            ("€1.234.567,89", "1234567.89"),
            ("$ 1,234,567", "1234567"),
            ("12 500", "12500"),
            ("12\u00a0500,75", "12500.75"),
            ("12\u202f500", "12500"),
            ("1'250.00", "1250.00"),
            ("1.234,567 KWD", "1234.567"),
            ("1,234.567", "1234.567"),
            ("-1,200.50", "-1200.50"),
            ("  7 ", "7"),
        ],
    )
    def test_are_read_in_every_countrys_writing(self, text: str, amount: str) -> None:
        assert amount_in_text(text) == Decimal(amount)

    @pytest.mark.parametrize("text", ["12.500", "12,500", "1234.567", "0,125", "USD 1.000"])
    def test_are_refused_when_three_digits_could_be_thousands_or_decimals(self, text: str) -> None:
        with pytest.raises(Unreadable, match="could be thousands or decimals: write it with two decimals"):
            amount_in_text(text)

    @pytest.mark.parametrize("text", ["1.234.567.89", "1,234,567,8"])
    def test_are_refused_when_one_sign_would_mean_both(self, text: str) -> None:
        with pytest.raises(Unreadable, match="both between thousands and before the decimals"):
            amount_in_text(text)

    @pytest.mark.parametrize(
        "text",
        [
            *("", "EUR", "twelve", "12.5OO", "TBC, see contract", "1,23,456", "12 5000", "1.2.3", "1,,000"),
            *("EUR 5 USD", "EUREUR 5", "5 - 7", "5%", "(500)", "1 000,000.5", "12.5.", "٣", "= 1+1"),
        ],
    )
    def test_are_refused_when_they_are_none(self, text: str) -> None:
        with pytest.raises(Unreadable, match=r"is not an amount such as 1,250\.00"):
            amount_in_text(text)

    def test_of_hostile_length_are_refused_at_once(self) -> None:
        for text in ("1 " * 40_000, " " * 80_000 + "x", "1" + " " * 80_000 + "x", "EUR" * 30_000):
            with pytest.raises(Unreadable):
                amount_in_text(text)

    @pytest.mark.parametrize(
        ("text", "currency"),
        [
            ("EUR 5", "EUR"),
            ("5 USD", "USD"),
            ("€5", "EUR"),
            ("£5", "GBP"),
            ("$5", None),
            ("¥5", None),
            ("5", None),
        ],
    )
    def test_name_their_currency_where_they_do(self, text: str, currency: str | None) -> None:
        assert currency_in_text(text) == currency

    @given(st.integers(-(10**12), 10**12), st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", ".")]))
    def test_with_two_decimals_are_never_misread(self, cents: int, signs: tuple[str, str]) -> None:
        thousands, point = signs
        whole, part = divmod(abs(cents), 100)
        written = f"{whole:,}".replace(",", thousands)
        text = f"{'-' if cents < 0 else ''}{written}{point}{part:02}"

        assert amount_in_text(text) == Decimal(cents).scaleb(-2)


class TestPrices:
    @pytest.mark.parametrize(
        ("text", "price"),
        [("0.0125", "0.0125"), ("0,125 EUR", "0.125"), ("USD 1.00005", "1.00005"), ("1,250.00", "1250.00")],
    )
    def test_may_be_finer_than_money(self, text: str, price: str) -> None:
        assert price_in_text(text) == Decimal(price)

    @pytest.mark.parametrize("text", ["1.250", "-5", "EUR 0.5 USD", "free"])
    def test_are_still_not_guessed(self, text: str) -> None:
        with pytest.raises(Unreadable):
            price_in_text(text)


@pytest.mark.parametrize(("text", "number"), [("50%", "50"), ("9,975 %", "9.975"), ("-10%", "-10")])
def test_a_percentage_may_have_a_decimal_comma(text: str, number: str) -> None:
    assert percentage_in_text(text) == Decimal(number)
    assert percentage_in_text(text.replace("%", "")) is None
