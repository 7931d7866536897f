"""What was done at the accounting system by hand, and what is sent once more because it is gone there."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from integration_pipeline.pipeline.payments_by_hand import undo
from integration_pipeline.posting import intents_by_hand
from integration_pipeline.posting.decisions import NotPossible
from integration_pipeline.posting.reconcile import reconcile
from integration_pipeline.posting.standing import stuck
from integration_pipeline.posting.writer import Session, open_session
from integration_pipeline_tests.pipeline.cashier import Cashier
from integration_pipeline_tests.pipeline.portal import DEAL
from integration_pipeline_tests.posting.conftest import Company, at_one_vendor
from integration_pipeline_tests.posting.test_reconcile import remote_id, some_time_later

ONE = {("invoice", "USD"): (1, Decimal("100.00"))}


@pytest.fixture
def session(company: Company) -> Iterator[Session]:
    with open_session(company.office.pipeline.database_url, "compare") as opened:
        yield opened


@pytest.fixture
def cashier(company: Company) -> Cashier:
    return Cashier(company.office)


def billed(company: Company, cashier: Cashier) -> str:
    """A posted invoice of 100.00; its number."""
    [number] = cashier.bill("1")
    company.deliver()
    return number


def pay(cashier: Cashier, number: str) -> None:
    cashier.line("line-1", 10_000, text=number)
    cashier.settle()


def intent(company: Company, subject: str) -> int:
    return company.office.value(
        "SELECT max(id) FROM posting.intents WHERE target <> 'ledger' AND subject = :subject", subject=subject
    )


def resend(company: Company, subject: str) -> None:
    with company.office.pipeline.engine.begin() as connection:
        intents_by_hand.resend(connection, intent(company, subject), by="ann", reason="deleted by mistake")


def settled(company: Company, subject: str, there: str | None) -> int:
    """Said to be settled by hand; how many others wait for a person with it."""
    with company.office.pipeline.engine.begin() as connection:
        row = intents_by_hand.settled(
            connection, intent(company, subject), remote_id=there, by="ann", reason="entered it there"
        )
    return row["waiting"]


def refuse(company: Company, subject: str) -> None:
    """As after a refusal by the vendor."""
    company.office.execute(
        "UPDATE posting.intents SET state = 'rejected', last_error = 'no', remote_id = NULL WHERE id = :id",
        id=intent(company, subject),
    )


def test_an_invoice_that_is_gone_there_is_sent_anew_under_another_key(
    company: Company, cashier: Cashier, session: Session
) -> None:
    billed(company, cashier)
    [before] = company.office.rows("SELECT * FROM posting.intents WHERE target <> 'ledger'")
    company.vendor.remove(before["remote_id"])
    reconcile(session, company.target)

    resend(company, "document")
    company.deliver()

    [after] = company.office.rows("SELECT * FROM posting.intents WHERE target <> 'ledger'")
    assert company.vendor.documents() == ONE
    assert after["state"] == "posted"
    assert after["given_up"] == [before["remote_id"]]
    assert after["remote_id"] != before["remote_id"]
    assert after["intent_key"] != before["intent_key"]
    [first, _] = company.office.rows(
        "SELECT detail FROM posting.attempts WHERE intent_id = :id ORDER BY number", id=after["id"]
    )
    assert before["remote_id"] in first["detail"]
    assert reconcile(session, company.target).agrees
    assert company.findings() == []


def test_a_payment_that_is_gone_there_is_sent_anew(
    company: Company, cashier: Cashier, session: Session
) -> None:
    pay(cashier, billed(company, cashier))
    company.deliver()
    company.vendor.remove_payment(remote_id(company, "payment"))
    reconcile(session, company.target)

    resend(company, "payment")
    company.deliver()

    some_time_later(company)
    assert company.states() == {"posted": 2}
    assert reconcile(session, company.target).agrees


@at_one_vendor
def test_what_is_back_there_when_it_shall_be_sent_anew_is_not_doubled(
    company: Company, cashier: Cashier, session: Session
) -> None:
    billed(company, cashier)
    # As if a reading had missed it.
    company.office.execute(
        "INSERT INTO posting.findings (target, kind, record, intent_id, said, next_step, evidence) "
        "SELECT target, 'missing', remote_id, id, '', '', '{}' FROM posting.intents WHERE target <> 'ledger'"
    )

    resend(company, "document")
    company.deliver()

    assert company.vendor.documents() == ONE
    assert company.states() == {"posted": 1}


@at_one_vendor
def test_what_is_posted_and_not_known_to_be_gone_is_not_sent_again(
    company: Company, cashier: Cashier
) -> None:
    billed(company, cashier)

    with pytest.raises(NotPossible, match="no open finding says that it is gone there"):
        resend(company, "document")
    with pytest.raises(NotPossible, match="is posted: only what is rejected, waiting or frozen"):
        settled(company, "document", None)


@at_one_vendor
def test_what_a_person_entered_there_is_no_stranger_and_is_paid_there(
    company: Company, cashier: Cashier, session: Session
) -> None:
    number = billed(company, cashier)
    there = remote_id(company, "document")
    refuse(company, "document")
    assert reconcile(session, company.target).findings == {"unknown": 1}

    settled(company, "document", there)

    assert company.findings() == []
    assert reconcile(session, company.target).agrees
    with company.office.pipeline.engine.connect() as connection:
        assert stuck(connection) == []
        [row] = stuck(connection, None, ["settled"])
    assert (row["remote_id"], row["last_error"]) == (there, "settled by hand by ann: entered it there")
    [entry] = company.office.rows("SELECT * FROM ops.audit_log WHERE action = 'posting.settled'")
    assert (entry["actor"], entry["details"]["said"]) == ("ann", "no")
    pay(cashier, number)
    company.deliver()
    assert company.states() == {"settled": 1, "posted": 1}


@at_one_vendor
def test_a_payment_of_what_has_no_record_there_waits_for_a_person(company: Company, cashier: Cashier) -> None:
    number = billed(company, cashier)
    refuse(company, "document")
    pay(cashier, number)

    assert settled(company, "document", None) == 1

    with company.office.pipeline.engine.connect() as connection:
        [row] = stuck(connection)
    assert (row["state"], row["subject"]) == ("waiting", "payment")
    assert f"it pays {number}" in row["last_error"]
    assert "`targets settled`" in row["last_error"]
    with pytest.raises(NotPossible, match=f"it pays {number}"):
        resend(company, "payment")


@at_one_vendor
def test_a_credit_note_of_what_has_no_record_there_is_set_against_it_by_a_person(
    company: Company, cashier: Cashier
) -> None:
    number = billed(company, cashier)
    refuse(company, "document")
    settled(company, "document", None)

    company.portal.change(DEAL, "1", amount="90.00")
    company.sync()

    with company.office.pipeline.engine.connect() as connection:
        [row] = stuck(connection)
    assert (row["subject"], row["state"]) == ("application", "waiting")
    assert f"nothing is known there of {number}" in row["last_error"]


@at_one_vendor
def test_a_payment_that_a_person_took_back_there_may_be_gone_there(
    company: Company, cashier: Cashier, session: Session
) -> None:
    pay(cashier, billed(company, cashier))
    company.deliver()
    there = remote_id(company, "payment")
    undo(company.office.pipeline, cashier.number("line-1"), by="ann", reason="another company's")
    refuse(company, "payment")
    company.vendor.remove_payment(there)

    settled(company, "payment", None)

    some_time_later(company)
    assert reconcile(session, company.target).agrees
    assert company.findings() == []
