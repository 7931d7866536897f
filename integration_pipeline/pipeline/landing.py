"""Landing: versions of CRM records go into `raw`, each once, and the head points at the newest; and back.

Belongs here: what counts as a new version, what PostgreSQL cannot store. Does not belong here: which records
are read when (`extract`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.crm.records import Association, CrmRecord, ObjectType

# PostgreSQL's text holds neither a NUL nor half a surrogate pair. In what people type or import, both are
# debris: without it the record still says the same.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def land(connection: Connection, source: str, object_type: ObjectType, records: Sequence[CrmRecord]) -> int:
    """Store what is new of `records`, at most one version of each; answers how many landed."""
    batch = [_as_json(_storable(record)) for record in records]
    parameters = {"source": source, "object_type": object_type.value, "batch": json.dumps(batch)}
    return connection.execute(text(_LAND), parameters).scalar_one()


def record_of(row: Row[Any]) -> CrmRecord:
    """A row of `raw.records` as the record it came from."""
    return CrmRecord(
        source=row.source,
        object_type=ObjectType(row.object_type),
        external_id=row.external_id,
        modified_at=row.modified_at,
        archived=row.archived,
        properties=row.properties,
        associations={
            ObjectType(kind): tuple(Association(link["id"], tuple(link["labels"])) for link in links)
            for kind, links in row.associations.items()
        },
    )


def _as_json(record: CrmRecord) -> dict[str, object]:
    return {
        "external_id": record.external_id,
        "modified_at": record.modified_at.isoformat(),
        "archived": record.archived,
        "content_hash": record.content_hash(),
        "properties": dict(record.properties),
        "associations": record.associations_as_json(),
    }


def _storable(record: CrmRecord) -> CrmRecord:
    properties: Mapping[str, str | None] = {
        name: value if value is None else _UNSTORABLE.sub("\ufffd", value)
        for name, value in record.properties.items()
    }
    return replace(record, properties=properties)


# A version lands if it differs from the newest one known. The head moves only forward in time, so an old
# version that arrives late is kept (once) and changes nothing. A newer modification of the same content
# lands nothing, but it makes what lies between the two late.
_LAND = """
    WITH given AS (
        SELECT record.*, head.record_id AS newest_id, head.modified_at AS newest_modified_at,
            newest.content_hash AS newest_hash
        FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS record (
            external_id text, modified_at timestamptz, archived boolean, content_hash text,
            properties jsonb, associations jsonb
        )
        LEFT JOIN raw.heads AS head
            ON head.source = :source AND head.object_type = :object_type
            AND head.external_id = record.external_id
        LEFT JOIN raw.records AS newest ON newest.id = head.record_id
    ),
    landed AS (
        INSERT INTO raw.records (
            source, object_type, external_id, modified_at, archived, content_hash, properties, associations,
            follows_id
        )
        SELECT
            :source, :object_type, given.external_id, given.modified_at, given.archived,
            given.content_hash, given.properties, given.associations, coalesce(given.newest_id, 0)
        FROM given
        WHERE given.newest_hash IS DISTINCT FROM given.content_hash
            AND NOT (
                given.modified_at < coalesce(given.newest_modified_at, '-infinity')
                AND EXISTS (
                    SELECT FROM raw.records AS kept
                    WHERE kept.source = :source AND kept.object_type = :object_type
                        AND kept.external_id = given.external_id AND kept.modified_at = given.modified_at
                        AND kept.content_hash = given.content_hash
                )
            )
        ORDER BY given.external_id
        ON CONFLICT DO NOTHING
        RETURNING id, external_id, modified_at
    ),
    newer AS (
        SELECT id, external_id, modified_at FROM landed
        UNION ALL
        SELECT newest_id, external_id, modified_at FROM given
        WHERE newest_hash = content_hash AND modified_at > newest_modified_at
    ),
    moved AS (
        INSERT INTO raw.heads AS head (source, object_type, external_id, record_id, modified_at)
        SELECT :source, :object_type, newer.external_id, newer.id, newer.modified_at
        FROM newer
        ORDER BY newer.external_id
        ON CONFLICT (source, object_type, external_id) DO UPDATE
        SET record_id = excluded.record_id, modified_at = excluded.modified_at
        WHERE head.modified_at <= excluded.modified_at
    )
    SELECT count(*) FROM landed
"""
