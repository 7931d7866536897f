"""Normalize: raw deals become versions of deals in our own terms; an unchanged deal makes no new version.

Belongs here: which deals are due, their inputs, versions. Does not belong here: reading fields (mapping),
judging a deal (gate).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.crm.records import CrmRecord, ObjectType
from integration_pipeline.mapping.apply import DealState, MappedDeal, map_deal
from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.customer_matching import primary_first
from integration_pipeline.pipeline.deal_locks import lock_deals
from integration_pipeline.pipeline.landing import associations_of, record_of
from integration_pipeline.pipeline.reports import StageReport, reporting
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.statistics import after_bulk

# Small, because the real-time path waits while a chunk of a long run is being written.
_CHUNK = 250


def normalize(pipeline: Pipeline, scope: Scope) -> StageReport:
    """Map every deal in scope whose records, customer or mapping changed. One transaction per 250 deals.

    Only deals that passed the raw gate are read. Counts: `deals_read`, `deals_new`, `deals_changed`,
    `deals_unchanged`, `won`, `lost`, `open`, `archived`.
    """
    with reporting("normalize") as report:
        ids = scope.deal_ids(pipeline.mapping.source)
        if ids is None:
            with pipeline.transaction() as connection:
                ids = list(connection.execute(_DUE, _parameters(pipeline)).scalars())
        for chunk in chunked(ids, _CHUNK):
            parameters = {**_parameters(pipeline), "ids": list(chunk)}
            with pipeline.transaction() as connection:
                # Two drivers may have found the same deals due: the second waits, and finds what is left.
                lock_deals(connection, [f"{pipeline.mapping.source}:{each}" for each in chunk])
                still_due = connection.execute(_DUE_RECORDS, parameters).all()
                if still_due:
                    _normalize_chunk(connection, pipeline, scope, still_due, report)
        after_bulk(pipeline, report.counts["deals_new"] + report.counts["deals_changed"], "crm")
    return report


def _parameters(pipeline: Pipeline) -> dict[str, Any]:
    return {"source": pipeline.mapping.source, "mapping_version": pipeline.mapping_version}


def _normalize_chunk(
    connection: Connection, pipeline: Pipeline, scope: Scope, due: Sequence[Row[Any]], report: StageReport
) -> None:
    rows: list[dict[str, Any]] = []
    for row in due:
        deal = record_of(row)
        customer = _customer_of(deal, row.customers)
        mapped = map_deal(
            pipeline.mapping,
            deal,
            [_line_item(deal, each) for each in row.line_items],
            None if customer is None else str(customer[0]),
            pipeline.zone_of_entity,
        )
        month = _close_month(pipeline, mapped, row.first_seen)
        if not scope.holds(month):
            continue
        recorded = pipeline.today(mapped.terms.entity if mapped.terms else None)
        rows.append(_deal_row(row, deal, mapped, customer, month, recorded))
        report.counts["deals_read"] += 1
        report.counts[mapped.state.value] += 1
    stored = connection.execute(
        _STORE,
        {"mapping_version": pipeline.mapping_version, "batch": json.dumps(rows)},
    ).one()
    report.counts["deals_new"] += stored.created
    report.counts["deals_changed"] += stored.changed
    report.counts["deals_unchanged"] += len(rows) - stored.created - stored.changed


def _line_item(deal: CrmRecord, stored: Mapping[str, Any]) -> CrmRecord:
    return CrmRecord(
        source=deal.source,
        object_type=ObjectType.LINE_ITEM,
        external_id=stored["external_id"],
        modified_at=datetime.fromisoformat(stored["modified_at"]),
        archived=False,
        properties=stored["properties"],
        associations=associations_of(stored["associations"]),
    )


def _customer_of(deal: CrmRecord, customers: Mapping[str, tuple[int, str]]) -> tuple[int, str] | None:
    """The customer of the deal's primary company, or else of any of its companies or contacts."""
    for kind in (ObjectType.COMPANY, ObjectType.CONTACT):
        for external_id in primary_first(deal.associations.get(kind, ())):
            if (found := customers.get(f"{kind.value} {external_id}")) is not None:
                return found
    return None


