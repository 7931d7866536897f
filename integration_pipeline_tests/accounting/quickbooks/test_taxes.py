"""Taxes under each of the regimes a QuickBooks company may have."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integration_pipeline.accounting.documents import DocumentTax
from integration_pipeline.accounting.target import Accepted, Refused
from integration_pipeline.billing.money import Money
from integration_pipeline_tests.accounting.quickbooks.conftest import AUTOMATED, BY_CODE, UK, Books, Open
from integration_pipeline_tests.accounting.quickbooks.outgoing import document, line, tax

VAT = {"VAT 20": "1", "VAT 5": "2"}


@pytest.fixture
def uk(open_books: Open) -> Books:
    return open_books(UK)


def vat(base: int, amount: int, percent: str = "20") -> DocumentTax:
    return tax("VAT", percent, base, amount, "GBP")


def test_each_line_has_its_code_and_our_amounts_stand_where_quickbooks_would_round_otherwise(
    uk: Books,
) -> None:
    target = uk.target(home_currency="GBP", sales_tax="by_line", tax_codes=VAT, untaxed_code="3")
    known = uk.customer(target, currency="GBP")
    # 20 % of 100.02 is 20.00; rounded line by line it is 3 x 6.67.
    lines = [line(3_334, currency="GBP", taxes=[vat(3_334, 667)]) for _ in range(3)]
    free = line(500, currency="GBP")
    reduced = line(1_000, currency="GBP", taxes=[vat(1_000, 50, "5")])
    sent = document("INV-1", known, *lines, free, reduced, taxes=[vat(10_002, 2_001), vat(1_000, 50, "5")])

    with uk.requests() as requests:
        [outcome] = target.send([sent])

    assert isinstance(outcome, Accepted)
    assert (outcome.record.total, outcome.record.tax) == (sent.total, Money(2_051, "GBP"))
    body = requests[-1].json
    assert [each["SalesItemLineDetail"]["TaxCodeRef"]["value"] for each in body["Line"]] == [
        "1",
        "1",
        "1",
        "3",
        "2",
    ]
    assert body["GlobalTaxCalculation"] == "TaxExcluded"


def test_a_tax_that_the_customer_owes_has_a_code_of_its_own(uk: Books) -> None:
    codes = {**VAT, "VAT 20 reverse charge": "3"}
    target = uk.target(home_currency="GBP", sales_tax="by_line", tax_codes=codes)
    known = uk.customer(target, currency="GBP")
    owed = vat(10_000, 0)

    with uk.requests() as requests:
        [outcome] = target.send(
            [document("INV-1", known, line(10_000, currency="GBP", taxes=[owed]), taxes=[owed])]
        )

    assert isinstance(outcome, Accepted)
    assert (outcome.record.total, outcome.record.tax) == (Money(10_000, "GBP"), Money(0, "GBP"))
    assert requests[-1].json["Line"][0]["SalesItemLineDetail"]["TaxCodeRef"] == {"value": "3"}
    assert target.problems() == []


def test_codes_and_rates_are_read_once(uk: Books) -> None:
    target = uk.target(home_currency="GBP", sales_tax="by_line", tax_codes=VAT)
    known = uk.customer(target, currency="GBP")
    taxed = [line(1_000, currency="GBP", taxes=[vat(1_000, 200)])]
    target.send([document("INV-1", known, *taxed, taxes=[vat(1_000, 200)])])

    with uk.requests() as requests:
        target.send([document("INV-2", known, *taxed, taxes=[vat(1_000, 200)])])

    assert [each.segment for each in requests] == ["invoice"]


def test_a_document_without_tax_needs_no_code_at_all(uk: Books) -> None:
    target = uk.target(home_currency="GBP", sales_tax="by_line")
    known = uk.customer(target, currency="GBP")

    [outcome] = target.send([document("INV-1", known, line(1_000, currency="GBP"))])

    assert isinstance(outcome, Accepted)
    assert outcome.record.tax == Money(0, "GBP")


def test_a_tax_or_an_untaxed_line_without_a_code_is_refused_naming_the_setting(uk: Books) -> None:
    target = uk.target(home_currency="GBP", sales_tax="by_line", tax_codes=VAT)
    unknown = line(1_000, currency="GBP", taxes=[vat(1_000, 175, "17.5")])
    mixed = (line(1_000, currency="GBP", taxes=[vat(1_000, 200)]), line(100, currency="GBP"))

    [first] = target.send([document("INV-1", "1", unknown, taxes=[vat(1_000, 175, "17.5")])])
    [second] = target.send([document("INV-2", "1", *mixed, taxes=[vat(1_000, 200)])])

    assert isinstance(first, Refused)
    assert "the tax 'VAT 17.5' has no tax code; add it to tax_codes of books" in first.reason
    assert isinstance(second, Refused)
    assert "set untaxed_code of books" in second.reason


def test_a_us_document_has_one_code_and_the_tax_we_say(open_books: Open) -> None:
    books = open_books(BY_CODE)
    target = books.target(tax_codes={"California 8 + Tucson 0.25": "1"})
    known = books.customer(target)
    # QuickBooks would round each rate by itself: 8.00 + 0.25 over 100.10 makes 8.26.
    both = [tax("California", "8", 10_010, 801), tax("Tucson", "0.25", 10_010, 26)]
    sent = document("INV-1", known, line(10_010, taxes=both), line(400), taxes=both)

    [outcome] = target.send([sent])

    assert isinstance(outcome, Accepted)
    assert (outcome.record.tax, outcome.record.total) == (Money(827, "USD"), sent.total)


def test_lines_taxed_differently_do_not_go_onto_one_us_document(open_books: Open) -> None:
    target = open_books(BY_CODE).target(tax_codes={"CA 8": "1", "NY 4": "1"})
    one, other = tax("CA", "8", 100, 8), tax("NY", "4", 100, 4)

    [outcome] = target.send(
        [document("INV-1", "1", line(100, taxes=[one]), line(100, taxes=[other]), taxes=[one, other])]
    )

    assert isinstance(outcome, Refused)
    assert "its lines are taxed by CA 8 and by NY 4" in outcome.reason


def test_where_quickbooks_computes_the_tax_the_record_says_what_it_made_of_it(open_books: Open) -> None:
    books = open_books(AUTOMATED)
    target = books.target(sales_tax="automated")
    known = books.seed(
        "Customer", {"DisplayName": "Acme", "ShipAddr": {"CountrySubDivisionCode": "CA"}, "Taxable": True}
    )
    ours = tax("CA", "8", 10_000, 800)
    sent = document("INV-1", known, line(10_000, taxes=[ours]), taxes=[ours])

    [outcome] = target.send([sent])

    assert isinstance(outcome, Accepted)
    assert (outcome.record.tax, outcome.record.total) == (Money(825, "USD"), Money(10_825, "USD"))
    assert books.totals("Invoice") == (1, Decimal("108.25"))


@pytest.mark.parametrize("regime", ["by_document", "by_line", "automated"])
@pytest.mark.parametrize(("kept", "said"), [(0, "0.00"), (800, "8.00")])
def test_a_document_whose_lines_do_not_have_its_taxes_is_not_sent_for_less(
    open_books: Open, regime: str, kept: int, said: str
) -> None:
    books = open_books(BY_CODE)
    target = books.target(sales_tax=regime, tax_codes={"CA 8.25": "1"})
    taxes = [tax("CA", "8.25", 10_000, kept)] if kept else []
    sent = document("INV-1", "1", line(10_000, taxes=taxes), taxes=[tax("CA", "8.25", 10_000, 825)])

    [outcome] = target.send([sent])

    assert isinstance(outcome, Refused)
    assert f"its taxes are 8.25 USD and those of its lines {said} USD" in outcome.reason
    assert "enter it in QuickBooks by hand under its number" in outcome.reason
    assert books.totals("Invoice") == (0, Decimal(0))
