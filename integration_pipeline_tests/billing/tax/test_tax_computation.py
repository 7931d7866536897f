"""Tax over the lines of a document, by every way of rounding it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_pipeline.billing.errors import BillingError
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.policies import (
    DEFAULT,
    InclusiveTax,
    LineRounding,
    Policies,
    TaxRounding,
)
from integration_pipeline.billing.tax import (
    NO_TAX,
    TaxableLine,
    TaxedDocument,
    TaxRate,
    TaxTerms,
    TaxTreatment,
    compute_taxes,
    with_target_rounding,
    without_included_tax,
)

PER_LINE = replace(DEFAULT, tax_rounding=TaxRounding.PER_LINE)
NET_ROUNDED = replace(DEFAULT, inclusive_tax=InclusiveTax.NET_ROUNDED)
NET_ROUNDED_PER_LINE = replace(PER_LINE, inclusive_tax=InclusiveTax.NET_ROUNDED)


def vat(percent: str, treatment: TaxTreatment = TaxTreatment.EXCLUSIVE) -> TaxTerms:
    return TaxTerms(treatment=treatment, rates=(TaxRate(name="VAT", percent=Decimal(percent)),))


def taxed(amounts: Sequence[int], terms: TaxTerms, policies: Policies = DEFAULT) -> TaxedDocument:
    return compute_taxes([TaxableLine(amount, 1, terms) for amount in amounts], "EUR", policies)


def test_tax_per_document_is_rounded_once_and_shared_by_largest_remainder() -> None:
    document = taxed([2506, 2561, 2563], vat("15"))
    assert document.tax == Money(1145, "EUR")
    assert [line.tax.minor for line in document.lines] == [376, 384, 385]


def test_tax_per_line_is_the_sum_of_rounded_taxes() -> None:
    document = taxed([2506, 2561, 2563], vat("15"), PER_LINE)
    assert document.tax == Money(1144, "EUR")
    assert [line.tax.minor for line in document.lines] == [376, 384, 384]


@pytest.mark.parametrize(("target", "tax"), [("xero", 1144), ("quickbooks", 1145), ("postgres_ledger", 1145)])
def test_a_target_s_rounding_gives_the_target_s_total(target: str, tax: int) -> None:
    policies = with_target_rounding(DEFAULT, target)
    assert taxed([2506, 2561, 2563], vat("15"), policies).tax == Money(tax, "EUR")


def test_policies_changed_for_a_target_have_a_version_of_their_own() -> None:
    assert with_target_rounding(DEFAULT, "xero").version != DEFAULT.version
    assert with_target_rounding(DEFAULT, "postgres_ledger") is DEFAULT


def test_an_unknown_target_is_refused_by_name() -> None:
    with pytest.raises(BillingError, match="'sage' has no known tax rounding"):
        with_target_rounding(DEFAULT, "sage")


def test_a_compound_tax_is_taken_of_net_and_earlier_taxes() -> None:
    terms = TaxTerms(
        rates=(
            TaxRate(name="A", percent=Decimal(10)),
            TaxRate(name="B", percent=Decimal(5), on=("A",)),
        )
    )
    document = taxed([10000], terms)
    assert [group.tax.minor for group in document.groups] == [1000, 550]
    assert document.groups[1].base == Money(11000, "EUR")
    assert document.groups[1].formula == "5 % of 110.00 EUR (net + A) = 5.50 EUR"


def test_per_line_a_tax_on_a_tax_is_taken_of_the_rounded_one() -> None:
    terms = TaxTerms(
        rates=(TaxRate(name="A", percent=Decimal(15)), TaxRate(name="B", percent=Decimal(50), on=("A",)))
    )
    # 50 % of 0.04 + 0.01, not of 0.04 + 0.006.
    assert [tax.minor for tax in taxed([4], terms, PER_LINE).lines[0].taxes] == [1, 3]


def test_where_sums_are_rounded_the_rates_tie_to_the_rounded_tax_of_all() -> None:
    lines = [
        TaxableLine(10000, 1, vat("21", TaxTreatment.INCLUSIVE)),
        TaxableLine(15000, 1, vat("10", TaxTreatment.INCLUSIVE)),
    ]
    summed = compute_taxes(lines, "EUR", replace(DEFAULT, lines=LineRounding.SUM_THEN_ROUND))
    assert summed.tax == Money(3099, "EUR")
    assert [group.tax.minor for group in summed.groups] == [1735, 1364]
    assert [group.tax_alone.minor for group in summed.groups] == [1736, 1364]
    assert compute_taxes(lines, "EUR", DEFAULT).tax == Money(3100, "EUR")


def test_a_tax_owed_by_the_customer_has_a_base_and_no_amount() -> None:
    document = taxed([10000], vat("19", TaxTreatment.REVERSE_CHARGE))
    assert (document.tax.minor, document.total.minor) == (0, 10000)
    assert document.groups[0].formula == "19 % of 100.00 EUR, owed by the customer (reverse charge)"


def test_a_rate_owed_by_the_customer_is_not_the_same_rate_charged() -> None:
    lines = [TaxableLine(10000, 1, vat("19", TaxTreatment.REVERSE_CHARGE)), TaxableLine(10000, 1, vat("19"))]
    document = compute_taxes(lines, "EUR", DEFAULT)
    assert [group.tax.minor for group in document.groups] == [0, 1900]


@pytest.mark.parametrize(
    ("policies", "net", "tax"),
    [(DEFAULT, 287, 12), (PER_LINE, 287, 12), (NET_ROUNDED, 288, 11), (NET_ROUNDED_PER_LINE, 288, 11)],
)
def test_an_included_tax_is_rounded_or_what_its_net_leaves(policies: Policies, net: int, tax: int) -> None:
    document = taxed([299], vat("4", TaxTreatment.INCLUSIVE), policies)
    assert (document.net.minor, document.tax.minor) == (net, tax)


def test_a_withheld_tax_lowers_the_total() -> None:
    terms = TaxTerms(
        rates=(TaxRate(name="IVA", percent=Decimal(21)), TaxRate(name="IRPF", percent=Decimal(-15)))
    )
    assert taxed([10000], terms).total == Money(10600, "EUR")


def test_a_formula_shows_the_exact_tax_and_its_rounding() -> None:
    document = compute_taxes([TaxableLine(449516, 1, vat("9.975"))], "CAD", DEFAULT)
    assert document.groups[0].formula == "9.975 % of 4,495.16 CAD = 448.39221 CAD → 448.39 CAD, half up"


@pytest.mark.parametrize(("currency", "tax"), [("JPY", 100), ("KWD", 100)])
def test_tax_is_rounded_to_the_minor_unit_of_the_currency(currency: str, tax: int) -> None:
    assert compute_taxes([TaxableLine(1005, 1, vat("9.975"))], currency, DEFAULT).tax == Money(tax, currency)


def test_a_unit_price_is_freed_of_its_tax_to_two_more_places() -> None:
    inclusive = vat("13", TaxTreatment.INCLUSIVE)
    assert without_included_tax(Decimal("10.00"), inclusive, "EUR", DEFAULT) == Decimal("8.8496")
    assert without_included_tax(Decimal("10.00"), vat("13"), "EUR", DEFAULT) == Decimal("10.00")


PERCENTS = st.decimals(min_value=0, max_value=60, places=3)


def two_rates(first: Decimal, second: Decimal, treatment: TaxTreatment, compound: bool) -> TaxTerms:
    on = ("A",) if compound else ()
    rates = (TaxRate(name="A", percent=first), TaxRate(name="B", percent=second, on=on))
    return TaxTerms(treatment=treatment, rates=rates)


def rounded_by(tax: TaxRounding, inclusive: InclusiveTax, lines: LineRounding) -> Policies:
    return replace(DEFAULT, tax_rounding=tax, inclusive_tax=inclusive, lines=lines)


TREATMENTS = st.sampled_from([TaxTreatment.EXCLUSIVE, TaxTreatment.INCLUSIVE, TaxTreatment.REVERSE_CHARGE])
TERMS = st.one_of(st.just(NO_TAX), st.builds(two_rates, PERCENTS, PERCENTS, TREATMENTS, st.booleans()))
LINES = st.lists(
    st.builds(TaxableLine, st.integers(-(10**7), 10**7), st.integers(1, 7), TERMS), min_size=1, max_size=5
)
POLICIES = st.builds(
    rounded_by, st.sampled_from(TaxRounding), st.sampled_from(InclusiveTax), st.sampled_from(LineRounding)
)


@given(LINES, POLICIES)
@settings(max_examples=60, deadline=None)
def test_every_part_of_a_taxed_document_ties_to_its_whole(
    lines: list[TaxableLine], policies: Policies
) -> None:
    document = compute_taxes(lines, "USD", policies)
    assert sum(line.net.minor for line in document.lines) == document.net.minor
    assert sum(line.tax.minor for line in document.lines) == document.tax.minor
    assert sum(group.tax.minor for group in document.groups) == document.tax.minor
    assert document.net.minor + document.tax.minor + document.rounding.minor == document.total.minor


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=6), PERCENTS, st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_residual_of_a_rate_is_at_most_half_a_minor_unit(
    amounts: list[int], percent: Decimal, inclusive: bool
) -> None:
    terms = vat(str(percent), TaxTreatment.INCLUSIVE if inclusive else TaxTreatment.EXCLUSIVE)
    document = taxed(amounts, terms)
    share = Fraction(percent) / (100 + Fraction(percent) if inclusive else 100)
    assert abs(document.tax.minor - sum(amounts) * share) <= Fraction(1, 2)


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=6), PERCENTS)
@settings(max_examples=60, deadline=None)
def test_a_price_that_includes_tax_stays_what_it_is(amounts: list[int], percent: Decimal) -> None:
    document = taxed(amounts, vat(str(percent), TaxTreatment.INCLUSIVE))
    assert [line.net.minor + line.tax.minor for line in document.lines] == amounts


def test_a_tax_on_a_tax_that_the_customer_owes_is_not_charged_per_line_either() -> None:
    rates = (TaxRate(name="A", percent=Decimal(10)), TaxRate(name="B", percent=Decimal(5), on=("A",)))
    owed = taxed([10000], TaxTerms(treatment=TaxTreatment.REVERSE_CHARGE, rates=rates), PER_LINE)
    assert [tax.minor for tax in owed.lines[0].taxes] == [0, 0]
