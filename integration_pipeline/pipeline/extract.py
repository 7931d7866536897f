"""Extract: CRM records land in `raw`, every version once, and the cursor moves when all of a type is in.

Belongs here: which types are read in which order, landing, cursors, references to records not yet read.
Does not belong here: the vendor's paging (its connector), the meaning of a field (mapping).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from integration_pipeline.crm.records import CrmRecord, ObjectType
from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.reports import StageReport, reporting
from integration_pipeline.pipeline.statistics import after_bulk

# Companies before contacts before deals: what a record refers to is usually there before it.
READ_ORDER = (
    ObjectType.COMPANY,
    ObjectType.CONTACT,
    ObjectType.PRODUCT,
    ObjectType.LINE_ITEM,
    ObjectType.DEAL,
)
_REFERENCED = (ObjectType.COMPANY, ObjectType.CONTACT, ObjectType.LINE_ITEM)
_FETCH_AT_ONCE = 1_000


class Source(Protocol):
    """What a CRM connector offers."""

    name: str

    def changed_since(
        self, object_type: ObjectType, since: datetime | None, properties: Sequence[str]
    ) -> Iterator[list[CrmRecord]]: ...

    def archived_since(
        self, object_type: ObjectType, since: datetime | None, properties: Sequence[str]
    ) -> Iterator[list[CrmRecord]]: ...

    def fetch(
        self, object_type: ObjectType, ids: Sequence[str], properties: Sequence[str]
    ) -> list[CrmRecord]: ...


def extract(
    pipeline: Pipeline, source: Source, object_types: Iterable[ObjectType] = READ_ORDER
) -> StageReport:
    """Read what changed since the last time. Safe to repeat: an unchanged record lands nothing.

    Counts: `read_<type>`, `new_<type>` (versions that landed). Raises the transport's failures; what
    landed before stays, and the type is read again from its old cursor.
    """
    with reporting("extract") as report:
        for object_type in object_types:
            _extract_type(pipeline, source, object_type, report)
        _fetch_missing(pipeline, source, report)
        landed = sum(count for name, count in report.counts.items() if name.startswith("new_"))
        after_bulk(pipeline, landed, "raw")
    return report


def extract_deals(pipeline: Pipeline, source: Source, deal_ids: Sequence[str]) -> StageReport:
    """Read just these deals, their line items, companies and contacts, whatever the cursors say."""
    with reporting("extract") as report:
        deals = source.fetch(ObjectType.DEAL, deal_ids, _properties(pipeline, ObjectType.DEAL))
        _land(pipeline, source.name, ObjectType.DEAL, deals, report)
        for kind in _REFERENCED:
            ids = {link.external_id for deal in deals for link in deal.associations.get(kind, ())}
            for chunk in chunked(sorted(ids), _FETCH_AT_ONCE):
                records = source.fetch(kind, chunk, _properties(pipeline, kind))
                _land(pipeline, source.name, kind, records, report)
    return report


def _extract_type(pipeline: Pipeline, source: Source, object_type: ObjectType, report: StageReport) -> None:
    properties = _properties(pipeline, object_type)
    with pipeline.engine.connect() as connection:
        since = connection.execute(
            text(_CURSOR), {"source": source.name, "object_type": object_type.value}
        ).scalar()
    newest = since
    pages: list[Iterator[list[CrmRecord]]] = [source.changed_since(object_type, since, properties)]
    if since is not None:  # on the first read nothing that is already archived was ever billed
        pages.append(source.archived_since(object_type, since, properties))
    for stream in pages:
        for records in stream:
            _land(pipeline, source.name, object_type, records, report)
            newest = max([record.modified_at for record in records] + ([newest] if newest else []))
    if newest is not None:
        with pipeline.engine.begin() as connection:
            connection.execute(
                text(_MOVE_CURSOR),
                {"source": source.name, "object_type": object_type.value, "watermark": newest},
            )


def _fetch_missing(pipeline: Pipeline, source: Source, report: StageReport) -> None:
    """Records that deals and contacts point at but that were created after their own type was read."""
    with pipeline.engine.connect() as connection:
        missing = connection.execute(text(_MISSING), {"source": source.name}).all()
    for kind in _REFERENCED:
        ids = sorted(row.external_id for row in missing if row.object_type == kind.value)
        for chunk in chunked(ids, _FETCH_AT_ONCE):
            records = source.fetch(kind, chunk, _properties(pipeline, kind))
            _land(pipeline, source.name, kind, records, report)


def _properties(pipeline: Pipeline, object_type: ObjectType) -> tuple[str, ...]:
    return pipeline.mapping.properties(object_type)


def _land(
    pipeline: Pipeline,
    source: str,
    object_type: ObjectType,
    records: Sequence[CrmRecord],
    report: StageReport,
) -> None:
    newest = {record.external_id: record for record in sorted(records, key=lambda each: each.modified_at)}
    with pipeline.engine.begin() as connection:
        landed = _insert(connection, source, object_type, list(newest.values()))
    report.counts[f"read_{object_type.value}"] += len(records)
    report.counts[f"new_{object_type.value}"] += landed


def _insert(
    connection: Connection, source: str, object_type: ObjectType, records: Sequence[CrmRecord]
) -> int:
    batch = [
        {
            "external_id": record.external_id,
            "modified_at": record.modified_at.isoformat(),
            "archived": record.archived,
            "content_hash": record.content_hash(),
            "properties": dict(record.properties),
            "associations": record.associations_as_json(),
        }
        for record in records
    ]
    # PostgreSQL's text holds no NUL; such a character from a form or an import means nothing to billing.
    document = json.dumps(batch).replace("\\u0000", "\\ufffd")
    parameters = {"source": source, "object_type": object_type.value, "batch": document}
    return connection.execute(text(_LAND), parameters).scalar_one()


_CURSOR = "SELECT watermark FROM ops.cursors WHERE source = :source AND object_type = :object_type"

_MOVE_CURSOR = """
    INSERT INTO ops.cursors AS cursor (source, object_type, watermark)
    VALUES (:source, :object_type, :watermark)
    ON CONFLICT (source, object_type) DO UPDATE
    SET watermark = greatest(cursor.watermark, excluded.watermark), updated_at = clock_timestamp()
