"""Extract: CRM records land in `raw`, every version once, and the cursor moves when all of a type is in.

Belongs here: which types are read in which order, cursors, references to records not yet read.
Does not belong here: in which calls certain records are read (`rounds`), what is a new version (`landing`),
the vendor's paging (its connector), the meaning of a field (mapping).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from integration_pipeline.crm.records import CrmRecord, ObjectType
from integration_pipeline.crm.source import Source
from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.landing import land
from integration_pipeline.pipeline.reports import StageReport, reporting
from integration_pipeline.pipeline.rounds import Ref, Rounds
from integration_pipeline.pipeline.statistics import after_bulk

# Companies before contacts before deals: what a record refers to is usually there before it.
READ_ORDER = (
    ObjectType.COMPANY,
    ObjectType.CONTACT,
    ObjectType.PRODUCT,
    ObjectType.LINE_ITEM,
    ObjectType.DEAL,
)
# Contacts before companies: they have companies of their own.
_REFERENCED = (ObjectType.CONTACT, ObjectType.COMPANY, ObjectType.LINE_ITEM)
ALWAYS_READ = timedelta(0)
_FETCH_AT_ONCE = 1_000
_LINKS_AT_ONCE = 10_000


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


def extract_deals(
    pipeline: Pipeline,
    source: Source,
    deal_ids: Sequence[str],
    *,
    related_max_age: timedelta = ALWAYS_READ,
) -> StageReport:
    """Read just these deals, their line items, contacts and companies, whatever the cursors say.

    `related_max_age` as in `extract_records`; without it everything is read.
    """
    report, _ = extract_records(
        pipeline, source, {ObjectType.DEAL: deal_ids}, related_max_age=related_max_age
    )
    return report


def extract_records(
    pipeline: Pipeline,
    source: Source,
    wanted: Mapping[ObjectType, Sequence[str]],
    *,
    related_max_age: timedelta = ALWAYS_READ,
) -> tuple[StageReport, list[str]]:
    """Read certain records of any types, land them in one transaction, and answer which deals they concern.

    Deals come with their line items, contacts and companies, line items with the deals they belong to (and
    all of theirs). The answer, in order: the deals that were read, and those in `raw` that refer to one of
    the wanted records, directly or by a contact of the company. Counts as for `extract`.

    A company or contact that `raw` knows is not read again along with a deal if it landed, or all of its
    type were read, less than `related_max_age` ago, and was read with every property the mapping asks for.
    That is as true as the news of its own changes: webhooks or the schedule bring them. Until they do, a
    deal is billed to the customer as it was known; with the schedule's interval as the age, never longer
    than without webhooks. `timedelta.max` trusts whatever is known. A deal's links and line items are always
    read.
    """
    rounds = Rounds(pipeline, source, related_max_age)
    named = [(kind, each) for kind, ids in wanted.items() for each in ids]
    with reporting("extract") as report:
        asked_at = datetime.now(UTC)
        rounds.run(named)
        _land(pipeline, list(rounds.read.values()), asked_at, report)
        deals = {each for kind, each in rounds.read if kind is ObjectType.DEAL}
        deals |= deals_referring(pipeline, source, [ref for ref in named if ref[0] in _REFERENCED])
    return report, sorted(deals)


def deals_referring(pipeline: Pipeline, source: Source, refs: Sequence[Ref]) -> set[str]:
    """Ids of the deals in `raw` that refer to one of the records, directly or by a contact of the company."""
    if not refs:
        return set()
    named = json.dumps([{"object_type": kind, "external_id": each} for kind, each in refs])
    with pipeline.engine.connect() as connection:
        rows = connection.execute(text(_REFERRING), {"source": source.name, "refs": named})
        return set(rows.scalars())


def _extract_type(pipeline: Pipeline, source: Source, object_type: ObjectType, report: StageReport) -> None:
    properties = _properties(pipeline, object_type)
    key = {"source": source.name, "object_type": object_type.value}
    asked = {**key, "properties": list(properties)}
    with pipeline.engine.connect() as connection:
        since = connection.execute(text(_CURSOR), asked).scalar()
    newest = since
    asked_at = datetime.now(UTC)
    deals_of_line_items: list[dict[str, str]] = []
    for records in source.changed_since(object_type, since, properties):
        _land(pipeline, records, asked_at, report)
        # What is archived moves no cursor: a record changed just before that archiving may still be unread.
        newest = max([record.modified_at for record in records] + ([newest] if newest else []))
        if object_type is ObjectType.LINE_ITEM:
            deals_of_line_items += [
                {"line_item": record.external_id, "deal": link.external_id}
                for record in records
                for link in record.associations.get(ObjectType.DEAL, ())
            ]
    for records in source.archived_since(object_type, since, properties):
        # Of what was archived before the first read, only what an earlier, broken read took in matters.
        gone = records if since is not None else _known(pipeline, key, records)
        _land(pipeline, gone, asked_at, report)
    _read_unaware_deals(pipeline, source, deals_of_line_items, report)
    if newest is not None:
        with pipeline.engine.begin() as connection:
            connection.execute(text(_MOVE_CURSOR), {**asked, "watermark": newest})


def _known(pipeline: Pipeline, key: dict[str, str], records: Sequence[CrmRecord]) -> list[CrmRecord]:
    ids = [record.external_id for record in records]
    with pipeline.engine.connect() as connection:
        known = set(connection.execute(text(_KNOWN), {**key, "ids": ids}).scalars())
    return [record for record in records if record.external_id in known]


def _read_unaware_deals(
    pipeline: Pipeline, source: Source, links: Sequence[dict[str, str]], report: StageReport
) -> None:
    """Deals that do not name a line item that names them: getting one does not count as their change."""
    unaware: set[str] = set()
    with pipeline.engine.connect() as connection:
        for chunk in chunked(links, _LINKS_AT_ONCE):
            rows = connection.execute(text(_UNAWARE), {"source": source.name, "links": json.dumps(chunk)})
            unaware.update(rows.scalars())
    for ids in chunked(sorted(unaware), _FETCH_AT_ONCE):
        asked_at = datetime.now(UTC)
        deals = source.fetch(ObjectType.DEAL, ids, _properties(pipeline, ObjectType.DEAL))
        _land(pipeline, deals, asked_at, report)


def _fetch_missing(pipeline: Pipeline, source: Source, report: StageReport) -> None:
    """Records that deals and contacts point at but that were created after their own type was read."""
    with pipeline.engine.connect() as connection:
        missing = connection.execute(text(_MISSING), {"source": source.name}).all()
    for kind in _REFERENCED:
        ids = sorted(row.external_id for row in missing if row.object_type == kind.value)
        for chunk in chunked(ids, _FETCH_AT_ONCE):
            asked_at = datetime.now(UTC)
            records = source.fetch(kind, chunk, _properties(pipeline, kind))
            _land(pipeline, records, asked_at, report)


def _properties(pipeline: Pipeline, object_type: ObjectType) -> tuple[str, ...]:
    return pipeline.mapping.properties(object_type)


def _land(pipeline: Pipeline, records: Sequence[CrmRecord], asked_at: datetime, report: StageReport) -> None:
    if not records:
        return
    newest = {
        (record.object_type, record.external_id): record
        for record in sorted(records, key=lambda each: each.modified_at)
    }
    with pipeline.engine.begin() as connection:
        landed = land(connection, list(newest.values()), asked_at)
    for record in records:
        report.counts[f"read_{record.object_type.value}"] += 1
    for kind in {record.object_type for record in records}:
        report.counts[f"new_{kind.value}"] += landed[kind]


# A mapping that reads a property nobody asked for so far begins from the beginning.
_CURSOR = """
    SELECT watermark FROM ops.cursors
    WHERE source = :source AND object_type = :object_type AND properties @> CAST(:properties AS text[])
