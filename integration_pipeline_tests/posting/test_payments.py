"""Payments that the own books settle, as they are at the accounting system in the end."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from integration_pipeline.billing.money import Money
from integration_pipeline.pipeline.payments_by_hand import Wish, match, undo
from integration_pipeline_tests.pipeline.cashier import Cashier
from integration_pipeline_tests.pipeline.portal import DEAL
from integration_pipeline_tests.posting.conftest import Company


@pytest.fixture
def cashier(company: Company) -> Cashier:
    return Cashier(company.office)


def still_open(company: Company) -> dict[str | None, Money | None]:
    """What each document has open at the accounting system."""
    pages = company.target.documents(date(2026, 1, 1), date(2027, 12, 31))
    return {record.number: record.balance for page in pages for record in page}


def corrected(company: Company, number: str, amount: str) -> None:
    """The deal was always meant to be over this: its invoice is reversed, another takes its place."""
    company.portal.change(DEAL, number, dealname="corrected", amount=amount)
    company.sync()


def test_a_payment_net_of_a_credit_note_leaves_open_what_the_own_books_have_open(
    company: Company, cashier: Cashier
) -> None:
    """The paid invoice's credit note takes 100 of the next one, and the bank brings the rest."""
    [first] = cashier.bill("1")
    cashier.line("line-1", 10_000, text=first)
    cashier.settle()
    company.deliver()
    corrected(company, "1", "180.00")
    cashier.line("line-2", 5_000)
    cashier.receive()
    wish = Wish({first: Decimal("100.00"), "US-INV-000002": Decimal("150.00")})
    match(company.office.pipeline, cashier.number("line-2"), wish, by="ann")

    company.deliver()
    company.deliver()

    assert {state: count for state, count in company.states().items() if state != "cancelled"} == {
        "posted": 5
    }
    assert {number: left for number, (left, _) in cashier.open().items()} == {
        first: 0,
        "US-CN-000001": 0,
        "US-INV-000002": 3_000,
    }
    assert still_open(company) == {
        first: Money(0, "USD"),
        "US-CN-000001": Money(0, "USD"),
        "US-INV-000002": Money(3_000, "USD"),
    }


def test_a_credit_note_is_set_against_its_invoice_once_the_payment_of_it_is_undone_unsent(
    company: Company, cashier: Cashier
) -> None:
    [first] = cashier.bill("1")
    cashier.line("line-1", 10_000, text=first)
    cashier.settle()
    with company.office.pipeline.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE posting.intents SET retry_at = clock_timestamp() + interval '1 hour' "
            "WHERE subject = 'payment'"
        )
    corrected(company, "1", "180.00")
    company.deliver()
    assert company.states() == {"posted": 3, "pending": 1, "cancelled": 1}

    undo(company.office.pipeline, cashier.number("line-1"), by="ann", reason="another company's")
    company.deliver()

    assert company.states() == {"posted": 4, "cancelled": 2}
    assert still_open(company) == {
        first: Money(0, "USD"),
        "US-CN-000001": Money(0, "USD"),
        "US-INV-000002": Money(18_000, "USD"),
    }