def _close_month(pipeline: Pipeline, mapped: MappedDeal, first_seen: date) -> date:
    """The month a deal is filed under: its close date's if that can be right, else when it was first seen."""
    # Where it is already tomorrow, deals are closed tomorrow.
    first, last = pipeline.rules.first_month, max(pipeline.days_by_entity().values())
    closed = mapped.close_date
    if closed is not None and first <= closed and closed.replace(day=1) <= last:
        return closed.replace(day=1)
    return max(first, min(first_seen, last)).replace(day=1)


def _deal_row(
    row: Row[Any],
    deal: CrmRecord,
    mapped: MappedDeal,
    customer: tuple[int, str] | None,
    month: date,
    recorded: date,
) -> dict[str, Any]:
    # Only what the CRM says: a default stored as if it had been stated may contradict what was.
    terms = mapped.terms.model_dump(mode="json", exclude_unset=True) if mapped.terms else None
    content: dict[str, Any] = {
        "state": mapped.state.value,
        "stage": mapped.stage or "",
        "name": mapped.name,
        "company_name": customer[1] if customer else None,
        "customer_id": customer[0] if customer else None,
        "owner": mapped.owner,
        "currency": mapped.currency,
        "amount_minor": mapped.amount.minor if mapped.amount is not None else None,
        "close_date": mapped.close_date.isoformat() if mapped.close_date else None,
        "close_month": month.isoformat(),
        "charge_count": mapped.charge_count,
        "terms": terms,
        "amendment_effective": mapped.amendment_effective and mapped.amendment_effective.isoformat(),
        "problems": [problem.as_json() for problem in mapped.problems],
    }
    if mapped.state is not DealState.WON:
        # What stands in the way of billing a deal that is not billed is nobody's work yet.
        content["problems"] = []
    text_of_content = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return {
        **content,
        "deal_key": f"{deal.source}:{deal.external_id}",
        "source": deal.source,
        "external_id": deal.external_id,
        "raw_record_id": row.id,
        "recorded_on": recorded.isoformat(),
        "inputs_hash": row.inputs_hash,
        "content_hash": hashlib.sha256(text_of_content.encode()).hexdigest(),
    }


