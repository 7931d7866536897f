"""What is told of a company in which posting could not work."""

from __future__ import annotations

from typing import Any

import pytest

from integration_pipeline_tests.accounting.quickbooks.conftest import AUTOMATED, UK, Books, Open

READY = {
    "deposit_accounts": {"stripe": "4"},
    "fee_account": "6",
    "receivable_account": "2",
}


def test_a_company_that_has_everything_has_no_problem(books: Books) -> None:
    assert books.target(**READY).problems() == []


def test_a_company_with_taxes_on_lines_has_no_problem(open_books: Open) -> None:
    target = open_books(UK).target(
        home_currency="GBP", sales_tax="by_line", tax_codes={"VAT 20": "1"}, untaxed_code="3"
    )

    assert target.problems() == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"home_currency": "EUR"}, "the company's home currency is USD"),
        ({"items": {"on_invoice": "1"}}, "no item is set for revenue deferred"),
        ({"items": {"on_invoice": "77", "deferred": "2"}}, "items.on_invoice is 77, which there is not"),
        ({"items": {"on_invoice": "1", "deferred": "1"}}, "deferred revenue belongs on a liability account"),
        ({"deposit_accounts": {"stripe": "88"}}, "deposit_accounts.stripe is 88, which there is not"),
        ({"deposit_accounts": {"stripe": "1"}}, "it has to be Bank or Other Current Asset"),
        ({"deposit_accounts": {"stripe": "3"}}, "can only leave a bank account"),
        ({"fee_account": "1"}, "fee_account is 'Services', of type Income"),
        ({"receivable_account": "4"}, "it has to be Accounts Receivable"),
        ({"sales_tax": "automated"}, "the company has no automated sales tax"),
        ({"tax_codes": {"CA 8": "1"}}, "sales tax is switched off in the company"),
        ({"tax_codes": {"CA 8": "99"}}, "tax_codes['CA 8'] is 99, which there is not"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_targets_file_names_wrongly_is_told(
    books: Books, settings: dict[str, Any], said: str
) -> None:
    found = books.target(**{**READY, **settings}).problems()

    assert [problem for problem in found if said in problem], found


@pytest.mark.parametrize(
    ("preferences", "said"),
    [
        ({"custom_numbers": False}, "turn on Custom transaction numbers"),
        ({"refuse_duplicate_numbers": False}, "turn on Warn about duplicate transaction numbers"),
        ({"books_closed_to": "2026-01-31"}, "the books are closed until 2026-01-31"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_preferences_that_stand_in_the_way_are_told(
    books: Books, preferences: dict[str, Any], said: str
) -> None:
    books.prefer(**preferences)

    [problem] = books.target(**READY).problems()

    assert said in problem


def test_a_tax_code_of_another_percent_is_told(open_books: Open) -> None:
    target = open_books(UK).target(
        home_currency="GBP", sales_tax="by_line", tax_codes={"VAT 19": "1", "VAT": "1"}, untaxed_code="9"
    )

    found = target.problems()

    assert len(found) == 3
    assert "whose rates are 20 percent together; name the code with 19 percent" in found[0]
    assert "is not written as a name and a percent" in found[1]
    assert "untaxed_code is 9, which there is not" in found[2]


def test_tax_that_quickbooks_computes_by_itself_is_told(open_books: Open) -> None:
    [problem] = open_books(AUTOMATED).target().problems()

    assert "set sales_tax to automated" in problem


def test_an_inactive_item_is_told(books: Books) -> None:
    books.edit("Item", books.deferred, Active=False)

    [problem] = books.target().problems()

    assert "(items.deferred) is inactive" in problem
