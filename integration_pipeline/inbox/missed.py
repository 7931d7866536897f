"""Changes that no webhook announced: found by comparing what was read from the CRM with what was announced.

Belongs here: which changes count as missed, and noting that they were settled. Does not belong here: reading
the CRM (`pipeline.extract`) and working on the deals (`realtime.takeover`).

A change is missed when the newest version of a deal or of a line item has no event from about its
modification on. An event says that something changed and the record is then read as it is, so any later event
covers an earlier change. Links change without a modification time: for them counts when the version before
was read.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.pipeline.rounds import Ref

_GRACE_SECONDS = 300
"""Younger changes may still be announced: HubSpot repeats what it could not deliver."""
_TOLERANCE_SECONDS = 60
"""An event's time and its record's modification time are set by two of the vendor's clocks."""
_LOOKED_AT = "7 days"


def find_missed(connection: Connection, source: str) -> int:
    """Note, in the caller's transaction, the deals with a change that no event announced; how many are new.

    A type of record that was never announced was not subscribed to, so nothing of it is missed, and neither
    is what changed before its first event came.
    """
    return connection.execute(
        text(_FIND),
        {
            "source": source,
            "grace": _GRACE_SECONDS,
            "tolerance": _TOLERANCE_SECONDS,
            "window": _LOOKED_AT,
        },
    ).rowcount


def newest_record(connection: Connection) -> int:
    """The id of the newest record version in `raw`, 0 if there is none."""
    return connection.execute(text(_NEWEST)).scalar_one()


def deals_to_settle(connection: Connection, source: str, after_record: int) -> list[str]:
    """Deals (`hubspot:123`) of record versions that landed after that id, and of unsettled missed changes."""
    rows = connection.execute(text(_TO_SETTLE), {"source": source, "after": after_record})
    return list(rows.scalars())


def customers_landed(connection: Connection, source: str, after_record: int) -> list[Ref]:
    """The companies and contacts that have a record version which landed after that id."""
    rows = connection.execute(text(_CUSTOMERS), {"source": source, "after": after_record})
    return [(ObjectType(object_type), external_id) for object_type, external_id in rows]


def mark_settled(connection: Connection, deal_keys: Sequence[str], run_id: str) -> None:
    """Note that a run settled the missed changes of these deals."""
    connection.execute(text(_MARK), {"deals": list(deal_keys), "run_id": run_id})


def was_read(connection: Connection, source: str) -> bool:
    """Whether the CRM was ever read as a whole. Before that everything would be a change."""
    return connection.execute(text(_WAS_READ), {"source": source}).scalar_one()


_FIND = """
    WITH announced AS (
        SELECT object_type, min(received_at) AS since
        FROM inbox.events
        WHERE source = :source AND object_type IN ('deal', 'line_item')
        GROUP BY object_type
    ),
    changed AS MATERIALIZED (
        SELECT
            head.object_type, head.external_id, record.id AS record_id, record.modified_at,
            record.associations,
            greatest(record.modified_at, earlier.received_at) - make_interval(secs => :tolerance)
                AS announced_from
        FROM raw.heads AS head
        INNER JOIN announced ON announced.object_type = head.object_type
        INNER JOIN raw.records AS record ON record.id = head.record_id
        LEFT JOIN raw.records AS earlier ON earlier.id = record.follows_id
        WHERE head.source = :source
            AND head.modified_at > clock_timestamp() - CAST(:window AS interval)
            AND record.modified_at >= announced.since
            AND record.modified_at < clock_timestamp() - make_interval(secs => :grace)
    ),
    unannounced AS (
        SELECT changed.*
        FROM changed
        WHERE NOT EXISTS (
            SELECT FROM inbox.events AS event
            WHERE event.source = :source AND event.object_type = changed.object_type
                AND event.external_ids @> ARRAY[changed.external_id]
                AND event.occurred_at >= changed.announced_from
        )
        AND NOT EXISTS (
            SELECT FROM raw.linked_records(changed.associations) AS linked
            INNER JOIN inbox.events AS event
                ON event.source = :source AND event.object_type = linked.object_type
                AND event.external_ids @> ARRAY[linked.external_id]
            WHERE changed.object_type = 'deal' AND event.occurred_at >= changed.announced_from
        )
    )
    INSERT INTO inbox.missed (deal_key, record_id, source, object_type, external_id, modified_at)
    SELECT :source || ':' || deal.external_id, one.record_id, :source, one.object_type, one.external_id,
        one.modified_at
    FROM unannounced AS one
    CROSS JOIN LATERAL (
        SELECT one.external_id WHERE one.object_type = 'deal'
        UNION
        SELECT linked.external_id
        FROM raw.linked_records(one.associations) AS linked
        WHERE one.object_type = 'line_item' AND linked.object_type = 'deal'
    ) AS deal (external_id)
    ON CONFLICT DO NOTHING
"""
_NEWEST = "SELECT coalesce(max(id), 0) FROM raw.records"
_TO_SETTLE = """
    SELECT deal_key FROM inbox.missed WHERE source = :source AND settled_at IS NULL
    UNION
    SELECT :source || ':' || external_id
    FROM raw.records
    WHERE id > :after AND source = :source AND object_type = 'deal'
    UNION
    SELECT :source || ':' || linked.external_id
    FROM raw.records AS record
    CROSS JOIN LATERAL raw.linked_records(record.associations) AS linked
    WHERE record.id > :after AND record.source = :source AND record.object_type = 'line_item'
        AND linked.object_type = 'deal'
    ORDER BY 1
"""
_CUSTOMERS = """
    SELECT DISTINCT object_type, external_id
    FROM raw.records
    WHERE id > :after AND source = :source AND object_type IN ('company', 'contact')
    ORDER BY object_type, external_id
"""
_MARK = """
    UPDATE inbox.missed SET settled_at = clock_timestamp(), run_id = :run_id
    WHERE deal_key = ANY(CAST(:deals AS text[])) AND settled_at IS NULL
"""
_WAS_READ = "SELECT EXISTS (SELECT FROM ops.cursors WHERE source = :source AND object_type = 'deal')"
