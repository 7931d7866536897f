"""Totals of documents: lines, discounts, taxes, rounding, in that order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_pipeline.billing.discounts import Discount, DiscountBase
from integration_pipeline.billing.errors import BillingError, CurrencyMismatch
from integration_pipeline.billing.money import Money, RoundingMode
from integration_pipeline.billing.policies import (
    DEFAULT,
    DiscountShare,
    LineRounding,
    Policies,
    StepPrecision,
    TaxRounding,
)
from integration_pipeline.billing.tax import NO_TAX, TaxRate, TaxTerms, TaxTreatment
from integration_pipeline.billing.totals import (
    Agreement,
    DocumentLine,
    Increment,
    line_amount,
    reconcile_total,
    round_to_increment,
    total_document,
)
from integration_pipeline.billing.totals.steps import round_step

SUM_THEN_ROUND = replace(DEFAULT, lines=LineRounding.SUM_THEN_ROUND)
TEN = TaxTerms(rates=(TaxRate(name="VAT", percent=Decimal(10)),))


def test_lines_are_rounded_before_they_are_summed() -> None:
    totals = total_document([DocumentLine(12261, 2)] * 2, "EUR", DEFAULT)
    assert totals.total == Money(12262, "EUR")


def test_lines_tie_to_a_total_that_was_summed_exactly() -> None:
    totals = total_document([DocumentLine(12261, 2)] * 2, "EUR", SUM_THEN_ROUND)
    assert totals.total == Money(12261, "EUR")
    assert [line.amount.minor for line in totals.lines] == [6131, 6130]
    assert [line.amount_alone.minor for line in totals.lines] == [6131, 6131]


def test_a_total_rounded_from_exact_sums_shows_its_rounding() -> None:
    totals = total_document([DocumentLine(1004, 10, TEN)], "EUR", SUM_THEN_ROUND)
    assert (totals.net.minor, totals.tax.minor, totals.total.minor) == (100, 10, 110)
    totals = total_document([DocumentLine(1044, 10, TEN)], "EUR", SUM_THEN_ROUND)
    assert (totals.net.minor, totals.tax.minor, totals.rounding.minor) == (104, 10, 1)
    assert totals.formula == "1.04 EUR net + 0.10 EUR tax + 0.01 EUR rounding = 1.15 EUR"


def test_a_discount_on_the_document_lowers_what_each_line_is_taxed_on() -> None:
    lines = [DocumentLine(10_000, 1, TEN), DocumentLine(10_000, 1, NO_TAX)]
    totals = total_document(lines, "EUR", DEFAULT, [Discount(amount=Decimal(50))])
    assert [line.discount.minor for line in totals.lines] == [2_500, 2_500]
    assert (totals.net.minor, totals.tax.minor, totals.total.minor) == (15_000, 750, 15_750)


def test_exact_shares_of_a_discount_are_taxed_before_they_are_rounded() -> None:
    lines = [DocumentLine(100, 1, TEN), DocumentLine(100, 1, NO_TAX), DocumentLine(100, 1, NO_TAX)]
    half = [Discount(amount=Decimal("0.50"))]
    by_share = {
        share: total_document(lines, "EUR", replace(DEFAULT, discount_share=share), half).groups[0].base_exact
        for share in DiscountShare
    }
    assert by_share[DiscountShare.EXACT] != by_share[DiscountShare.ROUNDED]


def test_a_discount_on_the_grand_total_leaves_net_and_tax_as_they_are() -> None:
    discount = Discount(percent=Decimal(20), base=DiscountBase.GRAND_TOTAL)
    totals = total_document([DocumentLine(10_000, 1, TEN)], "EUR", DEFAULT, [discount])
    assert (totals.net.minor, totals.tax.minor) == (10_000, 1_000)
    assert (totals.grand_total_discount.minor, totals.total.minor) == (2_200, 8_800)


@pytest.mark.parametrize(
    ("minor", "step", "mode", "adjustment"),
    [
        (10_020, "0.5", RoundingMode.UP, 30),
        (10_090, "1", RoundingMode.DOWN, -90),
        (10_050, "1", RoundingMode.HALF_UP, 50),
        (-10_020, "0.5", RoundingMode.UP, -30),
        (10_000, "0.05", RoundingMode.UP, 0),
    ],
)
def test_rounding_to_an_increment_is_a_line_of_its_own(
    minor: int, step: str, mode: RoundingMode, adjustment: int
) -> None:
    increment = Increment(step=Decimal(step), mode=mode)
    totals = total_document([DocumentLine(minor)], "CHF", DEFAULT, increment=increment)
    assert totals.rounding == Money(adjustment, "CHF")
    assert totals.total == Money(minor + adjustment, "CHF")


@pytest.mark.parametrize(
    ("step", "currency"), [("0", "USD"), ("-0.05", "USD"), ("0.005", "USD"), ("0.5", "JPY")]
)
def test_an_increment_that_is_no_whole_number_of_minor_units_is_refused(step: str, currency: str) -> None:
    with pytest.raises(BillingError, match=r"rounding step"):
        total_document([DocumentLine(100)], currency, DEFAULT, increment=Increment(step=Decimal(step)))


def test_a_value_is_rounded_to_multiples_of_any_increment() -> None:
    value = Decimal("987.345")
    assert round_to_increment(value, Decimal("0.25"), RoundingMode.HALF_UP) == Decimal("987.25")
    assert round_to_increment(value, Decimal("0.25"), RoundingMode.UP) == Decimal("987.50")
    assert round_to_increment(value, Decimal(10), RoundingMode.DOWN) == Decimal(980)


def test_an_increment_of_nothing_is_refused() -> None:
    with pytest.raises(BillingError, match="increment 0"):
        round_to_increment(Decimal(1), Decimal(0), RoundingMode.UP)


@pytest.mark.parametrize(
    ("steps", "total", "discount", "left"),
    [
        (StepPrecision.EXACT, "37.7802", "2.644614", "35.135586"),
        (StepPrecision.CURRENCY, "37.78", "2.64", "35.14"),
        (StepPrecision.TWO_MORE, "37.7802", "2.6446", "35.1356"),
    ],
)
def test_the_steps_of_a_line_are_kept_as_the_policy_says(
    steps: StepPrecision, total: str, discount: str, left: str
) -> None:
    policies = replace(DEFAULT, steps=steps)
    seven = [Discount(percent=Decimal(7))]
    line = line_amount(Decimal(3), Decimal("12.5934"), "EUR", policies, seven)
    assert (line.sum, line.discount, line.exact) == (Decimal(total), Decimal(discount), Decimal(left))


def test_a_line_explains_itself() -> None:
    line = line_amount(Decimal(3), Decimal("12.59"), "USD", DEFAULT, [Discount(percent=Decimal(7))])
    assert line.formula == "3 × 12.59 USD = 37.77 USD − 7 %: 2.6439 USD = 35.1261 USD"


@pytest.mark.parametrize(
    ("theirs", "agreement"),
    [
        (44839, Agreement.EQUAL),
        (44840, Agreement.ROUNDING),
        (44838, Agreement.ROUNDING),
        (44841, Agreement.DRIFT),
    ],
)
def test_a_total_read_back_is_equal_rounded_otherwise_or_drifted(theirs: int, agreement: Agreement) -> None:
    assert reconcile_total(Money(44839, "CAD"), Money(theirs, "CAD")).agreement is agreement


def test_a_comparison_names_the_difference() -> None:
    message = reconcile_total(Money(44839, "CAD"), Money(44840, "CAD")).message
    assert message == "theirs 448.40 CAD, ours 448.39 CAD: differs by rounding, 0.01 CAD"


def test_totals_in_two_currencies_cannot_be_compared() -> None:
    with pytest.raises(CurrencyMismatch):
        reconcile_total(Money(1, "CAD"), Money(1, "USD"))


def test_a_document_without_lines_comes_to_nothing() -> None:
    assert total_document([], "USD", DEFAULT, [Discount(percent=Decimal(5))]).total == Money(0, "USD")


TERMS = st.sampled_from(
    [
        NO_TAX,
        TEN,
        TaxTerms(treatment=TaxTreatment.INCLUSIVE, rates=(TaxRate(name="VAT", percent=Decimal("9.975")),)),
    ]
)


def rounded_by(lines: LineRounding, tax: TaxRounding, share: DiscountShare) -> Policies:
    return replace(DEFAULT, lines=lines, tax_rounding=tax, discount_share=share)


LINES = st.builds(DocumentLine, st.integers(-(10**6), 10**7), st.integers(1, 7), TERMS)


@given(
    st.lists(LINES, min_size=1, max_size=5),
    st.lists(
        st.builds(
            Discount,
            percent=st.decimals(0, 100, places=1),
            base=st.sampled_from(DiscountBase),
        ),
        max_size=3,
    ),
    st.builds(
        rounded_by,
        st.sampled_from(LineRounding),
        st.sampled_from(TaxRounding),
        st.sampled_from(DiscountShare),
    ),
)
@settings(max_examples=60, deadline=None)
def test_every_document_ties(
    lines: list[DocumentLine], discounts: list[Discount], policies: Policies
) -> None:
    totals = total_document(lines, "USD", policies, discounts, Increment(step=Decimal("0.05")))
    assert sum(line.amount.minor for line in totals.lines) == totals.subtotal.minor
    assert sum(line.discount.minor for line in totals.lines) == totals.discount.minor
    assert sum(line.net.minor for line in totals.lines) == totals.net.minor
    assert sum(line.tax.minor for line in totals.lines) == totals.tax.minor
    assert sum(group.tax.minor for group in totals.groups) == totals.tax.minor
    parts = totals.net + totals.tax - totals.grand_total_discount + totals.rounding
    assert parts == totals.total
    assert totals.total.minor % 5 == 0


def test_a_tolerance_of_nothing_is_one_and_a_negative_one_is_none() -> None:
    ours, theirs = Money(44839, "CAD"), Money(44840, "CAD")
    assert reconcile_total(ours, theirs, 0).agreement is Agreement.DRIFT
    with pytest.raises(ValueError, match="tolerance -1 is negative"):
        reconcile_total(ours, theirs, -1)


def test_steps_keep_two_decimals_more_than_the_currency_or_as_many_as_are_stated() -> None:
    two_more = replace(DEFAULT, steps=StepPrecision.TWO_MORE)
    assert str(round_step(Decimal("0.5"), "JPY", two_more)) == "0.50"
    assert str(round_step(Decimal("0.12345"), "EUR", two_more)) == "0.12345"
    assert (
        str(round_step(Decimal("0.12345"), "EUR", replace(DEFAULT, steps=StepPrecision.CURRENCY))) == "0.12"
    )
