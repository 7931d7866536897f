"""Claiming what was announced, and settling it: the inbox as a queue.

A claim is a transaction that stays open until its events are settled. The rows are locked, the records they
name are locked by advisory locks, and both locks end with the session: what a killed worker had claimed is
free at once, and nobody has to guess from a lease whether it still lives.

Belongs here: who works on which event, and what became of it. Does not belong here: the work (`realtime`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from integration_pipeline.crm.records import ObjectType

RECORD_LOCK = 731_056
"""First half of the advisory lock on a record; the second is `hashtext('deal:123')`. Without the source: what
reports of usage concern are the CRM's deals."""


@dataclass(frozen=True, slots=True)
class ClaimedEvent:
    """An event in our hands. `external_ids` are the CRM's ids of `object_type`."""

    id: int
    source: str
    object_type: ObjectType
    external_ids: tuple[str, ...]
    attempts: int


@dataclass(frozen=True, slots=True)
class Claim:
    """Events to settle, oldest first. `busy` others wait for somebody who works on their record."""

    events: tuple[ClaimedEvent, ...]
    busy: int


def claim(connection: psycopg.Connection, limit: int) -> Claim:
    """Claim up to `limit` of the events that wait, in the transaction this begins on `connection`.

    All events of a record are claimed together or by nobody else, so that no record is worked on twice at a
    time. Commit after settling them; rolling back, or dying, gives them back.
    """
    return claimed(connection.execute(_CLAIM, {"limit": limit, "lock": RECORD_LOCK}))


def claimed(rows: Iterable[tuple[Any, ...]]) -> Claim:
    """What `inbox.hold_records` answered."""
    busy = 0
    taken: list[ClaimedEvent] = []
    for event_id, source, object_type, external_ids, attempts, is_free in rows:
        if is_free:
            event = ClaimedEvent(event_id, source, ObjectType(object_type), tuple(external_ids), attempts)
            taken.append(event)
        else:
            busy += 1
    return Claim(tuple(taken), busy)


@dataclass(frozen=True, slots=True)
class Batch:
    """What was done about some events at one go. `reports` are the stages', as plain data."""

    worker: str
    started_at: datetime
    deals: int
    reports: Sequence[Mapping[str, object]]


def settle(
    connection: psycopg.Connection,
    event_ids: Sequence[int],
    batch: Batch,
    *,
    deal_keys: Sequence[str],
    days: Mapping[str, date],
) -> list[str]:
    """Mark events as done and keep what was done about them, in the claim's transaction.

    Answers those of `deal_keys` that somebody else is posting a document of just now, or has planned and not
    posted: while there are any nothing is marked, and the work has to be done once more. `days` is the civil
    day in each entity.
    """
    rows = connection.execute(
        _SETTLE,
        {
            "events": list(event_ids),
            "worker": batch.worker,
            "started_at": batch.started_at,
            "deal_count": batch.deals,
            "deals": list(deal_keys),
            "reports": Jsonb(list(batch.reports)),
            "entities": list(days),
            "days": list(days.values()),
        },
    )
    return [deal_key for (deal_key,) in rows]


def fail(
    connection: psycopg.Connection,
    events: Sequence[ClaimedEvent],
    said: str,
    *,
    seconds: float,
    most_faults: int | None,
    keep_failed: bool = False,
) -> None:
    """Note why events could not be settled: they wait for `seconds`, or for a person.

    For a person those that failed by their own fault `most_faults` times by now. None: nothing about them was
    at fault, and however often that happens, it does not count. With `keep_failed` those that waited for a
    person before still do.
    """
    parameters: dict[str, Any] = {
        "events": [event.id for event in events],
        "said": said[:1_000],
        "seconds": seconds,
        "most_faults": most_faults,
        "keep_failed": keep_failed,
    }
    connection.execute(_FAIL, parameters)


_CLAIM = """
    SELECT held.*
    FROM inbox.hold_records(
        ARRAY(
            SELECT id
            FROM inbox.events
            WHERE state = 'pending' AND (retry_at IS NULL OR retry_at <= clock_timestamp())
            ORDER BY id
            LIMIT %(limit)s
            FOR UPDATE SKIP LOCKED
        ), %(lock)s
    ) AS held
"""
_SETTLE = """
    WITH still_open AS MATERIALIZED (
        SELECT DISTINCT document.deal_key
        FROM posting.passed_documents AS document
        INNER JOIN posting.ledger_intents AS intent ON intent.document_id = document.id
        INNER JOIN unnest(CAST(%(entities)s AS text[]), CAST(%(days)s AS date[])) AS today (entity, day)
            ON today.entity = document.entity
        WHERE document.deal_key = ANY(%(deals)s)
            AND intent.state IN ('pending', 'claimed', 'uncertain') AND document.issue_date <= today.day
    ),
    done AS (
        SELECT id, CAST(
            least(1000 * EXTRACT(EPOCH FROM clock_timestamp() - received_at), 2147483647) AS integer
        ) AS latency_ms
        FROM inbox.events
        WHERE id = ANY(%(events)s)
    ),
    batch AS (
        INSERT INTO inbox.batches (
            worker, started_at, finished_at, events, deals, months, reports, latencies_ms
        )
        SELECT
            %(worker)s, %(started_at)s, clock_timestamp(), count(*), %(deal_count)s,
            ARRAY(
                SELECT DISTINCT head.close_month FROM crm.deal_heads AS head
                WHERE head.deal_key = ANY(%(deals)s)
                ORDER BY head.close_month
            ),
            %(reports)s, coalesce(array_agg(latency_ms ORDER BY id), '{}')
        FROM done
        HAVING NOT EXISTS (SELECT FROM still_open)
        RETURNING id
    ),
    marked AS (
        UPDATE inbox.events AS event
        SET state = 'done', attempts = event.attempts + 1, finished_at = clock_timestamp(), retry_at = NULL,
            last_error = NULL, batch_id = batch.id
        FROM batch
        WHERE event.id = ANY(%(events)s)
    )
    SELECT deal_key FROM still_open
"""
_FAIL = """
    UPDATE inbox.events
    SET state = CASE
            WHEN %(keep_failed)s AND state = 'failed' THEN 'failed'
            WHEN faults + 1 >= CAST(%(most_faults)s AS integer) THEN 'failed'
            ELSE 'pending'
        END,
        faults = faults + CASE WHEN CAST(%(most_faults)s AS integer) IS NULL THEN 0 ELSE 1 END,
        attempts = attempts + 1, last_error = %(said)s,
        retry_at = clock_timestamp() + make_interval(secs => %(seconds)s)
    WHERE id = ANY(%(events)s)
"""
