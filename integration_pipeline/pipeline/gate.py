"""The gate: what a suite passes may go on, what it fails is set aside row by row, with the reason.

Belongs here: the rows each suite is shown, gate records, quarantine rows. Does not belong here: the rules
(`quality.suites`), what a person does about a quarantined row (`quarantine`).

A verdict is about one immutable version: a raw record, a deal version, a document revision. A newer
version of the same record closes the older one's quarantine rows as resolved.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, text

from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.reports import StageReport, reporting
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.statistics import after_bulk
from integration_pipeline.quality.rules import RowFailure, Suite
from integration_pipeline.quality.suites import DEALS, PLANNED_DOCUMENTS, RAW_DEALS, WITHDRAWN_DEALS

_CHUNK = 10_000
_CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a suite judges: how to find the versions without a verdict, and how to show them to the suite."""

    kind: str
    suite: Suite
    due: str
    row: Callable[[Pipeline, Row[Any]], dict[str, Any]]


def gate_raw_deals(pipeline: Pipeline, scope: Scope) -> StageReport:
    """Judge the newest raw version of every deal in scope (by deal; a raw deal has no month yet)."""
    return _gate(pipeline, Scope(deal_keys=scope.deal_keys), "raw_gate", (_RAW_DEALS,))


def gate_deals(pipeline: Pipeline, scope: Scope) -> StageReport:
    """Judge won deals before they are billed, and deals no longer won before anything is credited."""
    return _gate(pipeline, scope, "deal_gate", (_DEALS, _WITHDRAWN))


def gate_documents(pipeline: Pipeline, scope: Scope) -> StageReport:
    """Judge planned invoices and credit notes: only what passes here is ever posted."""
    return _gate(pipeline, scope, "document_gate", (_DOCUMENTS,))


def _gate(pipeline: Pipeline, scope: Scope, stage: str, subjects: Sequence[_Subject]) -> StageReport:
    """Counts: `passed`, `quarantined`, `resolved` (older quarantine rows a newer version settled)."""
    with reporting(stage) as report:
        for subject in subjects:
            parameters = {
                **scope.parameters(),
                "ids": scope.deal_ids(pipeline.mapping.source),
                "source": pipeline.mapping.source,
                "suite_version": subject.suite.version,
            }
            with pipeline.engine.connect() as connection:
                due = connection.execute(text(subject.due), parameters).all()
            for chunk in chunked(due, _CHUNK):
                _judge(pipeline, subject, chunk, report)
        after_bulk(pipeline, report.counts["passed"] + report.counts["quarantined"], "posting")
        with pipeline.engine.begin() as connection:
            report.counts["resolved"] += connection.execute(text(_RESOLVE_OUTDATED)).rowcount
    return report


def _judge(pipeline: Pipeline, subject: _Subject, due: Sequence[Row[Any]], report: StageReport) -> None:
    verdict = pipeline.evaluate(subject.suite, [subject.row(pipeline, row) for row in due])
    report.verdicts.append(verdict)
    failed = verdict.failed_row_ids
    by_id = {row.id: row for row in due}
    records = [{"subject_id": row.id, "passed": row.id not in failed} for row in due]
    quarantine = [_quarantine_row(by_id[int(failure.row_id)], failure) for failure in verdict.failures]
    with pipeline.engine.begin() as connection:
        connection.execute(
            text(_RECORD),
            {
                "kind": subject.kind,
                "suite": verdict.suite,
                "suite_version": verdict.suite_version,
                "batch": json.dumps(records),
            },
        )
        report.counts["resolved"] += connection.execute(
            text(_RESOLVE_MENDED),
            {"kind": subject.kind, "subjects": list(by_id), "batch": json.dumps(quarantine)},
        ).rowcount
        connection.execute(
            text(_QUARANTINE),
            {"kind": subject.kind, "suite": verdict.suite, "batch": json.dumps(quarantine)},
        )
    report.counts["passed"] += len(due) - len(failed)
    report.counts["quarantined"] += len(failed)


def _quarantine_row(row: Row[Any], failure: RowFailure) -> dict[str, Any]:
    problem = _problem_behind(row, failure)
    return {
        "subject_id": row.id,
        "source": row.source,
        "external_id": row.external_id,
        "record_name": row.name,
        "close_month": row.close_month.isoformat() if row.close_month else None,
        "rule": failure.rule,
        "field": problem["field"] if problem else failure.field,
        "value": problem["value"] if problem else failure.value,
        "reason": failure.reason,
        "next_step": failure.next_step,
        "waivable": failure.waivable,
    }


