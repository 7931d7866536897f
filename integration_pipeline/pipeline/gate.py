"""The gate: what a suite passes may go on, what it fails is set aside row by row, with the reason.

Belongs here: the rows each suite is shown, gate records, quarantine rows. Does not belong here: the rules
(`quality.suites`), what a person does about a quarantined row (`quarantine`).

A verdict is about one immutable version: a raw record, a deal version, a document revision. A newer
version of the same record closes the older one's quarantine rows as resolved.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, TextClause, text

from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.deal_locks import lock_twins
from integration_pipeline.pipeline.reports import StageReport, reporting
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.statistics import after_bulk
from integration_pipeline.quality.rules import RowFailure, Suite
from integration_pipeline.quality.suites import DEALS, PLANNED_DOCUMENTS, RAW_DEALS, WITHDRAWN_DEALS

_CHUNK = 10_000
# Each deal of a turn takes a place in PostgreSQL's table of locks, which has some 6,000.
_TURN = 1_000
_LAST_GATE = "document_gate"
_CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a suite judges: how to find the versions without a verdict, and how to show them to the suite."""

    kind: str
    suite: Suite
    due: TextClause
    due_of_deals: TextClause
    """The same for certain deals: a statement that finds them by their keys, however it is planned."""
    row: Callable[[Pipeline, Row[Any]], dict[str, Any]]


def gate_raw_deals(pipeline: Pipeline, scope: Scope) -> StageReport:
    """Judge the newest raw version of every deal in scope (by deal; a raw deal has no month yet)."""
    return _gate(pipeline, Scope(deal_keys=scope.deal_keys), "raw_gate", (_RAW_DEALS,))


def gate_deals(pipeline: Pipeline, scope: Scope) -> StageReport:
    """Judge won deals before they are billed, and deals no longer won before anything is credited."""
    if pipeline.shared is not None and scope.deal_keys:
        lock_twins(pipeline.shared, sorted(scope.deal_keys))
    return _gate(pipeline, scope, "deal_gate", (_DEALS, _WITHDRAWN))


def gate_documents(pipeline: Pipeline, scope: Scope) -> StageReport:
    """Judge planned invoices and credit notes: only what passes here is ever posted."""
    return _gate(pipeline, scope, _LAST_GATE, (_DOCUMENTS,))


def _gate(pipeline: Pipeline, scope: Scope, stage: str, subjects: Sequence[_Subject]) -> StageReport:
    """Counts: `passed`, `quarantined`, `resolved` (older quarantine rows a newer version settled)."""
    with reporting(stage) as report:
        keyed = scope.deal_keys is not None
        of_deals = {"source": pipeline.mapping.source, "ids": scope.deal_ids(pipeline.mapping.source)}
        judged = 0
        for subject in subjects:
            if scope.deal_keys is not None and judged == len(scope.deal_keys):
                break  # each deal is of one kind
            parameters = {**scope.parameters(), **of_deals, "suite_version": subject.suite.version}
            with pipeline.transaction() as connection:
                due = connection.execute(subject.due_of_deals if keyed else subject.due, parameters).all()
            judged += len(due)
            if subject is _DEALS and pipeline.shared is None:
                _judge_in_turns(pipeline, due, parameters, report)
            else:
                for chunk in chunked(due, _CHUNK):
                    _judge(pipeline, subject, chunk, report)
        after_bulk(pipeline, report.counts["passed"] + report.counts["quarantined"], "posting")
        # In a shared transaction nobody sees what the first gates would resolve before the last one does.
        if pipeline.shared is None or stage == _LAST_GATE:
            with pipeline.transaction() as connection:
                outdated = (
                    connection.execute(_RESOLVE_OUTDATED_OF_DEALS, of_deals)
                    if keyed
                    else connection.execute(_RESOLVE_OUTDATED)
                )
                report.counts["resolved"] += outdated.rowcount
    return report


def _judge_in_turns(
    pipeline: Pipeline, due: Sequence[Row[Any]], parameters: Mapping[str, Any], report: StageReport
) -> None:
    """Judge won deals so that of copies the second is looked at when the first one's verdict is there.

    A worker's deals are not to be seen before it posts. Whoever judges one that looks the same waits for it,
    looks again, and keeps others waiting until the verdict is committed.
    """
    for chunk in chunked([row.deal_key for row in due], _TURN):
        keys = list(chunk)
        with pipeline.engine.begin() as connection:
            lock_twins(connection, keys)
            seen = connection.execute(_DEALS.due_of_deals, {**parameters, "deal_keys": keys}).all()
            _judge(pipeline.sharing(connection), _DEALS, seen, report)


