"""Landing: versions of CRM records go into `raw`, each once, and the head points at the newest; and back.

Belongs here: what counts as a new version, what PostgreSQL cannot store. Does not belong here: which records
are read when (`extract`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.crm.records import Association, CrmRecord, ObjectType
from integration_pipeline.store.texts import UNSTORABLE


def land(connection: Connection, records: Sequence[CrmRecord], read_at: datetime) -> Counter[ObjectType]:
    """Store what is new of `records`, of whatever types, at most one version of each; answers how many of
    each type landed. `read_at` is when their reading began, or earlier.
    """
    if not records:
        return Counter()
    batch = [_as_json(_storable(record)) for record in records]
    rows = connection.execute(text(_LAND), {"batch": json.dumps(batch), "read_at": read_at})
    return Counter({ObjectType(row.object_type): row.landed for row in rows})


def record_of(row: Row[Any]) -> CrmRecord:
    """A row of `raw.records` as the record it came from."""
    return CrmRecord(
        source=row.source,
        object_type=ObjectType(row.object_type),
        external_id=row.external_id,
        modified_at=row.modified_at,
        archived=row.archived,
        properties=row.properties,
        associations=associations_of(row.associations),
    )


def associations_of(column: Mapping[str, list[dict[str, Any]]]) -> dict[ObjectType, tuple[Association, ...]]:
    """The column `associations` as what it was made of."""
    return {
        ObjectType(kind): tuple(Association(link["id"], tuple(link["labels"])) for link in links)
        for kind, links in column.items()
    }


def _as_json(record: CrmRecord) -> dict[str, object]:
    return {
        "source": record.source,
        "object_type": record.object_type,
        "external_id": record.external_id,
        "modified_at": record.modified_at.isoformat(),
        "archived": record.archived,
        "content_hash": record.content_hash(),
        "properties": dict(record.properties),
        "associations": record.associations_as_json(),
    }


def _storable(record: CrmRecord) -> CrmRecord:
    properties: Mapping[str, str | None] = {
        name: value if value is None else UNSTORABLE.sub("\ufffd", value)
        for name, value in record.properties.items()
    }
    return replace(record, properties=properties)


# A version lands if it differs from the newest one known. The head moves only forward in time, so an old
# version that arrives late is kept (once) and changes nothing. Late is what was modified before the newest
# known, and what was modified with it but read before: links change without a new modification time, and two
# drivers may read at once. What is found unchanged makes what lies between late.
# OFFSET 0: PostgreSQL takes every batch for a hundred records and would read all heads for three of them.
_LAND = """
    WITH given AS (
        SELECT record.*, head.record_id AS newest_id, head.modified_at AS newest_modified_at,
            head.read_at AS newest_read_at, newest.content_hash AS newest_hash
        FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS record (
            source text, object_type text, external_id text, modified_at timestamptz, archived boolean,
            content_hash text, properties jsonb, associations jsonb
        )
        LEFT JOIN LATERAL (
            SELECT * FROM raw.heads
            WHERE heads.source = record.source AND heads.object_type = record.object_type
                AND heads.external_id = record.external_id
            OFFSET 0
        ) AS head ON TRUE
        LEFT JOIN raw.records AS newest ON newest.id = head.record_id
    ),
    landed AS (
        INSERT INTO raw.records (
            source, object_type, external_id, modified_at, archived, content_hash, properties, associations,
            follows_id
        )
        SELECT
            given.source, given.object_type, given.external_id, given.modified_at, given.archived,
            given.content_hash, given.properties, given.associations, coalesce(given.newest_id, 0)
        FROM given
        WHERE given.newest_hash IS DISTINCT FROM given.content_hash
            AND (given.newest_id IS NULL OR NOT (
                (given.modified_at, CAST(:read_at AS timestamptz))
                < (given.newest_modified_at, given.newest_read_at)
                AND EXISTS (
                    SELECT FROM raw.records AS kept
                    WHERE kept.source = given.source AND kept.object_type = given.object_type
                        AND kept.external_id = given.external_id AND kept.modified_at = given.modified_at
                        AND kept.content_hash = given.content_hash
                )
            ))
        ORDER BY given.source, given.object_type, given.external_id
        ON CONFLICT DO NOTHING
        RETURNING id, source, object_type, external_id, modified_at
    ),
    newer AS (
        SELECT id, source, object_type, external_id, modified_at FROM landed
        UNION ALL
        SELECT newest_id, source, object_type, external_id, modified_at FROM given
        WHERE newest_hash = content_hash
            AND (modified_at, CAST(:read_at AS timestamptz)) > (newest_modified_at, newest_read_at)
    ),
    moved AS (
        INSERT INTO raw.heads AS head (source, object_type, external_id, record_id, modified_at, read_at)
        SELECT newer.source, newer.object_type, newer.external_id, newer.id, newer.modified_at, :read_at
        FROM newer
        ORDER BY newer.source, newer.object_type, newer.external_id
        ON CONFLICT (source, object_type, external_id) DO UPDATE
        SET record_id = excluded.record_id, modified_at = excluded.modified_at, read_at = excluded.read_at
        WHERE (head.modified_at, head.read_at) <= (excluded.modified_at, excluded.read_at)
    )
    SELECT object_type, count(*) AS landed FROM landed GROUP BY object_type
"""
