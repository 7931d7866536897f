"""What a person does about announced changes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import psycopg
import pytest

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.webhooks import WebhookEvent
from integration_pipeline.inbox.receiving import keep
from integration_pipeline.runtime import with_driver
from integration_pipeline_tests.cli.conftest import Command


@pytest.fixture
def event(database: str) -> int:
    """The number of a failed event of a deal that was billed."""
    with psycopg.connect(with_driver(database, "postgresql")) as connection:
        row = connection.execute(
            """
            SELECT document.deal_key FROM billing.documents AS document
            INNER JOIN posting.intents AS intent ON intent.document_id = document.id
            WHERE intent.state = 'posted' ORDER BY document.id LIMIT 1
            """
        ).fetchone()
        assert row is not None
        deal_id = row[0].rpartition(":")[2]
        moment = datetime(2026, 6, 30, tzinfo=UTC)
        announced = WebhookEvent(
            "hubspot", "a", "deal.creation", ObjectType.DEAL, (deal_id,), moment, {"x": 1}
        )
        keep(connection, [announced])
        connection.execute(
            "UPDATE inbox.events SET state = 'failed', attempts = 10, last_error = 'no answer'"
        )
    return 1


def test_the_list_shows_what_failed_and_why(command: Command, event: int) -> None:
    shown = command("events", "list", "--state", "failed").output

    assert "deal.creation" in shown
    assert "no answer" in shown


def test_one_event_is_shown_with_the_invoices_of_its_deal(command: Command, event: int) -> None:
    shown = command("events", "show", str(event))

    assert shown.exit_code == 0
    assert "body x" in shown.output
    assert "-INV-" in shown.output


def test_the_list_shows_what_the_crm_wrote_as_it_is(command: Command, database: str) -> None:
    moment = datetime(2026, 6, 30, tzinfo=UTC)
    with psycopg.connect(with_driver(database, "postgresql")) as connection:
        keep(connection, [WebhookEvent("hubspot", "b", "[/]", ObjectType.DEAL, ("[bold]7",), moment, {})])

    shown = command("events", "list")

    assert shown.exit_code == 0
    assert "[/]" in shown.output
    assert "[bold]7" in shown.output


def test_what_failed_is_put_back(command: Command, event: int) -> None:
    answer = json.loads(command("events", "replay", "--failed", "--by", "ann", "--json").output)
    [listed] = json.loads(command("events", "list", "--json").output)

    assert answer == {"replayed": 1, "ignored": 0}
    assert (listed["state"], listed["attempts"], listed["last_error"]) == ("pending", 0, None)


def test_replaying_nothing_in_particular_is_refused(command: Command, event: int) -> None:
    refused = command("events", "replay")

    assert refused.exit_code == 2
    assert "Say which events" in refused.output


def test_an_event_that_nobody_knows_is_refused(command: Command, event: int) -> None:
    assert command("events", "show", "99").exit_code == 2
    assert command("events", "replay", "99").exit_code == 2
