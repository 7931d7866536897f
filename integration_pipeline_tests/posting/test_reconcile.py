"""What people change at the accounting system is found, and told in words that lead on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from integration_pipeline.accounting.target import RemoteRecord, RemoteState, Subject
from integration_pipeline.billing.money import Money
from integration_pipeline.posting.comparing import AppliedTo, Expected, differences
from integration_pipeline.posting.reconcile import reconcile
from integration_pipeline.posting.sweep import sweep
from integration_pipeline.posting.writer import Session, open_session
from integration_pipeline_tests.pipeline.cashier import Cashier
from integration_pipeline_tests.posting.conftest import Company, at_one_vendor


@pytest.fixture
def session(company: Company) -> Iterator[Session]:
    with open_session(company.office.pipeline.database_url, "compare") as opened:
        yield opened


@pytest.fixture
def paid(company: Company) -> str:
    """An invoice of 100.00 and a payment of it, both there; the payment's id there."""
    cashier = Cashier(company.office)
    [number] = cashier.bill("1")
    cashier.line("line-1", 10_000, text=number)
    cashier.settle()
    company.deliver()
    return remote_id(company, "payment")


def remote_id(company: Company, subject: str) -> str:
    return company.office.value(
        "SELECT remote_id FROM posting.intents WHERE target <> 'ledger' AND subject = :subject",
        subject=subject,
    )


def some_time_later(company: Company) -> None:
    """Nothing that we do moves what is open there any more."""
    company.office.execute("UPDATE posting.intents SET updated_at = updated_at - interval '1 hour'")


def test_payments_that_are_there_as_they_were_posted_agree(
    company: Company, session: Session, paid: str
) -> None:
    some_time_later(company)

    assert sweep(session, company.target)["ours"] >= 2
    result = reconcile(session, company.target)

    assert company.findings() == []
    assert (result.payments_here, result.payments_there) == (1, 1)
    assert result.agrees


def test_a_payment_that_somebody_deleted_there_is_found_at_once_and_every_night(
    company: Company, session: Session, paid: str
) -> None:
    sweep(session, company.target)
    company.vendor.remove_payment(paid)

    sweep(session, company.target)

    assert [kind for kind, _ in company.findings()] == ["deleted"]
    company.office.execute("DELETE FROM posting.findings")
    assert sum(reconcile(session, company.target).findings.values()) == 1
    [finding] = company.office.rows("SELECT * FROM posting.findings")
    assert finding["kind"] in ("deleted", "missing")
    assert "`payments undo`" in finding["next_step"]


def test_a_payment_that_somebody_entered_there_is_found_in_what_is_open_of_the_invoice(
    company: Company, session: Session
) -> None:
    company.portal.deal("1")
    company.sync()
    company.deliver()
    account = company.office.value("SELECT remote_id FROM crm.customer_accounts")
    company.vendor.pay(account, remote_id(company, "document"), "200.00")

    sweep(session, company.target)

    [(kind, said)] = company.findings()
    assert kind == "balance_differs"
    assert "open balance is 1,000.00 USD there and 1,200.00 USD here" in said
    assert reconcile(session, company.target).findings == {"balance_differs": 1}


@at_one_vendor
def test_an_open_balance_found_to_differ_is_not_settled_while_it_cannot_be_compared(
    company: Company, session: Session, paid: str
) -> None:
    company.vendor.remove_payment(paid)
    some_time_later(company)
    reconcile(session, company.target)
    company.office.execute("UPDATE posting.intents SET updated_at = clock_timestamp()")

    reconcile(session, company.target)

    assert "balance_differs" in [kind for kind, _ in company.findings()]


@at_one_vendor
def test_an_invoice_that_was_given_another_day_is_not_missing(company: Company, session: Session) -> None:
    company.portal.deal("1")
    company.sync()
    company.deliver()
    company.vendor.date(remote_id(company, "document"), date(2026, 1, 2))

    result = reconcile(session, company.target)

    assert result.findings == {"changed": 1}
    assert result.documents_there == 1


def payment(**changed: object) -> RemoteRecord:
    facts: dict[str, object] = {
        "subject": Subject.PAYMENT,
        "kind": None,
        "remote_id": "7",
        "version": "1",
        "number": None,
        "reference": "PABCDEFGHIJ",
        "customer_id": "58",
        "total": Money(10_000, "USD"),
        "tax": None,
        "balance": None,
        "issued_on": date(2026, 6, 20),
        "state": RemoteState.OPEN,
        "modified_at": datetime(2026, 6, 20, tzinfo=UTC),
        "body_hash": "",
        "applied": {"145": Money(10_000, "USD")},
    }
    return RemoteRecord(**(facts | changed))  # pyright: ignore[reportArgumentType] - checked by its use


@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        ({}, None, ""),
        ({"total": Money(9_000, "USD")}, "total_differs", "total is 90.00 USD there"),
        ({"customer_id": "59"}, "changed", "customer is 59 there"),
        (
            {"applied": {"146": Money(10_000, "USD")}},
            "changed",
            "what it is set against is 146 with 100.00 USD there and US-INV-000001 with 100.00 USD here",
        ),
        ({"applied": {}}, "changed", "is nothing there"),
    ],
)
def test_a_payment_is_compared_by_amount_customer_and_what_it_pays(
    changed: dict[str, object], kind: str | None, said: str
) -> None:
    expected = Expected(
        intent_id=1,
        subject=Subject.PAYMENT,
        reference="PABCDEFGHIJ",
        number=None,
        kind=None,
        customer_id="58",
        total=Money(10_000, "USD"),
        tax=None,
        issued_on=date(2026, 6, 20),
        applied={"145": AppliedTo("US-INV-000001", Money(10_000, "USD"))},
    )

    found = differences(expected, payment(**changed))

    assert [each.kind for each in found] == ([kind] if kind else [])
    assert said in "; ".join(map(str, found))
