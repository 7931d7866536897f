"""What the own ledger books reaches the accounting system, once, whatever happens on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, cast

import psycopg
import pytest

from integration_pipeline.accounting.target import AccountingTarget
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.pipeline.post import enlist
from integration_pipeline.posting.calls import Bell
from integration_pipeline.posting.delivery import Delivery, deliver
from integration_pipeline.posting.poster import Poster
from integration_pipeline.posting.reconcile import reconcile
from integration_pipeline.posting.standing import posting_problems, stuck
from integration_pipeline.posting.sweep import sweep
from integration_pipeline.posting.writer import open_session, writing
from integration_pipeline.transport.limits import Window
from integration_pipeline.transport.rate_limit import RateLimiter
from integration_pipeline_tests.posting.conftest import REALM, Company, QuickBooks, Xero


def test_booked_documents_are_there_under_their_numbers(company: Company) -> None:
    company.portal.deal("1")
    company.portal.subscription("2")
    company.sync()

    report = company.deliver()

    assert company.vendor.documents() == company.booked() == {("invoice", "USD"): (7, Decimal("1800.00"))}
    assert company.states() == {"posted": 7}
    assert report.counts[f"{company.target.name} invoices_posted"] == 7
    assert company.findings() == []


def test_nothing_is_sent_a_second_time(company: Company) -> None:
    company.portal.deal("1")
    company.sync()
    company.deliver()
    before = company.vendor.documents()

    report = company.deliver()

    assert company.vendor.documents() == before
    assert not report.counts


def test_only_documents_of_the_entity_and_since_the_day_go_there(company: Company) -> None:
    company.portal.deal("1", closedate="2025-12-31T12:00:00Z")
    company.portal.deal("2", billing_entity="eu", deal_currency_code="EUR")
    company.portal.deal("3")
    company.sync()

    company.deliver()

    assert company.vendor.documents() == {("invoice", "USD"): (1, Decimal("1200.00"))}


def test_a_target_added_later_gets_what_was_booked_before(company: Company) -> None:
    company.portal.deal("1")
    company.sync()
    company.portal.change(ObjectType.DEAL, "1", amount="900.00")
    company.sync()
    company.office.execute("DELETE FROM posting.intents WHERE target <> 'ledger'")
    pipeline = company.office.pipeline

    # Two invoices, a credit note, and that set against the first.
    with pipeline.engine.begin() as connection:
        assert enlist(connection, pipeline.targets) == 4
        assert enlist(connection, pipeline.targets) == 0

    company.deliver()
    assert company.states() == {"posted": 4}


def test_a_correction_is_a_credit_note_set_against_its_invoice_and_a_new_invoice(company: Company) -> None:
    company.portal.deal("1")
    company.sync()
    company.deliver()

    company.portal.change(ObjectType.DEAL, "1", amount="900.00")
    company.sync()
    company.deliver()

    assert company.vendor.documents() == {
        ("invoice", "USD"): (2, Decimal("2100.00")),
        ("credit_note", "USD"): (1, Decimal("1200.00")),
    }
    assert company.states() == {"posted": 4}
    assert applied_to_the_first_invoice(company) == "0.00"


def applied_to_the_first_invoice(company: Company) -> str:
    """What is still open there of the invoice that was corrected."""
    session = open_session(company.office.pipeline.database_url, "test")
    with session:
        [row] = session.execute(
            "SELECT remote_id FROM posting.intents WHERE target = %s ORDER BY id LIMIT 1",
            [company.target.name],
        ).fetchall()
    for page in company.target.documents(date(2026, 1, 1), date(2026, 12, 31)):
        for record in page:
            if record.remote_id == row.remote_id and record.balance is not None:
                return f"{record.balance.to_decimal():f}"
    return "not found"


@pytest.mark.parametrize(
    "fault",
    [{"kind": "drop_after"}, {"kind": "drop_before"}, {"kind": "truncate"}, {"kind": "error", "status": 503}],
)
def test_a_lost_answer_leaves_one_document_an_intent(company: Company, fault: dict[str, Any]) -> None:
    company.close_deals(5)
    company.sync()
    company.vendor.sandbox.admin(
        "PUT",
        "/faults",
        {
            "rules": [
                {"name": "lost", "path": company.vendor.posting_path, "nth": [1, 3, 5], "fault": fault},
            ]
        },
    )

    company.deliver()

    assert company.vendor.documents() == company.booked()
    assert company.states() == {"posted": 5}


def test_a_writer_that_is_lost_after_the_vendor_accepted_leaves_one_document(company: Company) -> None:
    company.portal.deal("1")
    company.sync()
    pipeline = company.office.pipeline
    session = open_session(pipeline.database_url, "doomed")
    with writing(session, company.target.name) as writer:
        assert writer is not None
        session.execute("SELECT 1")
        session.commit()
        # The answer arrives when the session that could store it is gone, as after kill -9.
        send = company.target.send

        def send_and_lose(batch: Any) -> Any:
            outcomes = send(batch)
            pipeline_ended(company, session.info.backend_pid)
            return outcomes

        losing = cast("AccountingTarget", Sending(company.target, send_and_lose))
        with Bell() as bell, Poster(writer, losing, bell) as poster:
            # The first round gets to know the customer, the second posts.
            poster.round()
            with pytest.raises(psycopg.OperationalError):
                poster.round()

    company.deliver()

    assert company.vendor.documents() == {("invoice", "USD"): (1, Decimal("1200.00"))}
    assert company.states() == {"posted": 1}
    attempts = company.office.rows(
        "SELECT attempt.outcome FROM posting.attempts AS attempt"
        " INNER JOIN posting.intents AS intent ON intent.id = attempt.intent_id"
        " WHERE intent.target <> 'ledger' ORDER BY number"
    )
    assert [row["outcome"] for row in attempts] == ["lost"]


class Sending:
    """A connector that sends in a way of its own; all else is the real one's."""

    def __init__(self, target: Any, send: Any, *, largest_batch: int | None = None) -> None:
        self._target = target
        self.send = send
        self.largest_batch = largest_batch or target.largest_batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


