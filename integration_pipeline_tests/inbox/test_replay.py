"""What was announced is listed, shown with what became of it, and put back to be settled once more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.webhooks import WebhookEvent
from integration_pipeline.inbox.receiving import CHANNEL, keep
from integration_pipeline.inbox.replay import Selection, list_events, replay, show_event
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.conftest import mapping as mapping
from integration_pipeline_tests.pipeline.conftest import office as office
from integration_pipeline_tests.pipeline.conftest import pipeline as pipeline
from integration_pipeline_tests.pipeline.conftest import portal as portal
from integration_pipeline_tests.pipeline.conftest import rules as rules
from integration_pipeline_tests.pipeline.portal import Portal

_NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


def announced(key: str, object_type: ObjectType | None, *external_ids: str) -> WebhookEvent:
    kind = f"{object_type or 'conversation'}.propertyChange"
    return WebhookEvent("hubspot", key, kind, object_type, external_ids, _NOON, {"key": key})


@pytest.fixture
def wire(postgres: EmbeddedPostgres, engine: Engine) -> Iterator[psycopg.Connection]:
    """A gateway's connection; it hears what the inbox tells."""
    url = postgres.url(str(engine.url.database), "postgresql")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def connection(engine: Engine, wire: psycopg.Connection) -> Iterator[Connection]:
    """An inbox with events 1 to 4: a deal's, its line item's, another deal's, and one of no use."""
    for each in (
        announced("a", ObjectType.DEAL, "1"),
        announced("b", ObjectType.LINE_ITEM, "11"),
        announced("c", ObjectType.DEAL, "2"),
        announced("d", None),
    ):
        keep(wire, [each])
    with engine.begin() as connection:
        yield connection


def settle(connection: Connection, state: str = "done") -> None:
    connection.execute(
        text(
            "UPDATE inbox.events SET state = :state, attempts = 3, last_error = 'x' WHERE state = 'pending'"
        ),
        {"state": state},
    )


def states(connection: Connection) -> list[tuple[int, str, int]]:
    rows = connection.execute(text("SELECT id, state, attempts FROM inbox.events ORDER BY id"))
    return [(row.id, row.state, row.attempts) for row in rows]


def listed(connection: Connection, chosen: Selection, limit: int | None = None) -> list[int]:
    return [event["id"] for event in list_events(connection, chosen, limit)]


class TestAList:
    def test_shows_the_newest_first(self, connection: Connection) -> None:
        assert listed(connection, Selection(), limit=3) == [4, 3, 2]

    def test_can_be_of_a_state(self, connection: Connection) -> None:
        assert listed(connection, Selection(state="ignored")) == [4]

    def test_can_be_of_what_was_received_since_a_moment(self, connection: Connection) -> None:
        moment = connection.execute(text("SELECT received_at FROM inbox.events WHERE id = 3")).scalar_one()

        assert listed(connection, Selection(since=moment)) == [4, 3]
        assert listed(connection, Selection(since=datetime.now(UTC) + timedelta(days=1))) == []

    def test_of_a_deal_has_the_events_of_its_line_items(
        self, connection: Connection, office: Office, portal: Portal
    ) -> None:
        portal.subscription("1")
        office.sync()

        assert listed(connection, Selection(deal="1")) == [2, 1]


class TestAnEvent:
    def test_is_shown_with_the_documents_of_the_deal_that_refers_to_it(
        self, connection: Connection, office: Office, portal: Portal
    ) -> None:
        portal.line_item("11")
        portal.deal("1", lines=["11"])
        portal.change(ObjectType.DEAL, "1", amount="100.00")
        office.sync()

        event = show_event(connection, 2)

        assert event["body"] == {"key": "b"}
        [deal] = event["deals"]
        assert (deal["deal_key"], deal["state"], deal["held"]) == ("hubspot:1", "won", [])
        [document] = deal["documents"]
        assert (document["number"], document["total_minor"]) == ("US-INV-000001", 10_000)

    def test_of_a_deal_that_is_held_says_why(
        self, connection: Connection, office: Office, portal: Portal
    ) -> None:
        portal.deal("1", company=None)
        office.sync()

        [deal] = show_event(connection, 1)["deals"]

        assert "deal_has_a_company" in {row["rule"] for row in deal["held"]}

    def test_that_nobody_knows_is_refused(self, connection: Connection) -> None:
        with pytest.raises(LookupError, match="no event 99"):
            show_event(connection, 99)


class TestReplaying:
    def test_puts_chosen_events_back_as_if_new(self, connection: Connection) -> None:
        settle(connection)

        assert replay(connection, Selection(ids=(1, 3)), by="ann").events == 2
        assert states(connection) == [(1, "pending", 0), (2, "done", 3), (3, "pending", 0), (4, "ignored", 0)]

    def test_can_be_of_what_failed_for_good(self, connection: Connection) -> None:
        settle(connection, "failed")
        connection.execute(text("UPDATE inbox.events SET state = 'done' WHERE id = 1"))

        assert replay(connection, Selection(state="failed"), by="ann").events == 2
        assert [state for _, state, _ in states(connection)] == ["done", "pending", "pending", "ignored"]

    def test_leaves_alone_what_nothing_follows_from(self, connection: Connection) -> None:
        replayed = replay(connection, Selection(ids=(4,)), by="ann")

        assert (replayed.events, replayed.ignored) == (0, 1)
        assert states(connection)[-1] == (4, "ignored", 0)

    def test_of_an_unknown_event_puts_nothing_back(self, connection: Connection) -> None:
        settle(connection)

        with pytest.raises(LookupError, match="no event 98, 99"):
            replay(connection, Selection(ids=(1, 98, 99)), by="ann")
        assert "pending" not in {state for _, state, _ in states(connection)}

    def test_is_kept_in_the_audit_log(self, connection: Connection) -> None:
        replay(connection, Selection(ids=(1, 2)), by="ann")

        [entry] = connection.execute(text("SELECT * FROM ops.audit_log")).all()
        assert (entry.actor, entry.action, entry.subject) == ("ann", "events.replay", "2 events")
        assert entry.details == {"events": 2, "ids": [1, 2]}

    def test_wakes_the_workers(self, connection: Connection, wire: psycopg.Connection) -> None:
        wire.execute(f"LISTEN {CHANNEL}")
        replay(connection, Selection(ids=(1,)), by="ann")
        connection.commit()

        assert [notice.channel for notice in wire.notifies(timeout=10, stop_after=1)] == [CHANNEL]
