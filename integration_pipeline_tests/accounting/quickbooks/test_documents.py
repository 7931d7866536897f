"""Invoices and credit notes as they arrive at QuickBooks."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.target import Accepted, Refused, RemoteState
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.billing.money import Money
from integration_pipeline_tests.accounting.quickbooks.conftest import Books
from integration_pipeline_tests.accounting.quickbooks.outgoing import customer, document, line


def test_an_invoice_for_a_known_customer_is_one_call_and_is_told_as_quickbooks_has_it(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    sent = document("INV-1", known, line(10_000), line(2_550))

    with books.requests() as requests:
        [outcome] = target.send([sent])

    assert [(each.method, each.segment) for each in requests] == [("POST", "invoice")]
    assert isinstance(outcome, Accepted)
    record = outcome.record
    assert (record.number, record.reference, record.customer_id) == ("INV-1", sent.reference, known)
    assert (record.total, record.tax, record.balance) == (
        Money(12_550, "USD"),
        Money(0, "USD"),
        Money(12_550, "USD"),
    )
    assert (record.kind, record.state, record.issued_on) == (
        DocumentKind.INVOICE,
        RemoteState.OPEN,
        sent.issue_date,
    )
    assert books.totals("Invoice") == (1, Decimal("125.50"))


def test_amounts_are_written_with_exactly_their_digits(books: Books) -> None:
    target = books.target()
    known = books.customer(target)

    with books.requests() as requests:
        target.send([document("INV-1", known, line(30, quantity="3", price="0.1"))])

    [request] = requests
    assert '"Amount":0.30,' in request.text
    assert '"Qty":3,"UnitPrice":0.1,' in request.text


@pytest.mark.parametrize(
    ("minor", "quantity", "price", "sent"),
    [
        (10_000, "3", "33.3333333", ("1", "100.00")),
        (10_000, "3", None, ("1", "100.00")),
        (9_999, "3", "33.33", ("3", "33.33")),
        (1, "100000", "0.0000001", ("100000", "0.0000001")),
        (1, "1000000", "0.00000001", ("1", "0.01")),
        (-500, "5", "-1", ("5", "-1")),
    ],
)
def test_quantity_and_price_are_told_only_where_they_multiply_to_the_amount(
    books: Books, minor: int, quantity: str, price: str | None, sent: tuple[str, str]
) -> None:
    target = books.target()
    known = books.customer(target)
    lines = (line(20_000), line(minor, quantity=quantity, price=price))

    with books.requests() as requests:
        [outcome] = target.send([document("INV-1", known, *lines)])

    assert isinstance(outcome, Accepted)
    detail = requests[0].json["Line"][1]["SalesItemLineDetail"]
    assert (detail["Qty"], detail["UnitPrice"]) == (Decimal(sent[0]), Decimal(sent[1]))


def test_a_credit_note_becomes_a_credit_memo_that_names_what_it_reverses(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    credit = document("CN-1", known, kind=DocumentKind.CREDIT_NOTE, reverses="INV-7")

    with books.requests() as requests:
        [outcome] = target.send([credit])

    assert isinstance(outcome, Accepted)
    assert outcome.record.kind is DocumentKind.CREDIT_NOTE
    assert outcome.record.balance == Money(10_000, "USD")
    assert requests[0].segment == "creditmemo"
    assert "reverses INV-7" in requests[0].json["PrivateNote"]
    assert "DueDate" not in requests[0].json


def test_the_note_says_whose_the_document_is_and_how_it_came_about(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    sent = document("INV-1", known, line(10_000, explanation="10 seats x 10.00"), purchase_order="PO 7")

    with books.requests() as requests:
        target.send([sent])

    assert requests[0].json["PrivateNote"] == (
        f"Ref {sent.reference}; deal hubspot:42; purchase order PO 7\n1. 10 seats x 10.00"
    )


def test_a_long_explanation_is_cut_to_what_a_note_holds(books: Books) -> None:
    target = books.target()
    known = books.customer(target)

    with books.requests() as requests:
        [outcome] = target.send([document("INV-1", known, line(10_000, explanation="x" * 9_000))])

    assert isinstance(outcome, Accepted)
    assert len(requests[0].json["PrivateNote"]) == 4_000


def test_deferred_revenue_has_an_item_of_its_own(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    lines = (line(100), line(200, revenue=RevenueTreatment.DEFERRED))

    with books.requests() as requests:
        target.send([document("INV-1", known, *lines)])

    items = [each["SalesItemLineDetail"]["ItemRef"]["value"] for each in requests[0].json["Line"]]
    assert items == ["1", books.deferred]


def test_a_foreign_currency_goes_to_a_customer_of_that_currency(books: Books) -> None:
    target = books.target()
    known = books.customer(target, currency="EUR")

    [outcome] = target.send([document("INV-1", known, line(12_345, currency="EUR"))])

    assert isinstance(outcome, Accepted)
    assert outcome.record.total == Money(12_345, "EUR")


def test_what_quickbooks_could_not_keep_is_refused_before_anything_is_sent(books: Books) -> None:
    target = books.target(items={"on_invoice": "1"})
    long = document("INV-2026-0000000000000001", "1")
    deferred = document("INV-1", "1", line(100, revenue=RevenueTreatment.DEFERRED))
    fine = document("INV-2", "1", line(1_005, currency="KWD"))
    empty = replace(document("INV-3", "1"), lines=())

    with books.requests() as requests:
        outcomes = [outcome for each in (long, deferred, fine, empty) for outcome in target.send([each])]

    assert requests == []
    assert all(isinstance(outcome, Refused) for outcome in outcomes)
    said = [outcome.reason for outcome in outcomes if isinstance(outcome, Refused)]
    assert "INV-2026-0000000000000001: its number has 25 characters and QuickBooks takes 21" in said[0]
    assert "set items.deferred of books in the targets file" in said[1]
    assert "1.005 KWD has more than the two decimals" in said[2]
    assert "INV-3: it has no lines" in said[3]


def test_a_name_with_quotes_and_other_letters_comes_through(books: Books) -> None:
    target = books.target()
    [created] = target.create_customers([customer(1, "O'Brien \\ Søn & Çelik “GmbH”")])

    [found] = target.find_customers([customer(1, "O'Brien \\ Søn & Çelik “GmbH”")])

    assert found == created
