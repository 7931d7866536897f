"""What is read back: look-ups of what is unsure, changes since a moment, everything of a period."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.quickbooks.answers import read_record
from integration_pipeline.accounting.quickbooks.target import QuickBooksTarget
from integration_pipeline.accounting.target import Accepted, RemoteRecord, RemoteState, Subject
from integration_pipeline.billing.money import Money
from integration_pipeline.transport.failures import Attempted, Malformed
from integration_pipeline.transport.shapes import Json
from integration_pipeline_tests.accounting.quickbooks.conftest import Books
from integration_pipeline_tests.accounting.quickbooks.outgoing import ISSUED, SEEDED, document, payment


def posted(target: QuickBooksTarget, known: str, *numbers: str) -> list[RemoteRecord]:
    outcomes = target.send([document(number, known) for number in numbers])
    return [each.record for each in outcomes if isinstance(each, Accepted)]


def changed(target: QuickBooksTarget, since: datetime) -> dict[str, RemoteRecord]:
    return {each.remote_id: each for page in target.changed_since(since) for each in page}


def test_a_look_up_answers_for_each_in_order(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    invoices = posted(target, known, "INV-1", "INV-2")
    credit = document("CN-1", known, kind=DocumentKind.CREDIT_NOTE)
    [taken] = target.send([credit])
    assert isinstance(taken, Accepted)

    found = target.find([credit, *(document(number, known) for number in ("INV-9", "INV-2", "INV-1"))])

    assert found == [[taken.record], [], [invoices[1]], [invoices[0]]]


def test_a_document_that_was_given_another_number_is_found_by_its_reference(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    [record] = posted(target, known, "INV-1")
    books.edit("Invoice", record.remote_id, DocNumber="2026-77")

    [[found]] = target.find([document("INV-1", known)])

    assert (found.remote_id, found.number) == (record.remote_id, "2026-77")


def test_all_documents_of_one_number_are_found_whoever_made_them(books: Books) -> None:
    books.prefer(refuse_duplicate_numbers=False)
    target = books.target()
    known = books.customer(target)
    [record] = posted(target, known, "INV-1")
    other = books.seed("Invoice", {"DocNumber": "INV-1", "CustomerRef": {"value": known}, "Line": [SEEDED]})

    [hits] = target.find([document("INV-1", known)])

    assert {hit.remote_id: hit.reference for hit in hits} == {record.remote_id: record.reference, other: None}


def test_a_voided_document_is_found_as_voided(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    [record] = posted(target, known, "INV-1")
    books.edit("Invoice", record.remote_id, "void")

    [[found]] = target.find([document("INV-1", known)])

    assert (found.remote_id, found.state, found.total) == (
        record.remote_id,
        RemoteState.VOIDED,
        Money(0, "USD"),
    )


def test_changes_are_edits_voids_and_deletions_of_documents_and_payments(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    edited, voided, deleted = posted(target, known, "INV-1", "INV-2", "INV-3")
    [paid] = target.send([payment("p", known, 500)])
    assert isinstance(paid, Accepted)
    books.edit("Invoice", edited.remote_id, Line=[SEEDED])
    books.edit("Invoice", voided.remote_id, "void")
    books.edit("Invoice", deleted.remote_id, "delete")

    found = changed(target, datetime.now(UTC))

    assert found[edited.remote_id].total == Money(100, "USD")
    assert found[edited.remote_id].version != edited.version
    assert found[voided.remote_id].state is RemoteState.VOIDED
    assert found[deleted.remote_id].state is RemoteState.DELETED
    assert found[deleted.remote_id].subject is Subject.DOCUMENT
    assert found[paid.record.remote_id] == paid.record


def test_expenses_that_are_no_refunds_of_ours_are_nobodys_change(books: Books) -> None:
    target = books.target()
    books.seed(
        "Purchase",
        {
            "PaymentType": "Cash",
            "AccountRef": {"value": "4"},
            "Line": [
                {
                    "Amount": 9,
                    "DetailType": "AccountBasedExpenseLineDetail",
                    "AccountBasedExpenseLineDetail": {"AccountRef": {"value": "6"}},
                }
            ],
        },
    )

    assert changed(target, datetime.now(UTC)) == {}


def test_further_back_than_changes_are_captured_they_are_asked_for(books: Books) -> None:
    target = books.target(page_size=2)
    known = books.customer(target)
    records = posted(target, known, *(f"INV-{each}" for each in range(5)))

    with books.requests() as requests:
        found = changed(target, datetime.now(UTC) - timedelta(days=60))

    assert found == {each.remote_id: each for each in records}
    assert {each.segment for each in requests} == {"query"}


def test_more_changes_than_are_captured_are_asked_for_and_deletions_are_kept(books: Books) -> None:
    known = books.customer(books.target())
    one = {"CustomerRef": {"value": known}, "Line": [SEEDED]}
    last = int(books.seed("Invoice", *([one] * 1_003)))
    books.edit("Invoice", str(last), "delete")
    target = books.target()

    found = changed(target, datetime.now(UTC))

    assert len(found) == 1_003
    assert found[str(last)].state is RemoteState.DELETED


def test_all_documents_of_a_period_come_once_whoever_made_them(books: Books) -> None:
    target = books.target(page_size=3)
    known = books.customer(target)
    mine = posted(target, known, *(f"INV-{each}" for each in range(8)))
    theirs = books.seed(
        "CreditMemo", {"CustomerRef": {"value": known}, "TxnDate": "2026-03-01", "Line": [SEEDED]}
    )
    books.seed("Invoice", {"CustomerRef": {"value": known}, "TxnDate": "2026-03-02", "Line": [SEEDED]})

    found = [each.remote_id for page in target.documents(ISSUED, ISSUED) for each in page]

    assert found == [*(each.remote_id for each in mine), theirs]


def test_a_document_deleted_between_two_pages_hides_no_other(books: Books) -> None:
    target = books.target(page_size=3)
    known = books.customer(target)
    records = posted(target, known, *(f"INV-{each}" for each in range(8)))

    pages = target.documents(ISSUED, ISSUED)
    found = [each.remote_id for each in next(pages)]
    for gone in (records[0], records[1]):
        books.edit("Invoice", gone.remote_id, "delete")
    found += [each.remote_id for page in pages for each in page]

    assert found == [each.remote_id for each in records]


def test_a_document_changed_between_two_pages_hides_no_other(books: Books) -> None:
    target = books.target(page_size=2)
    known = books.customer(target)
    records: list[RemoteRecord] = []
    for each in range(6):
        records += posted(target, known, f"INV-{each}")
        books.sandbox.admin("PUT", "/clock", {"advance_seconds": 2})

    pages = target.changed_since(datetime.now(UTC) - timedelta(days=60))
    found = [each.remote_id for each in next(pages)]
    books.edit("Invoice", records[0].remote_id, Line=[SEEDED])
    found += [each.remote_id for page in pages for each in page]

    assert sorted(set(found)) == sorted(each.remote_id for each in records)


def test_a_page_with_a_record_nobody_can_read_is_no_answer(books: Books) -> None:
    target = books.target()
    posted(target, books.customer(target), "INV-1")
    books.fault("query", kind="garbage", form="record")

    with pytest.raises(Malformed, match="an id belongs"):
        list(target.documents(ISSUED, date(2026, 12, 31)))


def test_an_amount_in_parts_of_a_cent_is_no_answer() -> None:
    asked = Attempted("quickbooks", "GET", "/query", is_write=False)
    answer = Json({"Id": "7", "TotalAmt": Decimal("1.005")}, asked)

    with pytest.raises(Malformed, match=r"TotalAmt = .* where an amount in whole minor units of USD"):
        read_record("Invoice", answer, "USD")