def pipeline_ended(company: Company, backend: int) -> None:
    company.office.execute("SELECT pg_terminate_backend(:backend, 5000)", backend=backend)


class EventfulClock:
    """Time passes only by waiting in it, and something happens meanwhile."""

    def __init__(self) -> None:
        self.time = 0.0
        self.meanwhile: Callable[[], None] = lambda: None

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.meanwhile()
        self.time += seconds


def several_rounds(poster: Poster) -> None:
    for _ in range(3):
        poster.round()


@pytest.mark.parametrize(
    ("under_way", "left"),
    [
        ("crm.customer_accounts WHERE attempted_at IS NOT NULL", ("pending", 0)),
        ("posting.attempts WHERE outcome IS NULL", ("claimed", 1)),
    ],
    ids=["customer", "document"],
)
def test_a_call_that_waits_for_its_slot_never_goes_out_if_its_session_ends_meanwhile(
    company: Company, under_way: str, left: tuple[str, int]
) -> None:
    company.portal.deal("1")
    company.sync()
    company.office.execute("DELETE FROM posting.attempts")
    clock = EventfulClock()
    target = company.vendor.target(RateLimiter((Window(1, 1.0),), clock))
    session = open_session(company.office.pipeline.database_url, "doomed")

    def end_the_session() -> None:
        if company.office.rows(f"SELECT 1 FROM {under_way}"):  # noqa: S608 - this test's own words
            pipeline_ended(company, session.info.backend_pid)

    clock.meanwhile = end_the_session
    with writing(session, target.name) as writer:
        assert writer is not None
        with Bell() as bell, Poster(writer, target, bell) as poster, pytest.raises(psycopg.OperationalError):
            several_rounds(poster)
    target.close()

    state, customers = left
    assert company.vendor.documents() == {}
    assert company.states() == {state: 1}
    there = [each for page in company.target.customers(None) for each in page if each.reference]
    assert len(there) == customers


@pytest.mark.parametrize("running", [QuickBooks], indirect=True)
def test_a_lost_answer_is_looked_up_where_the_vendor_would_take_it_twice(company: Company) -> None:
    company.close_deals(2)
    company.sync()
    # It keeps no answers for repetitions, and lets numbers be used again.
    company.vendor.sandbox.admin("PUT", f"/companies/{REALM}", {"refuse_duplicate_numbers": False})
    company.vendor.sandbox.admin("PUT", "/lifetimes", {"request_id": 0})
    path = f"/v3/company/{REALM}/batch"
    lost = {"name": "lost", "path": path, "nth": [1], "fault": {"kind": "drop_after"}}
    company.vendor.sandbox.admin("PUT", "/faults", {"rules": [lost]})

    company.deliver()

    company.vendor.sandbox.admin("DELETE", "/faults")
    company.vendor.sandbox.admin("PUT", "/lifetimes", {})
    assert company.vendor.documents() == company.booked()
    assert company.states() == {"posted": 2}


@pytest.mark.parametrize("running", [Xero], indirect=True)
def test_a_slow_call_holds_up_no_other(company: Company) -> None:
    company.close_deals(8)
    company.sync()
    others = threading.Semaphore(0)
    first = threading.Lock()
    answered_first: list[bool] = []

    def send(batch: Any) -> Any:
        if not first.acquire(blocking=False):
            others.release()
        else:
            answered_first.append(all(others.acquire(timeout=20) for _ in range(7)))
        return company.target.send(batch)

    slow = cast("AccountingTarget", Sending(company.target, send, largest_batch=1))
    deliver(company.office.pipeline, [slow])

    assert answered_first == [True]
    assert company.states() == {"posted": 8}


