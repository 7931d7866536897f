"""When Dagster takes over events that no worker settled, and what its run does with them."""

from __future__ import annotations

import dagster as dg
import psycopg
import pytest

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.defs.settling import settle_config
from integration_pipeline.inbox.replay import Selection, replay
from integration_pipeline.inbox.takeover import TAKEOVERS
from integration_pipeline_tests.defs.realtime.conftest import Desk
from integration_pipeline_tests.realtime.moody import TROUBLES

ONE_EVENT = "SELECT {} FROM inbox.events"


@pytest.fixture
def waiting(desk: Desk) -> Desk:
    """A won deal was announced two minutes ago, and nobody has settled it."""
    desk.portal.deal("1")
    desk.announce("1")
    _age(desk, "2 minutes")
    return desk


def test_a_run_settles_an_overdue_event(waiting: Desk) -> None:
    result = waiting.launched()
    assert result is not None
    assert result.success, waiting.said(result)
    assert [total for _, total, _ in waiting.office.posted()] == [120_000]
    [event] = waiting.office.rows("SELECT state, run_id FROM inbox.events")
    assert event == {"state": "done", "run_id": result.run_id}


def test_what_the_run_did_is_on_the_assets_as_its_own(waiting: Desk) -> None:
    result = waiting.launched()
    newest = waiting.newest("ledger__invoices", "2026-03")
    assert result is not None
    assert newest is not None
    assert newest.run_id == result.run_id
    assert waiting.tick("realtime_activity").skip_message == "nothing was settled since the last time"


def test_a_young_event_is_left_to_the_worker(desk: Desk) -> None:
    desk.announce("1")
    assert desk.tick("webhook_events").run_requests == []


def test_without_real_time_an_event_is_taken_over_at_once(desk: Desk) -> None:
    desk.announce("1")
    assert desk.having(realtime="off").tick("webhook_events").run_requests


def test_an_event_that_a_worker_holds_is_left_to_it(waiting: Desk) -> None:
    with psycopg.connect(waiting.url) as worker:
        worker.execute("SELECT FROM inbox.events FOR UPDATE")
        assert waiting.tick("webhook_events").run_requests == []


def test_no_second_run_is_asked_for_while_one_is_under_way(waiting: Desk) -> None:
    run = waiting.instance.create_run_for_job(
        waiting.defs.resolve_job_def("settle_events"),
        run_config=settle_config([1]),
        status=dg.DagsterRunStatus.STARTED,
    )
    assert run.run_id in (waiting.tick("webhook_events").skip_message or "")


def test_each_attempt_has_a_run_key_of_its_own(waiting: Desk) -> None:
    keys: list[str | None] = []
    for _ in range(3):
        keys += [request.run_key for request in waiting.tick("webhook_events").run_requests or ()]
        _age(waiting, "1 day")
    assert len(keys) == len(set(keys)) == 3


def test_an_event_that_was_put_back_has_a_new_run_key(waiting: Desk) -> None:
    """Its takeovers count from the beginning then, and Dagster launches no second run for a key."""
    [before] = waiting.tick("webhook_events").run_requests
    with waiting.office.pipeline.engine.begin() as connection:
        replay(connection, Selection(), "ada")
    [after] = waiting.tick("webhook_events").run_requests
    assert after.run_key != before.run_key


def test_a_run_that_never_began_is_asked_for_again_later_and_not_at_once(waiting: Desk) -> None:
    assert waiting.tick("webhook_events").run_requests
    assert waiting.tick("webhook_events").run_requests == []
    _age(waiting, "2 minutes")
    assert waiting.tick("webhook_events").run_requests


def test_a_record_that_cannot_be_settled_does_not_hold_up_the_others(desk: Desk) -> None:
    desk.portal.deal("1")
    desk.portal.deal("2")
    desk.announce("1", "2")
    _break(desk, "2")
    _age(desk, "2 minutes")
    result = desk.launched()
    assert result is not None
    assert not result.success
    states = {
        row["external_ids"][0]: (row["state"], row["run_id"])
        for row in desk.office.rows("SELECT external_ids, state, run_id FROM inbox.events")
    }
    assert states == {"1": ("done", result.run_id), "2": ("pending", None)}


def test_an_event_that_fails_at_its_last_takeover_is_left_for_a_person(waiting: Desk) -> None:
    _break(waiting, "1")
    for _ in range(TAKEOVERS):
        assert waiting.launched() is not None
        _age(waiting, "1 day")
    assert waiting.launched() is None
    assert waiting.office.value(ONE_EVENT.format("state")) == "failed"
    assert "ValueError" in waiting.office.value(ONE_EVENT.format("last_error"))


def test_an_event_that_a_worker_gave_up_stays_given_up_while_its_own_fault_lasts(waiting: Desk) -> None:
    waiting.office.execute("UPDATE inbox.events SET state = 'failed'")
    _break(waiting, "1")
    assert waiting.launched() is not None
    assert waiting.office.value(ONE_EVENT.format("state")) == "failed"
    assert "ValueError" in waiting.office.value(ONE_EVENT.format("last_error"))


def test_an_event_is_not_given_up_because_the_crm_is_away(
    waiting: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting.office.execute("UPDATE inbox.events SET takeovers = :times", times=TAKEOVERS)

    def away(*_: object) -> None:
        raise TROUBLES["outage"]()

    monkeypatch.setattr(waiting.portal, "fetch_together", away)
    assert waiting.launched() is not None
    assert waiting.office.value(ONE_EVENT.format("state")) == "pending"
    assert "could not be reached" in waiting.office.value(ONE_EVENT.format("last_error"))


def test_a_run_for_events_that_are_settled_by_then_does_nothing(waiting: Desk) -> None:
    [request] = waiting.tick("webhook_events").run_requests
    waiting.settle()
    assert waiting.run("settle_events", request.run_config).success
    assert waiting.office.value("SELECT count(*) FROM inbox.batches") == 1
    assert len(waiting.office.posted()) == 1


def test_an_event_of_a_line_item_settles_its_deal(desk: Desk) -> None:
    desk.portal.deal("1", amount=None)
    desk.announce("1")
    desk.settle()
    desk.portal.line_item("11", deal="1")
    desk.announce("11", kind=ObjectType.LINE_ITEM)
    _age(desk, "2 minutes")
    assert desk.launched() is not None
    assert [total for _, total, _ in desk.office.posted()] == [10_000]


def _age(desk: Desk, by: str) -> None:
    """As if everything had happened so much earlier."""
    desk.office.execute(
        """
        UPDATE inbox.events
        SET received_at = received_at - CAST(:by AS interval),
            taken_over_at = taken_over_at - CAST(:by AS interval)
        """,
        by=by,
    )


def _break(desk: Desk, deal: str) -> None:
    """The deal is delivered in a shape that no stage can work with."""
    known = desk.portal.fetch

    def fetch(kind: ObjectType, ids: list[str], properties: list[str]) -> object:
        if kind is ObjectType.DEAL and deal in ids:
            raise ValueError(f"deal {deal} cannot be read")
        return known(kind, ids, properties)

    desk.portal.__dict__["fetch"] = fetch