def _problem_behind(row: Row[Any], failure: RowFailure) -> dict[str, Any] | None:
    """The CRM field a mapping failure is about, so that the row names it and not just `mapped fields`."""
    problems: list[dict[str, Any]] = getattr(row, "problems", None) or []
    return problems[0] if problems and failure.rule == "fields_can_be_mapped" else None


def _raw_deal_row(pipeline: Pipeline, row: Row[Any]) -> dict[str, Any]:
    properties: dict[str, str | None] = row.properties
    candidate = pipeline.mapping.deal.state[0]
    stage = (properties.get(candidate.field or "") or "").strip() or None
    known = candidate.otherwise is not None or candidate.values is None or stage in candidate.values
    return {
        "row_id": row.id,
        "external_id": row.external_id,
        "deal_name": row.name,
        "stage": stage,
        "unknown_stage": None if stage is None or known else stage,
        "property_count": sum(value is not None for value in properties.values()),
        "modified_at_in_future": row.modified_at > datetime.now(UTC) + _CLOCK_TOLERANCE,
    }


def _deal_row(_: Pipeline, row: Row[Any]) -> dict[str, Any]:
    problems: list[dict[str, Any]] = row.problems
    # A value that could not be read is reported as such; that it is therefore missing is no second fault.
    unread = bool(problems)
    # Without a currency nobody can say what the amount is, either.
    unread_amount = row.amount_minor is None and (unread or row.currency is None)
    # What usage or tiers will come to is not known when the deal is won.
    open_amount = not row.amount_minor and _is_priced_later(row.terms)
    return {
        "row_id": row.id,
        "external_id": row.external_id,
        "deal_name": row.name,
        "customer_id": row.customer_id,
        "company_name": row.company_name,
        "currency": "(unread)" if unread and row.currency is None else row.currency,
        "unknown_currency": None,
        "amount_minor": 1 if unread_amount or open_amount else row.amount_minor,
        "close_date": row.close_date or (row.close_month if unread else None),
        "charge_count": max(1, row.charge_count) if unread or row.amount_minor is None else row.charge_count,
        "mapping_problem": "; ".join(problem["message"] for problem in problems) or None,
        "duplicate_of": row.duplicate_of,
    }


def _is_priced_later(terms: dict[str, Any] | None) -> bool:
    charges: list[dict[str, Any]] = terms["charges"] if terms else []
    return any(charge.get("metric") or charge.get("price") for charge in charges)


def _withdrawn_row(_: Pipeline, row: Row[Any]) -> dict[str, Any]:
    return {
        "row_id": row.id,
        "external_id": row.external_id,
        "deal_name": row.name,
        "state": row.state,
        "invoiced_as": row.invoiced_as,
    }


def _document_row(_: Pipeline, row: Row[Any]) -> dict[str, Any]:
    return {
        "row_id": row.id,
        "document_key": row.document_key,
        "external_id": row.external_id,
        "kind": row.kind.replace("_", " "),
        "entity": row.entity,
        "currency": row.currency,
        "net_minor": row.net_minor,
        "lines_total_minor": int(row.lines_total_minor),
        "taxes_minor": row.tax_minor,
        "lines_tax_minor": int(row.lines_tax_minor),
        "total_minor": row.total_minor,
        "net_and_taxes_minor": row.net_minor + int(row.taxes_by_rate_minor),
        "line_count": row.line_count,
        "unexplained_lines": row.unexplained_lines,
        "issue_date": row.issue_date,
        "due_date": row.due_date,
        "customer_id": row.customer_id,
        "held_for": row.held_for,
    }


