"""How the inbox stands: what waits, what failed, what no webhook announced."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class InboxStanding:
    """Numbers of events, apart from `missed_*`: deals with a change that no event announced.

    `waiting` will be tried again, `failed` were given up and are for somebody to look at. `unreported` are
    batches that Dagster was not told of yet.
    """

    waiting: int
    oldest_waiting_seconds: float | None
    failed: int
    missed_last_day: int
    missed_unsettled: int
    unreported: int


def standing(connection: Connection) -> InboxStanding:
    """The inbox as it is at this moment. All of it by indexes: metrics may ask every few seconds."""
    row = connection.execute(text(_STANDING)).one()
    return InboxStanding(
        waiting=row.waiting,
        oldest_waiting_seconds=None if row.oldest_seconds is None else float(row.oldest_seconds),
        failed=row.failed,
        missed_last_day=row.missed_last_day,
        missed_unsettled=row.missed_unsettled,
        unreported=row.unreported,
    )


_STANDING = """
    SELECT
        count(*) FILTER (WHERE state = 'pending') AS waiting,
        EXTRACT(EPOCH FROM clock_timestamp() - min(received_at) FILTER (WHERE state = 'pending'))
            AS oldest_seconds,
        count(*) FILTER (WHERE state = 'failed') AS failed,
        (
            SELECT count(DISTINCT deal_key) FROM inbox.missed
            WHERE found_at > clock_timestamp() - interval '24 hours'
        ) AS missed_last_day,
        (
            SELECT count(DISTINCT deal_key) FROM inbox.missed WHERE settled_at IS NULL
        ) AS missed_unsettled,
        (SELECT count(*) FROM inbox.batches WHERE reported_at IS NULL) AS unreported
    FROM inbox.events
    WHERE state IN ('pending', 'failed')
"""
