"""The inbox in numbers, and what a batch's numbers add up to."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, text

from integration_pipeline.inbox.reporting import Activity, added_up, mark_reported, unreported
from integration_pipeline.inbox.standing import standing
from integration_pipeline.pipeline.reports import StageReport

EVENT = """
    INSERT INTO inbox.events (
        source, event_key, kind, object_type, external_ids, occurred_at, body, state, received_at
    )
    VALUES (
        'hubspot', :key, 'deal.change', 'deal', ARRAY['1'], now(), '{}', :state, now() - :age * interval '1 s'
    )
"""
BATCH = """
    INSERT INTO inbox.batches (
        worker, started_at, finished_at, events, deals, months, reports, latencies_ms
    )
    VALUES (:worker, now(), now(), 1, 1, ARRAY[CAST(:month AS date)], '[]', ARRAY[20])
"""
MISSED = """
    WITH record AS (
        INSERT INTO raw.records (
            source, object_type, external_id, modified_at, archived, content_hash, properties, associations,
            follows_id
        )
        VALUES ('hubspot', 'deal', '1', now(), FALSE, :hash, '{}', '{}', 0)
        RETURNING id
    )
    INSERT INTO inbox.missed (deal_key, record_id, source, object_type, external_id, modified_at, found_at)
    SELECT 'hubspot:1', id, 'hubspot', 'deal', '1', now(), now() - :age * interval '1 hour' FROM record
"""


def test_what_waits_and_what_failed_is_counted_and_what_is_done_is_not(engine: Engine) -> None:
    with engine.begin() as connection:
        for key, state, age in (
            ("a", "pending", 30),
            ("b", "pending", 90),
            ("c", "failed", 500),
            ("d", "done", 9),
        ):
            connection.execute(text(EVENT), {"key": key, "state": state, "age": age})
        found = standing(connection)
    assert (found.waiting, found.failed) == (2, 1)
    assert found.oldest_waiting_seconds == pytest.approx(90, abs=30)


def test_an_empty_inbox_has_no_oldest_event(engine: Engine) -> None:
    with engine.connect() as connection:
        found = standing(connection)
    assert (found.waiting, found.oldest_waiting_seconds) == (0, None)


def test_deals_missed_within_a_day_are_counted_once_each(engine: Engine) -> None:
    with engine.begin() as connection:
        for content, age in (("x", 1), ("y", 2), ("z", 30)):
            connection.execute(text(MISSED), {"hash": content, "age": age})
        found = standing(connection)
    assert (found.missed_last_day, found.missed_unsettled) == (1, 1)


def test_batches_are_handed_out_until_they_are_marked(engine: Engine) -> None:
    with engine.begin() as connection:
        for worker, month in (("one", "2026-03-01"), ("two", "2026-02-01")):
            connection.execute(text(BATCH), {"worker": worker, "month": month})
        activity = unreported(connection)
        assert activity is not None
        assert activity.months == (date(2026, 2, 1), date(2026, 3, 1))
        assert (activity.events, activity.workers) == (2, ("one", "two"))
        mark_reported(connection, activity.batch_ids)
        assert unreported(connection) is None
        assert standing(connection).unreported == 0


def test_one_worker_s_batches_can_be_asked_for(engine: Engine) -> None:
    with engine.begin() as connection:
        for worker in ("one", "two"):
            connection.execute(text(BATCH), {"worker": worker, "month": "2026-03-01"})
        activity = unreported(connection, worker="two")
    assert activity is not None
    assert activity.workers == ("two",)


@pytest.mark.parametrize(("percent", "expected"), [(50, 20), (95, 40), (99, 40), (100, 40), (1, 10)])
def test_a_percentile_is_a_latency_that_occurred(percent: int, expected: int) -> None:
    assert _activity((10, 20, 30, 40)).latency_ms(percent) == expected


def test_without_events_there_is_no_latency() -> None:
    assert _activity(()).latency_ms(99) is None


def test_reports_of_a_stage_add_up_and_keep_the_order_of_stages() -> None:
    post = StageReport("post", seconds=0.5)
    post.counts["invoices_posted"] = 2
    post.money["invoiced", "USD"] = 1_000
    reports = [StageReport("schedule").as_json(), post.as_json(), post.as_json()]
    summed = added_up(reports)
    assert [report.stage for report in summed] == ["schedule", "post"]
    assert summed[1].counts["invoices_posted"] == 4
    assert summed[1].money["invoiced", "USD"] == 2_000
    assert summed[1].seconds == 1.0


def _activity(latencies: tuple[int, ...]) -> Activity:
    now = datetime.now(UTC)
    return Activity((1,), ("one",), len(latencies), 1, (), (), latencies, now, now)