def test_a_target_has_one_writer_and_another_takes_over(company: Company) -> None:
    url = company.office.pipeline.database_url
    with open_session(url, "first") as first, open_session(url, "second") as second:
        with writing(first, company.target.name) as one:
            assert one is not None
            with writing(second, company.target.name) as other:
                assert other is None
        with writing(second, company.target.name) as other:
            assert other is not None
            assert other.fencing_token > one.fencing_token


def test_two_processes_at_once_post_each_document_once(company: Company) -> None:
    company.close_deals(20)
    company.sync()
    stop = threading.Event()
    url = company.office.pipeline.database_url
    posters = [threading.Thread(target=Delivery(company.target, url).run, args=(stop,)) for _ in range(3)]
    for poster in posters:
        poster.start()
    try:
        company.deliver()
    finally:
        stop.set()
        for poster in posters:
            poster.join()

    assert company.vendor.documents() == company.booked()
    assert company.states() == {"posted": 20}


def test_what_a_person_changed_there_becomes_a_finding_and_is_closed_when_it_is_undone(
    company: Company,
) -> None:
    company.close_deals(2)
    company.sync()
    company.deliver()
    session = open_session(company.office.pipeline.database_url, "sweep")
    with session:
        sweep(session, company.target)
        assert company.findings() == []
        [first, _] = session.execute(
            "SELECT remote_id FROM posting.intents WHERE target = %s ORDER BY id", [company.target.name]
        ).fetchall()

        company.vendor.edit(first.remote_id, void=True)
        sweep(session, company.target)

        assert [kind for kind, _ in company.findings()] == ["voided"]
        reconciliation = reconcile(session, company.target)
        assert reconciliation.findings == {"voided": 1}
        assert (reconciliation.documents_here, reconciliation.documents_there) == (2, 1)


def test_both_sides_agree_after_posting(company: Company) -> None:
    company.portal.deal("1")
    company.portal.subscription("2")
    company.sync()
    company.deliver()

    with open_session(company.office.pipeline.database_url, "reconcile") as session:
        result = reconcile(session, company.target)

    assert result.agrees
    assert result.totals_there == {"USD": 180_000}
    with company.office.pipeline.engine.connect() as connection:
        assert posting_problems(connection) == []


def test_a_customer_who_may_be_there_already_waits_for_a_person(company: Company) -> None:
    there = company.vendor.seed_customer("Company Seven Incorporated")
    company.portal.company("7", name="Company Seven Inc")
    company.portal.deal("1")
    company.portal.deal("2", company="8")
    company.sync()

    company.deliver()

    assert company.states() == {"posted": 1, "waiting": 1}
    with company.office.pipeline.engine.connect() as connection:
        [row] = stuck(connection)
    assert "Company Seven Incorporated" in row["last_error"]
    assert there


def test_a_customer_with_our_address_is_linked_and_not_created(company: Company) -> None:
    there = company.vendor.seed_customer("Old Name Ltd", email="bills@seven.example")
    company.portal.company("7", name="Company Seven", billing_email="bills@seven.example")
    company.portal.deal("1")
    company.sync()

    company.deliver()

    assert company.states() == {"posted": 1}
    [row] = company.office.rows("SELECT * FROM crm.customer_accounts")
    assert (row["remote_id"], row["rule"], row["state"]) == (there, "same_email", "linked")


def test_a_refused_document_is_told_and_holds_up_no_other(company: Company) -> None:
    company.portal.deal("1", purchase_order_number="X")
    company.portal.deal("2", deal_currency_code="JPY", amount="1200")
    company.sync()

    company.deliver()

    states = company.states()
    assert states.get("posted") == 1
    with company.office.pipeline.engine.connect() as connection:
        [row] = stuck(connection)
    assert row["state"] in ("rejected", "waiting")
    assert row["last_error"]


def test_a_target_that_wants_to_be_left_alone_gets_everything_later(company: Company) -> None:
    company.portal.deal("1")
    company.sync()
    company.vendor.sandbox.admin(
        "PUT",
        "/faults",
        {"rules": [{"name": "busy", "times": 1, "fault": {"kind": "throttle", "retry_after": 2}}]},
    )

    deliver(company.office.pipeline, [company.target], longest_pause=1.0)

    [writer] = company.office.rows("SELECT * FROM posting.writers")
    assert "429" in writer["paused_for"]
    assert company.states() == {"pending": 1}
    company.office.execute("UPDATE posting.writers SET paused_until = NULL")
    company.office.execute("UPDATE posting.intents SET retry_at = NULL")
    company.deliver()
    assert company.vendor.documents() == company.booked()
    assert company.states() == {"posted": 1}
