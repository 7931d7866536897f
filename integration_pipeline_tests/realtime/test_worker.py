"""What the worker makes of announced changes, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import psycopg
import pytest

from integration_pipeline.crm.records import CrmRecord, ObjectType
from integration_pipeline.crm.webhooks import EVERY_RECORD
from integration_pipeline.inbox.claims import claim
from integration_pipeline.transport.failures import Malformed
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import COMPANY, CONTACT, DEAL, LINE_ITEM, Portal
from integration_pipeline_tests.realtime.conftest import Inbox, working
from integration_pipeline_tests.realtime.moody import CALL, TROUBLES, MoodyPortal


def test_an_announced_deal_is_in_the_books(office: Office, portal: Portal, inbox: Inbox) -> None:
    portal.deal("1")
    with working(inbox, portal):
        inbox.announce("1")
        inbox.wait_until_settled()
    assert [(number, total) for number, total, _ in office.posted()] == [("US-INV-000001", 120_000)]
    [event] = office.rows("SELECT * FROM inbox.events")
    [batch] = office.rows("SELECT * FROM inbox.batches")
    assert (event["state"], event["attempts"], event["batch_id"]) == ("done", 1, batch["id"])
    assert (batch["events"], batch["deals"], batch["months"]) == (1, 1, [date(2026, 3, 1)])
    posted = next(report for report in batch["reports"] if report["stage"] == "post")
    assert posted["money_minor"] == {"invoiced": {"USD": 120_000}}
    assert len(batch["latencies_ms"]) == 1


def test_what_was_announced_before_the_worker_came_is_not_forgotten(
    office: Office, portal: Portal, inbox: Inbox
) -> None:
    for number in range(1, 8):
        portal.deal(str(number), dealname=f"Deal {number}")
        inbox.announce(str(number))
    with working(inbox, portal):
        inbox.wait_until_settled()
    assert len(office.posted()) == 7


def test_many_events_of_one_deal_are_settled_by_one_look(
    office: Office, portal: Portal, inbox: Inbox
) -> None:
    portal.deal("1")
    inbox.announce(*["1"] * 20)
    with working(inbox, portal):
        inbox.wait_until_settled()
    assert [ids for kind, ids in portal.fetched if kind is DEAL] == [("1",)]
    assert len(office.posted()) == 1
    assert inbox.states() == {"done": 20}


def test_a_change_is_credited_and_invoiced_anew(office: Office, portal: Portal, inbox: Inbox) -> None:
    portal.deal("1")
    with working(inbox, portal):
        inbox.announce("1")
        inbox.wait_until_settled()
        portal.change(DEAL, "1", amount="1500.00")
        inbox.announce("1")
        inbox.wait_until_settled()
    assert sorted(total for _, total, _ in office.posted()) == [120_000, 120_000, 150_000]


def test_a_line_item_brings_its_deal_to_the_books(office: Office, portal: Portal, inbox: Inbox) -> None:
    portal.deal("1", amount=None)
    with working(inbox, portal):
        inbox.announce("1")
        inbox.wait_until_settled()
        assert office.posted() == []
        # A deal that gets a line item does not count as modified.
        portal.line_item("11", "1")
        inbox.announce("11", kind=LINE_ITEM)
        inbox.wait_until_settled()
    assert [total for _, total, _ in office.posted()] == [10_000]


def test_a_company_that_comes_late_frees_its_deals(office: Office, portal: Portal, inbox: Inbox) -> None:
    portal.deal("1", None, contacts=[portal.contact("31", email="ann@acme.test")])
    with working(inbox, portal):
        inbox.announce("1")
        inbox.wait_until_settled()
        assert office.quarantined() == [("1", "deal_has_a_company")]
        portal.company("7", domain="acme.test")
        portal.link(CONTACT, "31", COMPANY, "7")
        inbox.announce("31", kind=CONTACT)
        inbox.wait_until_settled()
    assert len(office.posted()) == 1
    assert office.quarantined() == []


def test_an_event_of_every_record_brings_whatever_changed_to_the_books(
    office: Office, portal: Portal, inbox: Inbox
) -> None:
    portal.deal("1", None, contacts=[portal.contact("31", email="ann@acme.test")])
    portal.deal("2", dealname="Another deal")
    with working(inbox, portal):
        inbox.announce(EVERY_RECORD)
        inbox.wait_until_settled()
        assert office.quarantined() == [("1", "deal_has_a_company")]
        assert len(office.posted()) == 1
        # Of the deal that waits nothing changes: it is found by its contact.
        portal.company("7", domain="acme.test")
        portal.link(CONTACT, "31", COMPANY, "7")
        inbox.announce(EVERY_RECORD, kind=CONTACT)
        inbox.wait_until_settled()
    assert len(office.posted()) == 2
    assert office.quarantined() == []


def test_a_deal_that_breaks_a_rule_is_settled_as_quarantined(
    office: Office, portal: Portal, inbox: Inbox
) -> None:
    portal.deal("1", deal_currency_code="???")
    portal.deal("2")
    with working(inbox, portal):
        inbox.announce("1", "2")
        inbox.wait_until_settled()
    assert [deal for deal, _ in office.quarantined()] == ["1"]
    assert len(office.posted()) == 1


class Weak(MoodyPortal):
    """A CRM that cannot give certain deals, besides what else may go wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.unreadable: set[str] = set()

    def fetch(
        self, object_type: ObjectType, ids: Sequence[str], properties: Sequence[str]
    ) -> list[CrmRecord]:
        if object_type is DEAL and self.unreadable & set(ids):
            raise Malformed(CALL, "answered deal 1 without an id", "Report it.")
        return super().fetch(object_type, ids, properties)