def _judge(pipeline: Pipeline, subject: _Subject, due: Sequence[Row[Any]], report: StageReport) -> None:
    verdict = pipeline.evaluate(subject.suite, [subject.row(pipeline, row) for row in due])
    report.verdicts.append(verdict)
    failed = verdict.failed_row_ids
    by_id = {row.id: row for row in due}
    verdicts = [{"subject_id": row.id, "passed": row.id not in failed} for row in due]
    failures = [_quarantine_row(by_id[int(failure.row_id)], failure) for failure in verdict.failures]
    with pipeline.transaction() as connection:
        report.counts["resolved"] += connection.execute(
            _RECORD,
            {
                "kind": subject.kind,
                "suite": verdict.suite,
                "suite_version": verdict.suite_version,
                "verdicts": json.dumps(verdicts),
                "failures": json.dumps(failures),
            },
        ).scalar_one()
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
    open_amount = not row.amount_minor and row.priced_later
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


_RAW_DEALS = _Subject(
    kind="raw_record",
    suite=RAW_DEALS,
    row=_raw_deal_row,
    due=text("""
        SELECT * FROM posting.raw_deals_judged
        WHERE source = :source AND judged_by IS DISTINCT FROM :suite_version AND waived_by IS NULL
        ORDER BY id
    """),
    due_of_deals=text("""
        SELECT * FROM posting.raw_deals_judged
        WHERE source = :source AND external_id = ANY(CAST(:ids AS text[]))
            AND judged_by IS DISTINCT FROM :suite_version AND waived_by IS NULL
        ORDER BY id
    """),
)
# What was held as a copy is judged again when its twin is gone.
_DEALS = _Subject(
    kind="deal",
    suite=DEALS,
    row=_deal_row,
    due=text("""
        SELECT * FROM posting.won_deals_judged
        WHERE crm.in_scope(
                close_month, deal_key, CAST(:first_month AS date), CAST(:last_month AS date),
                CAST(:deal_keys AS text[])
            )
            AND ((judged_by IS DISTINCT FROM :suite_version AND waived_by IS NULL) OR held_as_copy)
            AND (
                (judged_by IS DISTINCT FROM :suite_version AND waived_by IS NULL) OR duplicate_of IS NULL
            )
        ORDER BY length(external_id), external_id
    """),
    due_of_deals=text("""
        SELECT * FROM posting.won_deals_judged
        WHERE deal_key = ANY(CAST(:deal_keys AS text[])) AND crm.in_scope(
                close_month, deal_key, CAST(:first_month AS date), CAST(:last_month AS date), NULL
            )
            AND ((judged_by IS DISTINCT FROM :suite_version AND waived_by IS NULL) OR held_as_copy)
            AND (
                (judged_by IS DISTINCT FROM :suite_version AND waived_by IS NULL) OR duplicate_of IS NULL
            )
        ORDER BY length(external_id), external_id
    """),
)
_WITHDRAWN = _Subject(
    kind="deal",
    suite=WITHDRAWN_DEALS,
    row=_withdrawn_row,
    due=text("""
        SELECT * FROM posting.withdrawn_deals_judged
        WHERE crm.in_scope(
                close_month, deal_key, CAST(:first_month AS date), CAST(:last_month AS date),
                CAST(:deal_keys AS text[])
            )
            AND judged_by IS DISTINCT FROM :suite_version AND waived_by IS NULL
        ORDER BY length(external_id), external_id
    """),
    due_of_deals=text("""
        SELECT * FROM posting.withdrawn_deals_judged
        WHERE deal_key = ANY(CAST(:deal_keys AS text[])) AND crm.in_scope(
                close_month, deal_key, CAST(:first_month AS date), CAST(:last_month AS date), NULL
            )
            AND judged_by IS DISTINCT FROM :suite_version AND waived_by IS NULL
        ORDER BY length(external_id), external_id
    """),
)
_DOCUMENTS = _Subject(
    kind="document",
    suite=PLANNED_DOCUMENTS,
    row=_document_row,
    due=text("""
        SELECT * FROM posting.documents_judged
        WHERE crm.in_scope(
                close_month, deal_key, CAST(:first_month AS date), CAST(:last_month AS date),
                CAST(:deal_keys AS text[])
            )
            AND judged_by IS DISTINCT FROM :suite_version AND waived_by IS NULL
        ORDER BY id
    """),
    due_of_deals=text("""
        SELECT * FROM posting.documents_judged
        WHERE deal_key = ANY(CAST(:deal_keys AS text[])) AND crm.in_scope(
                close_month, deal_key, CAST(:first_month AS date), CAST(:last_month AS date), NULL
            )
            AND judged_by IS DISTINCT FROM :suite_version AND waived_by IS NULL
        ORDER BY id
    """),
)