"""

_MOVE_CURSOR = """
    INSERT INTO ops.cursors AS cursor (source, object_type, watermark, properties)
    VALUES (:source, :object_type, :watermark, CAST(:properties AS text[]))
    ON CONFLICT (source, object_type) DO UPDATE
    SET watermark = greatest(cursor.watermark, excluded.watermark), properties = excluded.properties,
        updated_at = clock_timestamp()
"""

_KNOWN = """
    SELECT external_id FROM raw.heads
    WHERE source = :source AND object_type = :object_type AND external_id = ANY(CAST(:ids AS text[]))
"""
_UNAWARE = """
    SELECT DISTINCT head.external_id
    FROM jsonb_to_recordset(CAST(:links AS jsonb)) AS given (line_item text, deal text)
    INNER JOIN raw.heads AS head
        ON head.source = :source AND head.object_type = 'deal' AND head.external_id = given.deal
    INNER JOIN raw.records AS record ON record.id = head.record_id
    WHERE NOT record.archived
        AND NOT EXISTS (
            SELECT FROM raw.linked_records(record.associations) AS linked
            WHERE linked.object_type = 'line_item' AND linked.external_id = given.line_item
        )
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
_REFERRING = """
    WITH named AS (
        SELECT given.object_type, given.external_id
        FROM jsonb_to_recordset(CAST(:refs AS jsonb)) AS given (object_type text, external_id text)
    ),
    people AS (
        SELECT 'contact' AS object_type, head.external_id
        FROM named
        INNER JOIN raw.records AS record
            ON record.object_type = 'contact' AND record.associations
            @> jsonb_build_object('company', jsonb_build_array(jsonb_build_object('id', named.external_id)))
        INNER JOIN raw.heads AS head ON head.record_id = record.id
        WHERE named.object_type = 'company' AND head.source = :source
    ),
    concerned AS (
        SELECT object_type, external_id FROM named
        UNION
        SELECT object_type, external_id FROM people
    )
    SELECT DISTINCT head.external_id
    FROM concerned
    INNER JOIN raw.records AS record
        ON record.object_type = 'deal' AND record.associations @> jsonb_build_object(
            concerned.object_type, jsonb_build_array(jsonb_build_object('id', concerned.external_id))
        )
    INNER JOIN raw.heads AS head ON head.record_id = record.id
    WHERE head.source = :source
"""