# Of two equal deals the one that is billed already is the original, otherwise the one with the lower id (an
# older deal may be won later). What was held as a copy is judged again when its twin is gone.
# A waived version stays passed when the rules change: a person has looked at it.
_RAW_DEALS = _Subject(
    kind="raw_record",
    suite=RAW_DEALS,
    row=_raw_deal_row,
    due="""
        SELECT
            record.id, record.source, record.external_id, record.properties, record.modified_at,
            coalesce(record.properties ->> 'dealname', 'deal ' || record.external_id) AS name,
            CAST(NULL AS date) AS close_month
        FROM raw.heads AS head
        INNER JOIN raw.records AS record ON record.id = head.record_id
        WHERE head.source = :source AND head.object_type = 'deal'
            AND (CAST(:ids AS text[]) IS NULL OR head.external_id = ANY(CAST(:ids AS text[])))
            AND NOT EXISTS (
                SELECT FROM posting.gate_records AS gate
                WHERE gate.subject_kind = 'raw_record' AND gate.subject_id = record.id
                    AND (gate.suite_version = :suite_version OR gate.waived_by IS NOT NULL)
            )
        ORDER BY record.id
    """,
)
_DEALS = _Subject(
    kind="deal",
    suite=DEALS,
    row=_deal_row,
    due="""
        WITH won AS (
            SELECT deal.*, plan.deal_key AS plan_key, NOT EXISTS (
                SELECT FROM posting.gate_records AS gate
                WHERE gate.subject_kind = 'deal' AND gate.subject_id = deal.id
                    AND (gate.suite_version = :suite_version OR gate.waived_by IS NOT NULL)
            ) AS without_verdict, EXISTS (
                SELECT FROM posting.quarantine AS held
                WHERE held.subject_kind = 'deal' AND held.subject_id = deal.id AND held.state = 'open'
                    AND held.rule = 'deal_is_not_a_copy'
            ) AS held_as_copy
            FROM crm.current_deals AS deal
            LEFT JOIN billing.schedule_heads AS plan ON plan.deal_key = deal.deal_key
            WHERE deal.state = 'won' AND crm.in_scope(
                    deal.close_month, deal.deal_key, CAST(:first_month AS date), CAST(:last_month AS date),
                    CAST(:deal_keys AS text[])
                )
        )
        SELECT deal.*, twin.external_id AS duplicate_of
        FROM won AS deal
        LEFT JOIN LATERAL (
            SELECT other.external_id
            FROM crm.current_deals AS other
            LEFT JOIN billing.schedule_heads AS plan ON plan.deal_key = other.deal_key
            WHERE other.customer_id = deal.customer_id AND other.state = 'won'
                AND lower(other.name) = lower(deal.name) AND other.close_date = deal.close_date
                AND other.amount_minor = deal.amount_minor AND other.currency = deal.currency
                AND (plan.deal_key IS NULL, length(other.external_id), other.external_id)
                < (deal.plan_key IS NULL, length(deal.external_id), deal.external_id)
            ORDER BY length(other.external_id), other.external_id
            LIMIT 1
        ) AS twin ON TRUE
        WHERE deal.without_verdict OR (deal.held_as_copy AND twin.external_id IS NULL)
        ORDER BY length(deal.external_id), deal.external_id
    """,
)
_WITHDRAWN = _Subject(
    kind="deal",
    suite=WITHDRAWN_DEALS,
    row=_withdrawn_row,
    due="""
        SELECT deal.*, invoiced.numbers AS invoiced_as
        FROM crm.current_deals AS deal
        INNER JOIN billing.schedule_heads AS schedule
            ON schedule.deal_key = deal.deal_key AND schedule.deal_id <> deal.id
        CROSS JOIN LATERAL (
            SELECT string_agg(intent.remote_id, ', ' ORDER BY intent.remote_id) AS numbers
            FROM billing.documents AS document
            INNER JOIN posting.intents AS intent ON intent.document_id = document.id
            WHERE document.deal_key = deal.deal_key AND document.reverses_id IS NULL
                AND intent.state = 'posted' AND NOT EXISTS (
                    SELECT FROM billing.documents AS note
                    WHERE note.reverses_id = document.id AND note.state = 'planned'
                )
        ) AS invoiced
        WHERE deal.state <> 'won' AND crm.in_scope(
                deal.close_month, deal.deal_key, CAST(:first_month AS date), CAST(:last_month AS date),
                CAST(:deal_keys AS text[])
            )
            AND NOT EXISTS (
                SELECT FROM posting.gate_records AS gate
                WHERE gate.subject_kind = 'deal' AND gate.subject_id = deal.id
                    AND (gate.suite_version = :suite_version OR gate.waived_by IS NOT NULL)
            )
        ORDER BY length(deal.external_id), deal.external_id
    """,
)
_DOCUMENTS = _Subject(
    kind="document",
    suite=PLANNED_DOCUMENTS,
    row=_document_row,
    due="""
        SELECT
            document.*, deal.source, deal.external_id, deal.name, whole.*,
            (
                SELECT coalesce(sum(tax.tax_minor), 0)
                FROM billing.document_taxes AS tax
                WHERE tax.document_id = document.id
            ) AS taxes_by_rate_minor
        FROM billing.documents AS document
        INNER JOIN billing.schedules AS schedule ON schedule.id = document.schedule_id
        INNER JOIN crm.deals AS deal ON deal.id = schedule.deal_id
        CROSS JOIN LATERAL (
            SELECT
                coalesce(sum(line.amount_minor), 0) AS lines_total_minor,
                coalesce(sum(line.tax_minor), 0) AS lines_tax_minor,
                count(*) AS line_count,
                count(*) FILTER (WHERE coalesce(line.explanation ->> 'formula', '') = '')
                    AS unexplained_lines
            FROM billing.lines AS line
            WHERE line.document_id = document.id
        ) AS whole
        WHERE document.state = 'planned' AND crm.in_scope(
                document.close_month, document.deal_key, CAST(:first_month AS date),
                CAST(:last_month AS date), CAST(:deal_keys AS text[])
            )
            AND NOT EXISTS (
                SELECT FROM posting.gate_records AS gate
                WHERE gate.subject_kind = 'document' AND gate.subject_id = document.id
                    AND (gate.suite_version = :suite_version OR gate.waived_by IS NOT NULL)
            )
        ORDER BY document.id
    """,
)

