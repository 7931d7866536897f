"""What is deleted every night, and what never is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from integration_pipeline.defs.jobs import SYNC_DEALS
from integration_pipeline.defs.maintenance import delete_runless_events, delete_runs
from integration_pipeline_tests.defs.realtime.conftest import Desk

ALL_MONTHS = {
    "dagster/asset_partition_range_start": "2026-01",
    "dagster/asset_partition_range_end": "2026-06",
}
FREQUENT = ("maintenance", "check_books")
EVENTS = "SELECT external_ids[1] FROM inbox.events ORDER BY id"


@pytest.fixture
def instance(stored_instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """What is deleted is in the storage that companies have."""
    return stored_instance


@pytest.fixture
def settled(desk: Desk) -> Desk:
    """Two deals were settled a year ago and Dagster was told; a third one was announced then, too."""
    desk.portal.deal("1")
    desk.portal.deal("2")
    desk.announce("1", "2")
    desk.settle()
    desk.tick("realtime_activity")
    desk.announce("3")
    desk.office.execute("UPDATE inbox.events SET received_at = received_at - interval '1 year'")
    desk.office.execute("UPDATE inbox.batches SET finished_at = finished_at - interval '1 year'")
    return desk


def test_old_settled_events_and_their_batches_go(settled: Desk) -> None:
    assert settled.run("maintenance").success
    assert settled.office.value("SELECT count(*) FROM inbox.events WHERE state = 'done'") == 0
    assert settled.office.value("SELECT count(*) FROM inbox.batches") == 0


def test_what_still_waits_stays_however_old(settled: Desk) -> None:
    settled.run("maintenance")
    assert settled.office.value(EVENTS) == "3"


def test_what_dagster_was_not_told_of_stays(settled: Desk) -> None:
    settled.office.execute("UPDATE inbox.batches SET reported_at = NULL")
    settled.run("maintenance")
    assert settled.office.value("SELECT count(*) FROM inbox.batches") == 1


def test_what_is_young_stays(settled: Desk) -> None:
    settled.office.execute("UPDATE inbox.events SET received_at = received_at + interval '1 year'")
    settled.run("maintenance")
    assert settled.office.value("SELECT count(*) FROM inbox.events WHERE state = 'done'") == 2


def test_old_frequent_runs_go_once_a_run_over_all_months_came_after_them(desk: Desk) -> None:
    old = desk.run("maintenance").run_id
    _over_all_months(desk)
    young = desk.run("maintenance").run_id
    assert delete_runs(desk.instance, SYNC_DEALS, FREQUENT, _in_a_minute()) == 1
    assert desk.instance.get_run_by_id(old) is None
    assert desk.instance.get_run_by_id(young) is not None


def test_old_runs_that_proved_the_books_go_too(desk: Desk) -> None:
    old = desk.run("check_books").run_id
    _over_all_months(desk)
    assert delete_runs(desk.instance, SYNC_DEALS, FREQUENT, _in_a_minute()) == 1
    assert desk.instance.get_run_by_id(old) is None


def test_without_one_none_goes(desk: Desk) -> None:
    run = desk.run("maintenance").run_id
    assert delete_runs(desk.instance, SYNC_DEALS, FREQUENT, _in_a_minute()) == 0
    assert desk.instance.get_run_by_id(run) is not None


def test_what_was_reported_without_a_run_goes_once_a_run_over_all_months_came_after_it(settled: Desk) -> None:
    before = settled.instance.fetch_materializations(dg.AssetKey("ledger__invoices"), limit=10).records
    assert delete_runless_events(settled.instance, SYNC_DEALS, _in_a_minute()) == 0
    _over_all_months(settled)
    settled.announce("1")
    settled.settle()
    settled.tick("realtime_activity")
    assert delete_runless_events(settled.instance, SYNC_DEALS, _in_a_minute()) > len(before)
    [left] = settled.instance.fetch_materializations(dg.AssetKey("ledger__invoices"), limit=10).records
    assert left.storage_id > max(record.storage_id for record in before)


def _over_all_months(desk: Desk) -> None:
    desk.instance.add_run(
        dg.DagsterRun(job_name=SYNC_DEALS, status=dg.DagsterRunStatus.SUCCESS, tags=ALL_MONTHS)
    )


def _in_a_minute() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)
