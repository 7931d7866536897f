"""Events that no worker settled in time: Dagster takes them over, by a run for just these.

Belongs here: which events are overdue, how often and when a run is asked for, what a run claims. Does not
belong here: the work on them (`realtime.takeover`), launching runs (`defs`).

A run key is used up for ever, even by a run that failed. So it has the moment of the request, and not the
number of takeovers, which begins anew when a person puts an event back. Takeovers are counted when a run is
asked for, and not when it begins: a run that dies before it reaches the database counts, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from sqlalchemy import Connection, text

from integration_pipeline.inbox.claims import RECORD_LOCK, Claim, claimed

EVENTS_AT_ONCE = 1_000
"""As many as one run is asked to settle."""
TAKEOVERS = 5
"""An event that a worker gave up is taken over this often and then left; one that failed by its own fault as
often is given up."""
_LONGEST_WAIT_SECONDS = 3_600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Request:
    """A run to be launched for these events, asked for `at` that moment.

    `attempt` counts the requests for the oldest of them, since it came or was put back.
    """

    event_ids: tuple[int, ...]
    attempt: int
    at: datetime

    @property
    def run_key(self) -> str:
        """Unique: `event-7-at-` and microseconds since 1970. An event is in one request at a time."""
        return f"event-{self.event_ids[0]}-at-{(self.at - _EPOCH) // timedelta(microseconds=1)}"


def request_run(connection: Connection, patience_seconds: int) -> Request | None:
    """Ask for a run for events that wait longer than `patience_seconds`, in the caller's transaction.

    None if there are none. An event is asked for again after twice as long each time, an hour at most. What a
    worker holds just now is left to it.
    """
    rows = connection.execute(
        text(_REQUEST),
        {
            "patience": patience_seconds,
            "longest": _LONGEST_WAIT_SECONDS,
            "takeovers": TAKEOVERS,
            "limit": EVENTS_AT_ONCE,
        },
    ).all()
    if not rows:
        return None
    rows = sorted(rows, key=lambda row: row.id)
    oldest = rows[0]
    return Request(tuple(row.id for row in rows), oldest.takeovers, oldest.taken_over_at)


def claim_requested(connection: psycopg.Connection, event_ids: Sequence[int]) -> Claim:
    """Claim those of the events that are still open, in the transaction this begins on `connection`.

    As with a worker's claim: all events of a record together, and commit or rollback gives them back.
    """
    return claimed(connection.execute(_CLAIM, {"events": list(event_ids), "lock": RECORD_LOCK}))


def credit_run(connection: psycopg.Connection, event_ids: Sequence[int], run_id: str) -> None:
    """Note which Dagster run settled these events."""
    connection.execute(_CREDIT, {"events": list(event_ids), "run_id": run_id})


_REQUEST = """
    UPDATE inbox.events AS event
    SET takeovers = event.takeovers + 1, taken_over_at = clock_timestamp()
    FROM (
        SELECT id
        FROM inbox.events
        WHERE (state = 'pending' OR (state = 'failed' AND takeovers < :takeovers))
            AND received_at <= clock_timestamp() - make_interval(secs => :patience)
            AND (
                taken_over_at IS NULL
                OR taken_over_at <= clock_timestamp() - make_interval(
                    secs => least(greatest(:patience, 10) * power(2, least(takeovers, 20)), :longest)
                )
            )
        ORDER BY id
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    ) AS overdue
    WHERE event.id = overdue.id
    RETURNING event.id, event.takeovers, event.taken_over_at
"""
_CLAIM = """
    SELECT held.*
    FROM inbox.hold_records(
        ARRAY(
            SELECT id
            FROM inbox.events
            WHERE id = ANY(%(events)s) AND state IN ('pending', 'failed')
            ORDER BY id
            FOR UPDATE SKIP LOCKED
        ), %(lock)s
    ) AS held
"""
_CREDIT = "UPDATE inbox.events SET run_id = %(run_id)s WHERE id = ANY(%(events)s)"
