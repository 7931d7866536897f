"""Exchange: rates in force, and functional amounts that add up in every currency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.currencies import MINOR_UNITS
from integration_pipeline.billing.exchange import (
    ExchangeRate,
    InvalidRate,
    MissingRate,
    Rates,
    in_functional_currency,
)
from integration_pipeline.billing.invoices import LineTax, PlannedInvoice
from integration_pipeline.billing.money import Money, RoundingMode
from integration_pipeline.billing.policies import DEFAULT
from integration_pipeline.billing.schedule import build_schedule
from integration_pipeline.billing.terms import ContractTerms

Build = Callable[..., dict[str, Any]]
Contract = Callable[..., ContractTerms]
DAY = date(2026, 1, 1)


def _rate(rate: str, currency: str = "EUR", functional: str = "USD", day: date = DAY) -> ExchangeRate:
    return ExchangeRate(currency, functional, Decimal(rate), day, "ECB")


@pytest.fixture(scope="module")
def invoice(contract: Contract, charge: Build) -> PlannedInvoice:
    """Three lines of 33.33 EUR and 19 % of 99.99 EUR = 19.00 EUR."""
    charges = [charge(charge_id=name, quantity=1, unit_price="33.33") for name in ("a", "b", "c")]
    vat = {"rates": [{"name": "VAT", "percent": "19"}]}
    return build_schedule(contract(*charges, currency="EUR", term_months=1, tax=vat)).invoices[0]


def test_net_and_tax_are_converted_once_and_the_lines_add_up_to_the_net(invoice: PlannedInvoice) -> None:
    converted = in_functional_currency(invoice, _rate("1.085"), DEFAULT)

    # 99.99 × 1.085 = 108.48915; a line alone would be 36.16, and three of those a cent too little.
    assert converted.net == Money(10849, "USD")
    assert converted.tax == Money(2062, "USD")
    assert converted.payable == Money(12911, "USD")
    assert [line.minor for line in converted.lines] == [3617, 3616, 3616]
    assert converted.taxes == (converted.tax,)


def test_the_result_says_which_rate_of_which_source_it_was_computed_with(invoice: PlannedInvoice) -> None:
    converted = in_functional_currency(invoice, _rate("1.085"), DEFAULT)

    assert str(converted.rate) == "1 EUR = 1.085 USD (ECB, 2026-01-01)"
    assert converted.formula == (
        "net 99.99 EUR × 1.085 = 108.48915 USD → 108.49 USD; tax 19.00 EUR × 1.085 = 20.615 USD → 20.62 USD"
    )


def test_the_policies_say_how_a_functional_amount_is_rounded(invoice: PlannedInvoice) -> None:
    down = replace(DEFAULT, name="down", rounding=RoundingMode.DOWN)

    assert in_functional_currency(invoice, _rate("1.085"), down).tax == Money(2061, "USD")


def test_a_currency_without_decimals_is_converted_by_its_own_minor_unit(invoice: PlannedInvoice) -> None:
    converted = in_functional_currency(invoice, _rate("163.25", functional="JPY"), DEFAULT)

    assert converted.net == Money(16323, "JPY")  # 99.99 × 163.25 = 16,323.3675


@given(
    lines=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=6),
    taxes=st.lists(st.integers(-(10**12), 10**12), max_size=3),
    rate=st.decimals("0.000001", "100000", places=6),
    currencies=st.tuples(st.sampled_from(sorted(MINOR_UNITS)), st.sampled_from(sorted(MINOR_UNITS))),
)
def test_functional_parts_add_up_and_a_credit_mirrors_its_invoice_in_every_currency(
    invoice: PlannedInvoice, lines: list[int], taxes: list[int], rate: Decimal, currencies: tuple[str, str]
) -> None:
    currency, functional = currencies
    known = ExchangeRate(currency, functional, rate if currency != functional else Decimal(1), DAY, "bank")

    def document(sign: int) -> PlannedInvoice:
        def money(minor: int) -> Money:
            return Money(sign * minor, currency)

        return replace(
            invoice,
            lines=tuple(invoice.lines[0]._replace(amount=money(minor)) for minor in lines),
            taxes=tuple(LineTax("VAT", Decimal(19), money(0), money(minor)) for minor in taxes),
            total=money(sum(lines)),
        )

    converted = in_functional_currency(document(1), known, DEFAULT)
    mirrored = in_functional_currency(document(-1), known, DEFAULT)

    assert sum(line.minor for line in converted.lines) == converted.net.minor
    assert sum(tax.minor for tax in converted.taxes) == converted.tax.minor
    assert converted.payable == converted.net + converted.tax
    assert converted.payable.currency == functional
    assert mirrored.payable == -converted.payable


def test_a_rate_of_another_currency_is_refused_by_name(invoice: PlannedInvoice) -> None:
    with pytest.raises(InvalidRate, match="document is in EUR, the rate is for GBP"):
        in_functional_currency(invoice, _rate("1.2", currency="GBP"), DEFAULT)


@pytest.mark.parametrize("rate", ["0", "-1.1", "NaN", "Infinity", "1E+999999", "1E-999999", "1E+15"])
def test_a_rate_that_cannot_be_one_is_refused(rate: str) -> None:
    with pytest.raises(InvalidRate, match="rate from EUR to USD of 2026-01-01"):
        _rate(rate)


def test_a_binary_float_is_no_rate() -> None:
    with pytest.raises(InvalidRate, match="is no Decimal"):
        ExchangeRate("EUR", "USD", 1.1, DAY, "ECB")  # pyright: ignore[reportArgumentType] - what is refused


def test_a_currency_is_always_worth_itself() -> None:
    with pytest.raises(InvalidRate, match="is not 1"):
        _rate("1.01", currency="USD")


def test_the_latest_rate_on_or_before_the_day_holds() -> None:
    rates = Rates([_rate("1.2", day=date(2026, 1, 5)), _rate("1.1", day=date(2026, 1, 2))])

    assert rates.on(date(2026, 1, 2), "EUR", "USD").rate == Decimal("1.1")
    assert rates.on(date(2026, 1, 4), "EUR", "USD").rate == Decimal("1.1")
    assert rates.on(date(2026, 3, 1), "EUR", "USD").rate == Decimal("1.2")


def test_a_missing_rate_names_the_currencies_the_day_and_the_earliest_known_rate() -> None:
    rates = Rates([_rate("1.1", day=date(2026, 1, 2))])

    with pytest.raises(MissingRate, match=r"EUR to USD on or before 2026-01-01: the earliest .* 2026-01-02"):
        rates.on(DAY, "EUR", "USD")


def test_neither_the_inverse_of_a_rate_nor_a_way_over_a_third_currency_is_made_up() -> None:
    rates = Rates([_rate("1.1"), _rate("150", currency="USD", functional="JPY")])

    for pair in (("USD", "EUR"), ("EUR", "JPY")):
        with pytest.raises(MissingRate, match="none is known"):
            rates.on(DAY, *pair)


def test_a_document_in_the_functional_currency_needs_no_rate() -> None:
    assert Rates([]).on(DAY, "USD", "USD").rate == 1


def test_two_rates_for_one_day_are_refused_unless_they_agree() -> None:
    assert Rates([_rate("1.1"), _rate("1.10")]).on(DAY, "EUR", "USD").rate == Decimal("1.1")
    with pytest.raises(InvalidRate, match="two rates for one day"):
        Rates([_rate("1.1"), _rate("1.2")])