"""

# A version lands if it differs from the newest one known; the head moves only forward in time, so an
# old version that arrives late is kept and changes nothing.
_LAND = """
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS record (
            external_id text, modified_at timestamptz, archived boolean, content_hash text,
            properties jsonb, associations jsonb
        )
    ),
    landed AS (
        INSERT INTO raw.records (
            source, object_type, external_id, modified_at, archived, content_hash, properties, associations
        )
        SELECT
            :source, :object_type, given.external_id, given.modified_at, given.archived,
            given.content_hash, given.properties, given.associations
        FROM given
        LEFT JOIN raw.heads AS head
            ON head.source = :source AND head.object_type = :object_type
            AND head.external_id = given.external_id
        LEFT JOIN raw.records AS newest ON newest.id = head.record_id
        WHERE newest.content_hash IS DISTINCT FROM given.content_hash
        ORDER BY given.external_id
        ON CONFLICT DO NOTHING
        RETURNING id, external_id, modified_at
    ),
    moved AS (
        INSERT INTO raw.heads AS head (source, object_type, external_id, record_id, modified_at)
        SELECT :source, :object_type, landed.external_id, landed.id, landed.modified_at
        FROM landed
        ORDER BY landed.external_id
        ON CONFLICT (source, object_type, external_id) DO UPDATE
        SET record_id = excluded.record_id, modified_at = excluded.modified_at
        WHERE head.modified_at <= excluded.modified_at
    )
    SELECT count(*) FROM landed
"""

_MISSING = """
    SELECT DISTINCT linked.object_type, linked.external_id
    FROM raw.heads AS head
    INNER JOIN raw.records AS record ON record.id = head.record_id
    CROSS JOIN LATERAL raw.linked_records(record.associations) AS linked
    LEFT JOIN raw.heads AS target
        ON target.source = head.source AND target.object_type = linked.object_type
        AND target.external_id = linked.external_id
    WHERE head.source = :source AND head.object_type IN ('deal', 'contact') AND target.external_id IS NULL
"""
