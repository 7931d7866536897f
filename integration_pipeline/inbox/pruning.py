"""Forgetting what was settled long ago.

What failed or still waits stays, however old, and so does what Dagster was not told of yet.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, text

_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows went."""

    events: int
    batches: int
    missed: int


def prune(engine: Engine, older_than_days: int) -> Pruned:
    """Delete settled and ignored events, reported batches and settled misses older than so many days.

    In transactions of 10,000 rows, so that neither a gateway nor a worker waits for it.
    """
    return Pruned(
        *(_delete(engine, statement, older_than_days) for statement in (_EVENTS, _BATCHES, _MISSED))
    )


def _delete(engine: Engine, statement: str, days: int) -> int:
    gone = 0
    while True:
        with engine.begin() as connection:
            deleted = connection.execute(text(statement), {"days": days, "limit": _AT_ONCE}).rowcount
        gone += deleted
        if deleted < _AT_ONCE:
            return gone


_EVENTS = """
    DELETE FROM inbox.events
    WHERE id IN (
        SELECT id FROM inbox.events
        WHERE state IN ('done', 'ignored') AND received_at < clock_timestamp() - make_interval(days => :days)
        LIMIT :limit
    )
"""
_BATCHES = """
    DELETE FROM inbox.batches
    WHERE id IN (
        SELECT batch.id FROM inbox.batches AS batch
        WHERE batch.reported_at IS NOT NULL
            AND batch.finished_at < clock_timestamp() - make_interval(days => :days)
            AND NOT EXISTS (SELECT FROM inbox.events AS event WHERE event.batch_id = batch.id)
        LIMIT :limit
    )
"""
_MISSED = """
    DELETE FROM inbox.missed
    WHERE (deal_key, record_id) IN (
        SELECT deal_key, record_id FROM inbox.missed
        WHERE settled_at IS NOT NULL AND found_at < clock_timestamp() - make_interval(days => :days)
        LIMIT :limit
    )
"""