_RECORD = """
    INSERT INTO posting.gate_records (subject_kind, subject_id, suite, suite_version, passed)
    SELECT :kind, verdict.subject_id, :suite, :suite_version, verdict.passed
    FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS verdict (subject_id bigint, passed boolean)
    ON CONFLICT (subject_kind, subject_id) DO UPDATE SET
        suite = excluded.suite, suite_version = excluded.suite_version, passed = excluded.passed,
        evaluated_at = clock_timestamp()
"""
_QUARANTINE = """
    INSERT INTO posting.quarantine AS held (
        subject_kind, subject_id, source, object_type, external_id, record_name, close_month, suite, rule,
        field, value, reason, next_step, waivable, state
    )
    SELECT
        :kind, row.subject_id, row.source, 'deal', row.external_id, row.record_name, row.close_month, :suite,
        row.rule, row.field, row.value, row.reason, row.next_step, row.waivable, 'open'
    FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS row (
        subject_id bigint, source text, external_id text, record_name text, close_month date, rule text,
        field text, value text, reason text, next_step text, waivable boolean
    )
    ON CONFLICT (subject_kind, subject_id, rule, field) DO UPDATE SET
        reason = excluded.reason, next_step = excluded.next_step, state = 'open', closed_at = NULL
"""
# Resolved: judged again, the version no longer fails this rule.
_RESOLVE_MENDED = """
    UPDATE posting.quarantine AS held
    SET state = 'resolved', closed_at = clock_timestamp(), closed_by = 'pipeline',
        closed_reason = 'judged again'
    WHERE held.state = 'open' AND held.subject_kind = :kind
        AND held.subject_id = ANY(CAST(:subjects AS bigint[]))
        AND (held.subject_id, held.rule, held.field) NOT IN (
            SELECT row.subject_id, row.rule, row.field
            FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS row (subject_id bigint, rule text, field text)
        )
"""
# Resolved: the version that failed is no longer the newest, or it passes under newer rules.
_RESOLVE_OUTDATED = """
    UPDATE posting.quarantine AS held
    SET state = 'resolved', closed_at = clock_timestamp(), closed_by = 'pipeline',
        closed_reason = 'a newer version, or newer rules'
    WHERE held.state = 'open'
        AND NOT EXISTS (
            SELECT FROM posting.gate_records AS gate
            WHERE gate.subject_kind = held.subject_kind AND gate.subject_id = held.subject_id
                AND NOT gate.passed
                AND CASE held.subject_kind
                    WHEN 'raw_record' THEN EXISTS (
                        SELECT FROM raw.heads AS head WHERE head.record_id = held.subject_id
                    )
                    WHEN 'deal' THEN EXISTS (
                        SELECT FROM crm.deal_heads AS head WHERE head.deal_id = held.subject_id
                    )
                    ELSE EXISTS (
                        SELECT FROM billing.documents AS document
                        WHERE document.id = held.subject_id AND document.state = 'planned'
                    )
                END
        )
"""
