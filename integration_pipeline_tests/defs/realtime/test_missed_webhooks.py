"""Changes that no webhook announced: found, settled, and counted only where one was to be expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.schedule_definition import ScheduleExecutionData

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.realtime.reading import Concerned
from integration_pipeline.realtime.settling import Attempt, run_stages_and_settle
from integration_pipeline_tests.defs.realtime.conftest import Desk

DEAL, LINE_ITEM = ObjectType.DEAL, ObjectType.LINE_ITEM
FIND = "find_missed_webhooks"


@pytest.fixture
def subscribed(desk: Desk) -> Desk:
    """The CRM was read as a whole, and its webhooks have come for an hour."""
    desk.portal.deal("1")
    desk.office.sync()
    desk.announce("1", at=_ago(60))
    desk.announce("11", kind=LINE_ITEM, at=_ago(60))
    desk.office.execute(
        "UPDATE inbox.events SET received_at = received_at - interval '1 hour', state = 'done'"
    )
    return desk


def test_a_change_that_was_not_announced_is_found_and_settled(subscribed: Desk) -> None:
    _won(subscribed, "2", minutes_ago=20)
    result = subscribed.run(FIND)
    assert result.success, subscribed.said(result)
    [missed] = subscribed.office.rows("SELECT * FROM inbox.missed")
    assert (missed["deal_key"], missed["run_id"]) == ("hubspot:2", result.run_id)
    assert missed["settled_at"] is not None
    assert len(subscribed.office.posted()) == 2


def test_what_it_settled_is_on_the_assets(subscribed: Desk) -> None:
    _won(subscribed, "2", minutes_ago=20)
    result = subscribed.run(FIND)
    newest = subscribed.newest("ledger__invoices", "2026-03")
    assert newest is not None
    assert newest.run_id == result.run_id


def test_a_change_is_counted_once(subscribed: Desk) -> None:
    _won(subscribed, "2", minutes_ago=20)
    subscribed.run(FIND)
    subscribed.run(FIND)
    assert subscribed.office.value("SELECT count(*) FROM inbox.missed") == 1


def test_an_announced_change_is_not_missed(subscribed: Desk) -> None:
    _won(subscribed, "2", minutes_ago=20)
    subscribed.announce("2", at=_ago(20))
    subscribed.run(FIND)
    assert subscribed.office.value("SELECT count(*) FROM inbox.missed") == 0


def test_an_event_of_an_earlier_change_does_not_cover_a_later_one(subscribed: Desk) -> None:
    subscribed.announce("2", at=_ago(40))
    _won(subscribed, "2", minutes_ago=20)
    subscribed.run(FIND)
    assert subscribed.office.value("SELECT count(*) FROM inbox.missed") == 1


def test_a_change_of_the_last_minutes_may_still_be_announced(subscribed: Desk) -> None:
    _won(subscribed, "2", minutes_ago=2)
    subscribed.run(FIND)
    assert subscribed.office.value("SELECT count(*) FROM inbox.missed") == 0
    assert len(subscribed.office.posted()) == 2


def test_what_changed_before_webhooks_came_is_not_missed(subscribed: Desk) -> None:
    _won(subscribed, "2", minutes_ago=120)
    subscribed.run(FIND)
    assert subscribed.office.value("SELECT count(*) FROM inbox.missed") == 0


def test_a_company_without_webhooks_has_its_deals_settled_and_none_missed(desk: Desk) -> None:
    desk.portal.deal("1")
    desk.office.sync()
    _won(desk, "2", minutes_ago=20)
    assert desk.run(FIND).success
    assert desk.office.value("SELECT count(*) FROM inbox.missed") == 0
    assert len(desk.office.posted()) == 2


def test_a_line_item_that_changed_unannounced_counts_for_its_deal(subscribed: Desk) -> None:
    subscribed.portal.line_item("12", deal="1")
    _modified(subscribed, LINE_ITEM, "12", minutes_ago=20)
    subscribed.run(FIND)
    assert subscribed.office.rows("SELECT deal_key, object_type FROM inbox.missed") == [
        {"deal_key": "hubspot:1", "object_type": "line_item"}
    ]


def test_an_event_of_its_line_item_covers_a_deal(subscribed: Desk) -> None:
    subscribed.portal.line_item("21")
    _won(subscribed, "2", minutes_ago=20, lines=["21"])
    _modified(subscribed, LINE_ITEM, "21", minutes_ago=20)
    subscribed.announce("21", kind=LINE_ITEM, at=_ago(20))
    subscribed.run(FIND)
    assert subscribed.office.value("SELECT count(*) FROM inbox.missed") == 0


def test_what_a_broken_look_found_is_settled_by_the_next(
    subscribed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _won(subscribed, "2", minutes_ago=20)
    with monkeypatch.context() as broken:
        broken.setattr("integration_pipeline.realtime.takeover.run_stages_and_settle", _raise)
        assert not subscribed.run(FIND).success
    assert len(subscribed.office.posted()) == 1
    assert subscribed.run(FIND).success
    assert len(subscribed.office.posted()) == 2


def test_a_company_renamed_without_a_webhook_reaches_the_customer_of_its_deal(subscribed: Desk) -> None:
    subscribed.portal.change(ObjectType.COMPANY, "7", name="Renamed and Sons")
    result = subscribed.run(FIND)
    assert result.success, subscribed.said(result)
    assert subscribed.office.value("SELECT name FROM crm.customers") == "Renamed and Sons"


def test_a_deal_that_cannot_be_settled_does_not_hold_up_the_others(
    subscribed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _won(subscribed, "2", minutes_ago=20)
    _won(subscribed, "3", minutes_ago=20, amount="400.00")

    def settle(pipeline: Pipeline, attempt: Attempt, events: Sequence[int], concerned: Concerned) -> None:
        if "hubspot:2" in concerned.deal_keys:
            raise ValueError("deal 2 cannot be billed")
        run_stages_and_settle(pipeline, attempt, events, concerned)

    monkeypatch.setattr("integration_pipeline.realtime.takeover.run_stages_and_settle", settle)
    result = subscribed.run(FIND)
    assert not result.success
    assert "1 of 2 deals could not be settled: hubspot:2 (ValueError)" in subscribed.said(result)
    assert subscribed.office.rows(
        "SELECT deal_key, settled_at IS NOT NULL AS settled FROM inbox.missed ORDER BY deal_key"
    ) == [{"deal_key": "hubspot:2", "settled": False}, {"deal_key": "hubspot:3", "settled": True}]
    assert len(subscribed.office.posted()) == 2


def test_before_the_crm_was_read_as_a_whole_there_is_nothing_to_compare(desk: Desk) -> None:
    desk.portal.deal("1")
    assert desk.run(FIND).success
    assert desk.office.value("SELECT count(*) FROM raw.records") == 0


def test_no_second_look_is_asked_for_while_one_is_under_way(
    desk: Desk, stored_instance: dg.DagsterInstance
) -> None:
    desk = replace(desk, instance=stored_instance)
    schedule = desk.defs.resolve_schedule_def("missed_webhooks")

    def tick() -> ScheduleExecutionData:
        return schedule.evaluate_tick(dg.build_schedule_context(instance=desk.instance))

    assert len(tick().run_requests or ()) == 1
    run = desk.instance.create_run_for_job(
        desk.defs.resolve_job_def(FIND), status=dg.DagsterRunStatus.STARTED
    )
    assert not tick().run_requests
    assert run.run_id in (tick().skip_message or "")


def _raise(*_: object) -> None:
    raise MemoryError("the machine is full")


def _ago(minutes: int) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


def _won(
    desk: Desk, deal: str, *, minutes_ago: int, lines: list[str] | None = None, amount: str = "300.00"
) -> None:
    # Another amount than the deal before, of which it would be a likely duplicate.
    desk.portal.deal(deal, lines=lines or [], amount=amount)
    _modified(desk, DEAL, deal, minutes_ago=minutes_ago)


def _modified(desk: Desk, kind: ObjectType, external_id: str, *, minutes_ago: int) -> None:
    record = desk.portal.records[kind, external_id]
    desk.portal.records[kind, external_id] = replace(record, modified_at=_ago(minutes_ago))