# In one order for everybody, and to the end of the transaction.
# A deal is due if it was never read, if the mapping changed, or if what it is made of did.
_DUE = text("""
    SELECT inputs.external_id
    FROM raw.deal_inputs AS inputs
    INNER JOIN posting.gate_records AS gate
        ON gate.subject_kind = 'raw_record' AND gate.subject_id = inputs.record_id AND gate.passed
    LEFT JOIN crm.deal_heads AS known ON known.deal_key = inputs.source || ':' || inputs.external_id
    WHERE inputs.source = :source
        AND (
            known.deal_key IS NULL
            OR known.mapping_version <> :mapping_version
            OR known.inputs_hash <> inputs.hash
        )
    ORDER BY length(inputs.external_id), inputs.external_id
""")
# With the line items that are still there, and customers (their id and name) by `company 7` or `contact 8`.
# OFFSET keeps the look-ups by key: in a first run the planner takes tables just filled for empty ones.
_DUE_RECORDS = text("""
    SELECT
        record.*, inputs.hash AS inputs_hash, seen.first_day AS first_seen,
        coalesce(linked.line_items, '[]') AS line_items, coalesce(linked.customers, '{}') AS customers
    FROM raw.deal_inputs AS inputs
    INNER JOIN raw.records AS record ON record.id = inputs.record_id
    INNER JOIN posting.gate_records AS gate
        ON gate.subject_kind = 'raw_record' AND gate.subject_id = inputs.record_id AND gate.passed
    CROSS JOIN LATERAL (
        SELECT CAST(min(version.received_at) AT TIME ZONE 'UTC' AS date) AS first_day
        FROM raw.records AS version
        WHERE version.source = record.source AND version.object_type = record.object_type
            AND version.external_id = record.external_id
    ) AS seen
    CROSS JOIN LATERAL (
        SELECT
            jsonb_agg(
                jsonb_build_object(
                    'external_id', item.external_id, 'modified_at', item.modified_at,
                    'properties', item.properties, 'associations', item.associations
                )
                ORDER BY item.id
            ) FILTER (WHERE each.object_type = 'line_item' AND NOT item.archived) AS line_items,
            jsonb_object_agg(
                each.object_type || ' ' || each.external_id, jsonb_build_array(customer.id, customer.name)
            ) FILTER (WHERE customer.id IS NOT NULL) AS customers
        FROM raw.linked_records(record.associations) AS each
        LEFT JOIN LATERAL (
            SELECT item.*
            FROM raw.heads AS head
            INNER JOIN raw.records AS item ON item.id = head.record_id
            WHERE head.source = record.source AND head.object_type = each.object_type
                AND head.external_id = each.external_id
            OFFSET 0
        ) AS item ON each.object_type = 'line_item'
        LEFT JOIN LATERAL (
            SELECT customer.id, customer.name
            FROM crm.customer_links AS link
            INNER JOIN crm.customers AS customer ON customer.id = link.customer_id
            WHERE link.source = record.source AND link.object_type = each.object_type
                AND link.external_id = each.external_id
            OFFSET 0
        ) AS customer ON each.object_type IN ('company', 'contact')
    ) AS linked
    LEFT JOIN crm.deal_heads AS known ON known.deal_key = inputs.source || ':' || inputs.external_id
    WHERE inputs.source = :source AND inputs.external_id = ANY(CAST(:ids AS text[]))
        AND (
            known.deal_key IS NULL
            OR known.mapping_version <> :mapping_version
            OR known.inputs_hash <> inputs.hash
        )
    ORDER BY length(inputs.external_id), inputs.external_id
""")
_STORE = text("""
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS deal (
            deal_key text, source text, external_id text, raw_record_id bigint, inputs_hash text,
            close_month date, state text, stage text, name text, company_name text, customer_id bigint,
            owner text, currency text, amount_minor bigint, close_date date, charge_count integer,
            terms jsonb, amendment_effective date, recorded_on date, problems jsonb, content_hash text
        )
    ),
    compared AS (
        SELECT given.*, current.id AS current_id, current.version AS current_version,
            current.content_hash AS current_hash
        FROM given
        LEFT JOIN crm.deal_heads AS head ON head.deal_key = given.deal_key
        LEFT JOIN crm.deals AS current ON current.id = head.deal_id
    ),
    stored AS (
        INSERT INTO crm.deals (
            deal_key, source, external_id, version, raw_record_id, mapping_version, close_month, state, stage,
            name, company_name, customer_id, owner, currency, amount_minor, close_date, charge_count, terms,
            amendment_effective, recorded_on, problems, content_hash
        )
        SELECT
            deal_key, source, external_id, coalesce(current_version, 0) + 1, raw_record_id, :mapping_version,
            close_month, state, stage, name, company_name, customer_id, owner, currency, amount_minor,
            close_date, charge_count, nullif(terms, 'null'), amendment_effective, recorded_on, problems,
            content_hash
        FROM compared
        WHERE current_hash IS DISTINCT FROM content_hash
        ORDER BY length(external_id), external_id
        RETURNING id, deal_key, version
    ),
    moved AS (
        INSERT INTO crm.deal_heads AS head (deal_key, deal_id, close_month, inputs_hash, mapping_version)
        SELECT
            compared.deal_key, coalesce(stored.id, compared.current_id), compared.close_month,
            compared.inputs_hash, :mapping_version
        FROM compared
        LEFT JOIN stored ON stored.deal_key = compared.deal_key
        ON CONFLICT (deal_key) DO UPDATE SET
            deal_id = excluded.deal_id, close_month = excluded.close_month,
            inputs_hash = excluded.inputs_hash, mapping_version = excluded.mapping_version,
            updated_at = clock_timestamp()
    )
    SELECT
        count(*) FILTER (WHERE version = 1) AS created, count(*) FILTER (WHERE version > 1) AS changed
    FROM stored
""")