# Judged again, a version may no longer fail a rule: what was held for that one is resolved.
_RECORD = text("""
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(CAST(:verdicts AS jsonb)) AS verdict (
            subject_id bigint, passed boolean
        )
    ),
    failures AS (
        SELECT * FROM jsonb_to_recordset(CAST(:failures AS jsonb)) AS row (
            subject_id bigint, source text, external_id text, record_name text, close_month date, rule text,
            field text, value text, reason text, next_step text, waivable boolean
        )
    ),
    recorded AS (
        INSERT INTO posting.gate_records AS known (subject_kind, subject_id, suite, suite_version, passed)
        SELECT :kind, subject_id, :suite, :suite_version, passed FROM given
        ON CONFLICT (subject_kind, subject_id) DO UPDATE SET
            suite = excluded.suite, suite_version = excluded.suite_version, passed = excluded.passed,
            evaluated_at = clock_timestamp()
        -- Whoever has looked at it meanwhile has the last word.
        WHERE known.waived_by IS NULL
        RETURNING subject_id
    ),
    mended AS (
        UPDATE posting.quarantine AS held
        SET state = 'resolved', closed_at = clock_timestamp(), closed_by = 'pipeline',
            closed_reason = 'judged again'
        WHERE held.id IN (
            SELECT open.id
            FROM posting.quarantine AS open
            WHERE open.state = 'open' AND open.subject_kind = :kind
                AND open.subject_id IN (SELECT subject_id FROM given)
                AND (open.subject_id, open.rule, open.field) NOT IN (
                    SELECT subject_id, rule, field FROM failures
                )
            ORDER BY open.id
            FOR UPDATE
        )
        RETURNING held.id
    ),
    held AS (
        INSERT INTO posting.quarantine AS held (
            subject_kind, subject_id, source, object_type, external_id, record_name, close_month, suite, rule,
            field, value, reason, next_step, waivable, state
        )
        SELECT
            :kind, subject_id, source, 'deal', external_id, record_name, close_month, :suite, rule, field,
            value, reason, next_step, waivable, 'open'
        FROM failures
        WHERE subject_id IN (SELECT subject_id FROM recorded)
        ON CONFLICT (subject_kind, subject_id, rule, field) DO UPDATE SET
            reason = excluded.reason, next_step = excluded.next_step, state = 'open', closed_at = NULL
    )
    SELECT count(*) FROM mended
""")
# Resolved: the version that failed is no longer the newest, or it passes under newer rules. What another
# driver is just resolving is left to it: two that wait for each other's rows would wait for ever.
_RESOLVE_OUTDATED = text("""
    UPDATE posting.quarantine
    SET state = 'resolved', closed_at = clock_timestamp(), closed_by = 'pipeline',
        closed_reason = 'a newer version, or newer rules'
    WHERE id IN (
            SELECT held.id FROM posting.outdated_quarantine AS held
            FOR UPDATE SKIP LOCKED
        )
""")
_RESOLVE_OUTDATED_OF_DEALS = text("""
    UPDATE posting.quarantine
    SET state = 'resolved', closed_at = clock_timestamp(), closed_by = 'pipeline',
        closed_reason = 'a newer version, or newer rules'
    WHERE id IN (
            SELECT held.id FROM posting.outdated_quarantine AS held
            WHERE held.source = :source AND held.external_id = ANY(CAST(:ids AS text[]))
            FOR UPDATE SKIP LOCKED
        )
""")
