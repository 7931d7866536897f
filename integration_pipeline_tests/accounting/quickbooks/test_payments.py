"""Credit notes set against invoices, money received, money given back, and fees."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.quickbooks.target import QuickBooksTarget
from integration_pipeline.accounting.target import (
    Accepted,
    Outgoing,
    Refused,
    RemoteRecord,
    RemoteState,
    Subject,
    Unsure,
)
from integration_pipeline.billing.money import Money
from integration_pipeline_tests.accounting.quickbooks.conftest import Books
from integration_pipeline_tests.accounting.quickbooks.outgoing import (
    application,
    document,
    line,
    payment,
    taken_back,
)

RECEIVABLES, CHECKING, BANK_CHARGES = "2", "4", "6"
ACCOUNTS = {
    "deposit_accounts": {"stripe": CHECKING},
    "fee_account": BANK_CHARGES,
    "receivable_account": RECEIVABLES,
}


def accepted(target: QuickBooksTarget, item: Outgoing) -> RemoteRecord:
    [outcome] = target.send([item])
    assert isinstance(outcome, Accepted), outcome
    return outcome.record


def balance(target: QuickBooksTarget, item: Outgoing) -> Money | None:
    [[found]] = target.find([item])
    return found.balance


def test_a_credit_note_is_set_against_the_invoice_it_reverses(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    invoice = document("INV-1", known)
    credit = document("CN-1", known, line(4_000), kind=DocumentKind.CREDIT_NOTE, reverses="INV-1")
    ids = [accepted(target, each).remote_id for each in (invoice, credit)]

    with books.requests() as requests:
        record = accepted(target, application(credit, ids[1], ids[0], 4_000))

    assert requests[0].json["TotalAmt"] == 0
    assert (record.subject, record.total) == (Subject.APPLICATION, Money(4_000, "USD"))
    assert record.reference == f"A{credit.reference}"
    assert balance(target, invoice) == Money(6_000, "USD")
    assert balance(target, credit) == Money(0, "USD")


def test_an_application_sent_again_is_there_once_and_is_found(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    invoice, credit = document("INV-1", known), document("CN-1", known, kind=DocumentKind.CREDIT_NOTE)
    ids = [accepted(target, each).remote_id for each in (invoice, credit)]
    item = application(credit, ids[1], ids[0], 3_000)

    first, second = accepted(target, item), accepted(target, item)

    assert first == second
    assert target.find([item]) == [[first]]
    assert balance(target, invoice) == Money(7_000, "USD")


def test_a_payment_pays_its_invoices_and_leaves_the_rest_with_the_customer(books: Books) -> None:
    target = books.target(**ACCOUNTS)
    known = books.customer(target)
    one, other = document("INV-1", known), document("INV-2", known)
    ids = [accepted(target, each).remote_id for each in (one, other)]

    with books.requests() as requests:
        record = accepted(target, payment("p", known, 17_000, (ids[0], 10_000), (ids[1], 5_000)))

    assert (record.subject, record.total) == (Subject.PAYMENT, Money(17_000, "USD"))
    assert record.customer_id == known
    assert (balance(target, one), balance(target, other)) == (Money(0, "USD"), Money(5_000, "USD"))
    [request] = requests
    assert request.json["DepositToAccountRef"] == {"value": CHECKING}
    assert request.json["PaymentRefNum"] == record.reference


def test_a_paid_invoice_is_told_as_paid(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    invoice = document("INV-1", known)
    accepted(target, payment("p", known, 10_000, (accepted(target, invoice).remote_id, 10_000)))

    [[found]] = target.find([invoice])

    assert found.state is RemoteState.PAID


def test_several_payments_go_in_one_call(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    invoice = accepted(target, document("INV-1", known)).remote_id
    batch = [payment(name, known, 1_000, (invoice, 1_000)) for name in "abc"]

    with books.requests() as requests:
        outcomes = target.send(batch)

    assert [each.segment for each in requests] == ["batch"]
    assert [isinstance(each, Accepted) for each in outcomes] == [True] * 3
    assert balance(target, document("INV-1", known)) == Money(7_000, "USD")


def test_money_without_an_account_of_its_own_goes_to_undeposited_funds(books: Books) -> None:
    target = books.target()
    known = books.customer(target)

    with books.requests() as requests:
        accepted(target, payment("p", known, 1_000))

    assert "DepositToAccountRef" not in requests[0].json


def test_a_fee_is_booked_once_however_often_the_payment_is_sent(books: Books) -> None:
    target = books.target(**ACCOUNTS)
    known = books.customer(target)
    item = payment("p", known, 10_000, fee=320)

    accepted(target, item)
    accepted(target, item)

    assert books.totals("Payment") == (1, Decimal("100.00"))
    assert books.totals("Purchase") == (1, Decimal("3.20"))


def test_a_payment_whose_fee_is_unsure_waits_and_both_come_with_the_next_attempt(books: Books) -> None:
    target = books.target(**ACCOUNTS)
    known = books.customer(target)
    item = payment("p", known, 10_000, fee=320)
    books.fault("purchase", kind="drop_after")

    [unsure] = target.send([item])
    missing = target.find([item])
    accepted(target, item)

    assert isinstance(unsure, Unsure)
    assert "the fee of" in unsure.reason
    assert missing == [[]]
    assert books.totals("Payment") == (1, Decimal("100.00"))
    assert books.totals("Purchase") == (1, Decimal("3.20"))


def test_a_fee_that_is_refused_keeps_its_payment_back_and_no_other(books: Books) -> None:
    target = books.target(**{**ACCOUNTS, "fee_account": "777"})
    known = books.customer(target)

    refused, taken = target.send([payment("a", known, 10_000, fee=320), payment("b", known, 500)])

    assert isinstance(refused, Refused)
    assert "the fee of" in refused.reason
    assert isinstance(taken, Accepted)
    assert books.totals("Payment") == (1, Decimal("5.00"))


def test_without_an_account_for_them_fees_are_left_out(books: Books) -> None:
    target = books.target()
    known = books.customer(target)

    accepted(target, payment("p", known, 10_000, fee=320))

    assert books.totals("Purchase") == (0, Decimal(0))


def test_money_given_back_is_an_expense_to_the_customer_on_the_receivables_account(books: Books) -> None:
    target = books.target(**ACCOUNTS)
    known = books.customer(target)
    item = payment("back", known, -2_500)

    with books.requests() as requests:
        record = accepted(target, item)

    [request] = requests
    assert request.segment == "purchase"
    assert request.json["EntityRef"] == {"value": known, "type": "Customer"}
    detail = request.json["Line"][0]["AccountBasedExpenseLineDetail"]
    assert detail["AccountRef"] == {"value": RECEIVABLES}
    assert (record.subject, record.total, record.customer_id) == (
        Subject.PAYMENT,
        Money(2_500, "USD"),
        known,
    )
    assert target.find([item]) == [[record]]


def test_money_given_back_without_the_accounts_it_needs_is_refused_naming_them(books: Books) -> None:
    [first] = books.target().send([payment("a", "1", -100)])
    [second] = books.target(receivable_account=RECEIVABLES).send([payment("b", "1", -100, method="plaid")])

    assert isinstance(first, Refused)
    assert "set receivable_account of books" in first.reason
    assert isinstance(second, Refused)
    assert "set deposit_accounts.plaid of books" in second.reason


def test_a_payment_that_a_person_voided_is_found_as_voided(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    item = payment("p", known, 10_000)
    record = accepted(target, item)

    books.edit("Payment", record.remote_id, "void")

    [[found]] = target.find([item])
    assert (found.remote_id, found.state, found.reference) == (
        record.remote_id,
        RemoteState.VOIDED,
        item.reference,
    )


@pytest.mark.parametrize("minor", [10_000, -10_000], ids=["received", "given back"])
def test_what_was_taken_back_is_known_again_beside_what_it_takes_back(books: Books, minor: int) -> None:
    target = books.target(**ACCOUNTS)
    known = books.customer(target)
    invoice = accepted(target, document("INV-1", known)).remote_id
    first = payment("p", known, minor, (invoice, minor))
    if minor < 0:
        # Nobody had paid it.
        first = payment("p", known, minor)
    batch = [first, taken_back(first)]

    records = [accepted(target, each) for each in batch]

    assert [record.reference for record in records] == [each.reference for each in batch]
    assert [record.total for record in records] == [Money(10_000, "USD")] * 2
    assert target.find(batch) == [[record] for record in records]
    changed = {each.remote_id: each for page in target.changed_since(datetime.now(UTC)) for each in page}
    assert [changed[record.remote_id] for record in records] == records
    assert books.totals("Payment") == (1, Decimal("100.00"))
    assert books.totals("Purchase") == (1, Decimal("100.00"))
