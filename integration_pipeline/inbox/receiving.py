"""Keeping what was announced, each event once, before anyone is told that it arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import psycopg

from integration_pipeline.crm.webhooks import WebhookEvent
from integration_pipeline.store.texts import UNSTORABLE
from integration_pipeline.transport.json_types import JsonValue, dump_json

CHANNEL = "inbox"
"""Who LISTENs on this PostgreSQL channel is told of new events when they are committed."""

KEEP = """
    WITH given AS (
        SELECT DISTINCT ON (source, event_key) *
        FROM jsonb_to_recordset(CAST(%(batch)s AS jsonb)) AS event (
            source text, event_key text, kind text, object_type text, external_ids text[],
            occurred_at timestamptz, body jsonb, is_own boolean
        )
        ORDER BY source, event_key
    ),
    new AS (
        INSERT INTO inbox.events (
            source, event_key, kind, object_type, external_ids, occurred_at, body, state, finished_at
        )
        SELECT
            source, event_key, kind, object_type, external_ids, occurred_at, body,
            CASE WHEN object_type IS NULL THEN 'ignored' WHEN is_own THEN 'done' ELSE 'pending' END,
            CASE WHEN object_type IS NOT NULL AND is_own THEN clock_timestamp() END
        FROM given
        ORDER BY source, event_key
        ON CONFLICT (source, event_key) DO NOTHING
        RETURNING state, source, external_ids
    ),
    nudged AS (
        INSERT INTO inbox.nudges AS nudge (source, account)
        SELECT DISTINCT new.source, coalesce(account.name, '')
        FROM new
        LEFT JOIN unnest(new.external_ids) AS account (name) ON TRUE
        WHERE new.source = ANY(CAST(%(nudging)s AS text[]))
        ON CONFLICT (source, account) DO UPDATE SET told_at = clock_timestamp()
        RETURNING source
    ),
    -- What somebody works on just now is locked until that is over: for a count nobody waits.
    again AS (
        SELECT known.id
        FROM inbox.events AS known
        INNER JOIN given ON known.source = given.source AND known.event_key = given.event_key
        FOR UPDATE OF known SKIP LOCKED
    ),
    counted AS (
        UPDATE inbox.events AS known SET deliveries = known.deliveries + 1
        FROM again WHERE known.id = again.id
    ),
    told AS (
        SELECT pg_notify('inbox', '') WHERE EXISTS (SELECT FROM new WHERE state = 'pending')
        UNION ALL
        SELECT pg_notify('nudges', '') WHERE EXISTS (SELECT FROM nudged)
    )
    SELECT
        (SELECT count(*) FROM new WHERE state = 'pending'),
        (SELECT count(*) FROM new WHERE state <> 'pending'),
        (SELECT count(*) FROM given) - (SELECT count(*) FROM new),
        (SELECT count(*) FROM told)
"""
"""In psycopg's notation; `batch` is what `as_batch` makes, `nudging` is `NUDGING`."""

NUDGING = ["quickbooks", "xero", "stripe", "plaid"]
"""Sources whose events only say that an account has something new: `external_ids` name the account."""

NUDGES_CHANNEL = "nudges"


@dataclass(frozen=True, slots=True)
class Kept:
    """How many events were new, new but of no use to us (or of our own making), and known before."""

    new: int
    ignored: int
    known: int


def as_batch(events: Sequence[WebhookEvent]) -> str:
    """The bind value of `KEEP`. What PostgreSQL's text cannot hold is replaced, as in every CRM record."""
    batch: list[JsonValue] = [
        {
            "source": event.source,
            "event_key": event.key,
            "kind": _storable(event.kind),
            "object_type": event.object_type and event.object_type.value,
            "external_ids": list(event.external_ids),
            "occurred_at": event.occurred_at.isoformat(),
            "body": _storable(dict(event.body)),
            "is_own": event.is_own,
        }
        for event in events
    ]
    return dump_json(batch).decode()


def keep(connection: psycopg.Connection, events: Sequence[WebhookEvent]) -> Kept:
    """Keep what is new of `events` in the caller's transaction; who waits is told when it commits."""
    row = connection.execute(KEEP, {"batch": as_batch(events), "nudging": NUDGING}).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always answers
    return Kept(new=row[0], ignored=row[1], known=row[2])


def _storable(value: JsonValue) -> JsonValue:
    match value:
        case str():
            return UNSTORABLE.sub("\ufffd", value)
        case Decimal():
            # No vendor sends one here; as text it is kept to the last digit.
            return str(value)
        case Mapping():
            return {UNSTORABLE.sub("\ufffd", name): _storable(each) for name, each in value.items()}
        case Sequence():
            return [_storable(each) for each in value]
        case _:
            return value