@pytest.fixture
def portal() -> Portal:
    return Weak()


def test_an_outage_of_the_crm_delays_and_loses_nothing(office: Office, portal: Weak, inbox: Inbox) -> None:
    portal.deal("1")
    portal.troubles = [TROUBLES["outage"]() for _ in range(3)]
    with working(inbox, portal):
        inbox.announce("1")
        inbox.wait_until_settled()
    [event] = office.rows("SELECT * FROM inbox.events")
    assert (event["state"], event["attempts"], event["last_error"]) == ("done", 4, None)
    assert len(office.posted()) == 1


def test_a_deal_that_cannot_be_read_holds_up_no_other(office: Office, portal: Weak, inbox: Inbox) -> None:
    for number in range(1, 6):
        portal.deal(str(number), dealname=f"Deal {number}")
    portal.unreadable = {"3"}
    inbox.announce("1", "2", "3", "4", "5")
    with working(inbox, portal):
        inbox.wait_for("SELECT count(*) = 4 FROM inbox.events WHERE state = 'done'")
        inbox.wait_for("SELECT count(*) = 1 FROM inbox.events WHERE attempts > 0 AND state = 'pending'")
    assert len(office.posted()) == 4
    [event] = office.rows("SELECT * FROM inbox.events WHERE state = 'pending'")
    assert event["external_ids"] == ["3"]
    assert "answered deal 1 without an id" in event["last_error"]


def test_an_event_that_fails_ten_times_waits_for_a_person(office: Office, portal: Weak, inbox: Inbox) -> None:
    portal.deal("1")
    portal.unreadable = {"1"}
    inbox.announce("1")
    office.execute("UPDATE inbox.events SET faults = 9")
    with working(inbox, portal):
        inbox.wait_for("SELECT count(*) = 1 FROM inbox.events WHERE state = 'failed'")
    assert office.value("SELECT faults FROM inbox.events") == 10


def test_an_outage_uses_up_none_of_the_attempts(office: Office, portal: Weak, inbox: Inbox) -> None:
    portal.deal("1")
    portal.troubles = [TROUBLES["outage"]()]
    inbox.announce("1")
    # So often it was tried while the CRM was away.
    office.execute("UPDATE inbox.events SET attempts = 500, retry_at = NULL")
    with working(inbox, portal):
        inbox.wait_for("SELECT count(*) = 1 FROM inbox.events WHERE attempts = 501")
        portal.unreadable = {"1"}
        office.execute("UPDATE inbox.events SET retry_at = NULL")
        inbox.wait_for("SELECT count(*) = 1 FROM inbox.events WHERE attempts = 502")
    [event] = office.rows("SELECT * FROM inbox.events")
    assert (event["state"], event["faults"]) == ("pending", 1)


def test_two_workers_share_the_work_and_double_nothing(office: Office, portal: Portal, inbox: Inbox) -> None:
    for number in range(1, 61):
        portal.deal(str(number), dealname=f"Deal {number}")
    with working(inbox, portal, workers=2):
        for start in range(1, 61, 4):
            inbox.announce(*(str(number) for number in range(start, start + 4)))
            inbox.announce(str(start))
        inbox.wait_until_settled()
    assert len(office.posted()) == 60
    assert inbox.states() == {"done": 75}


def test_a_record_somebody_works_on_is_left_to_them(office: Office, portal: Portal, inbox: Inbox) -> None:
    portal.deal("1")
    inbox.announce("1")
    with psycopg.connect(inbox.url) as other:
        assert len(claim(other, 10).events) == 1
        # Announced once more meanwhile: nobody else may begin with it.
        inbox.announce("1")
        with psycopg.connect(inbox.url) as mine:
            found = claim(mine, 10)
            assert (found.events, found.busy) == ((), 1)
        other.rollback()
    with working(inbox, portal):
        inbox.wait_until_settled()
    assert len(office.posted()) == 1


def test_a_lost_database_session_gives_its_events_back(office: Office, portal: Portal, inbox: Inbox) -> None:
    portal.deal("1")
    portal.deal("2", dealname="Another")
    with working(inbox, portal):
        inbox.announce("1")
        inbox.wait_until_settled()
        with psycopg.connect(inbox.url) as administrator:
            administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        inbox.announce("2")
        inbox.wait_for("SELECT count(*) = 2 FROM inbox.events WHERE state = 'done'")
        inbox.wait_for("SELECT count(*) = 2 FROM ledger.documents")


def test_events_gather_while_the_crm_has_few_calls_left(office: Office, portal: Portal, inbox: Inbox) -> None:
    for number in range(1, 6):
        portal.deal(str(number), dealname=f"Deal {number}")
    portal.load = 1.0
    with working(inbox, portal):
        for number in range(1, 6):
            inbox.announce(str(number))
        inbox.wait_until_settled()
    deals = [row["deals"] for row in office.rows("SELECT deals FROM inbox.batches")]
    assert sum(deals) == 5
    # One at a time without that pause, as they were announced.
    assert len(deals) < 3


def test_what_the_database_refuses_is_a_failed_attempt(office: Office, portal: Portal, inbox: Inbox) -> None:
    portal.deal("1")
    inbox.announce("1")
    office.execute("ALTER TABLE inbox.batches ADD CONSTRAINT refused CHECK (deals <> 1)")
    office.execute("UPDATE inbox.events SET faults = 9")
    with working(inbox, portal):
        inbox.wait_for("SELECT count(*) = 1 FROM inbox.events WHERE state = 'failed'")
    assert "CheckViolation" in office.value("SELECT last_error FROM inbox.events")
