"""Schedule: passed deals become billing schedules, and schedules become planned documents with intents.

Belongs here: which deals are due, what changed against what was planned before, storing the plan. Does not
belong here: computing the schedule (`billing`), judging documents (`gate`), sending them (`post`).

What is posted is never edited: a posted invoice that no longer holds gets a credit note over its full
amount and, where something takes its place, a new revision.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.accounting.postgres_ledger.target import NAME as LEDGER
from integration_pipeline.billing.invoices import BillingSchedule, PlannedInvoice, PlannedLine
from integration_pipeline.billing.schedule import build_schedule
from integration_pipeline.billing.terms import ContractTerms
from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.reports import StageReport, reporting
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.statistics import after_bulk

_CHUNK = 500


def schedule(pipeline: Pipeline, scope: Scope) -> StageReport:
    """Plan the documents of every deal in scope that is new, changed, withdrawn, or under older rules.

    Counts: `deals_scheduled`, `deals_waiting` (a document is being posted just now: next time),
    `invoices_planned`, `credit_notes_planned`, `superseded`, `unchanged`. Money: `planned`, `credited`.
    A deal that is no longer won and got an invoice after its verdict waits for a new verdict.
    """
    with reporting("schedule") as report:
        parameters = {**scope.parameters(), "rule_set_version": pipeline.rules.version}
        with pipeline.engine.connect() as connection:
            due = [row.deal_key for row in connection.execute(text(_DUE), parameters)]
        for keys in chunked(due, _CHUNK):
            with pipeline.engine.begin() as connection:
                _plan_chunk(connection, pipeline, keys, report)
        after_bulk(pipeline, report.counts["invoices_planned"], "billing", "posting")
    return report


@dataclass(frozen=True, slots=True)
class _Active:
    """A planned or posted invoice that still holds."""

    id: int
    slot: date
    revision: int
    body_hash: str
    state: str
    row: Row[Any]


def _plan_chunk(connection: Connection, pipeline: Pipeline, keys: Sequence[str], report: StageReport) -> None:
    # The lock makes planning of a deal single file: two drivers may have found the same deal due.
    deals = connection.execute(
        text(_LOCKED_DEALS), {"keys": list(keys), "rule_set_version": pipeline.rules.version}
    ).all()
    active: dict[str, list[_Active]] = defaultdict(list)
    revisions: dict[tuple[str, date], int] = {}
    for row in connection.execute(text(_DOCUMENTS), {"keys": list(keys)}):
        slot = (row.deal_key, row.slot)
        revisions[slot] = max(revisions.get(slot, 0), row.revision)
        if row.kind == "invoice" and row.state == "planned" and not row.reversed:
            active[row.deal_key].append(
                _Active(row.id, row.slot, row.revision, row.body_hash, row.intent_state, row)
            )
    plan = _Plan(pipeline, report)
    overtaken: list[int] = []
    for deal in deals:
        states = {document.state for document in active[deal.deal_key]}
        if states & {"claimed", "uncertain"}:
            report.counts["deals_waiting"] += 1
        elif deal.state != "won" and "posted" in states and deal.waived_by is None:
            # It passed because nothing was invoiced yet. To credit what was takes a person's word.
            report.counts["deals_waiting"] += 1
            overtaken.append(deal.id)
        else:
            plan.add(deal, active[deal.deal_key], revisions)
    connection.execute(text(_WITHDRAW_VERDICTS), {"deals": overtaken})
    plan.store(connection)


class _Plan:
    """Collects what a chunk of deals plans, then stores it in a handful of statements."""

    def __init__(self, pipeline: Pipeline, report: StageReport) -> None:
        self._pipeline = pipeline
        self._report = report
        self._schedules: list[dict[str, Any]] = []
        self._documents: list[dict[str, Any]] = []
        self._lines: list[dict[str, Any]] = []
        self._superseded: list[int] = []

    def add(self, deal: Row[Any], active: Sequence[_Active], revisions: dict[tuple[str, date], int]) -> None:
        terms = ContractTerms.model_validate_json(deal.terms_text) if deal.state == "won" else None
        planned = build_schedule(terms, self._pipeline.rules.policies) if terms else None
        self._schedules.append(self._schedule_row(deal, planned))
        self._report.counts["deals_scheduled"] += 1
        wanted = {invoice.issue_date: invoice for invoice in planned.invoices} if planned else {}
        held = {document.slot: document for document in active}
        for slot in sorted(wanted.keys() | held.keys()):
            invoice, document = wanted.get(slot), held.get(slot)
            body_hash = _body_hash(terms, invoice) if terms and invoice else None
            if document is not None and document.body_hash == body_hash:
                self._report.counts["unchanged"] += 1
                continue
            if document is not None:
                self._retire(deal, document)
            if terms and invoice and body_hash:
                revision = revisions.get((deal.deal_key, slot), 0) + 1
                self._plan_invoice(deal, terms, invoice, revision, body_hash)

    def store(self, connection: Connection) -> None:
        batch = {
            "schedules": json.dumps(self._schedules),
            "documents": json.dumps(self._documents),
            "lines": json.dumps(self._lines),
            "superseded": self._superseded,
            "rule_set_version": self._pipeline.rules.version,
            "target": LEDGER,
        }
        for statement in (_SUPERSEDE, _STORE_SCHEDULES, _STORE_DOCUMENTS, _STORE_LINES, _STORE_INTENTS):
            connection.execute(text(statement), batch)

    def _schedule_row(self, deal: Row[Any], planned: BillingSchedule | None) -> dict[str, Any]:
        return {
            "deal_key": deal.deal_key,
            "deal_id": deal.id,
            "terms_hash": planned.terms_hash if planned else "",
            "currency": planned.currency if planned else None,
            "total_minor": planned.total.minor if planned else 0,
        }

    def _plan_invoice(
        self, deal: Row[Any], terms: ContractTerms, invoice: PlannedInvoice, revision: int, body_hash: str
    ) -> None:
        key = document_key(deal.deal_key, invoice.issue_date, "invoice", revision)
        self._documents.append(
            {
                "document_key": key,
                "deal_key": deal.deal_key,
                "close_month": deal.close_month.isoformat(),
                "slot": invoice.issue_date.isoformat(),
                "revision": revision,
                "kind": "invoice",
                "reverses_id": None,
                "entity": terms.entity,
                "customer_id": deal.customer_id,
                "currency": terms.currency,
                "issue_date": invoice.issue_date.isoformat(),
                "due_date": invoice.due_date.isoformat(),
                "purchase_order": terms.purchase_order,
                "total_minor": invoice.total.minor,
                "body_hash": body_hash,
                "intent_key": intent_key(LEDGER, key, body_hash),
                "document_reference": document_reference(key),
            }
        )
        self._lines.extend(_line_rows(key, invoice.lines))
        self._report.counts["invoices_planned"] += 1
        self._report.money["planned", terms.currency] += invoice.total.minor

    def _retire(self, deal: Row[Any], document: _Active) -> None:
        """What was only planned is superseded; what is posted is credited in full."""
        if document.state != "posted":
            self._superseded.append(document.id)
            self._report.counts["superseded"] += 1
            return
        row = document.row
        key = document_key(deal.deal_key, document.slot, "credit_note", document.revision)
        body_hash = hashlib.sha256(f"reverses {row.document_key} {row.body_hash}".encode()).hexdigest()
        issued = max(self._pipeline.today(row.entity), row.issue_date)
        self._documents.append(
            {
                "document_key": key,
                "deal_key": deal.deal_key,
                "close_month": deal.close_month.isoformat(),
                "slot": document.slot.isoformat(),
                "revision": document.revision,
                "kind": "credit_note",
                "reverses_id": document.id,
                "entity": row.entity,
                "customer_id": row.customer_id,
                "currency": row.currency,
                "issue_date": issued.isoformat(),
                "due_date": issued.isoformat(),
                "purchase_order": row.purchase_order,
                "total_minor": row.total_minor,
                "body_hash": body_hash,
                "intent_key": intent_key(LEDGER, key, body_hash),
                "document_reference": document_reference(key),
            }
        )
        self._report.counts["credit_notes_planned"] += 1
        self._report.money["credited", row.currency] += row.total_minor


def document_key(deal_key: str, slot: date, kind: str, revision: int) -> str:
    """The identity of a planned document: `hubspot:123/2026-01-31/invoice/1`."""
    return f"{deal_key}/{slot.isoformat()}/{kind}/{revision}"


def intent_key(target: str, key: str, body_hash: str) -> str:
    """SHA-256 over target, document and content: the same intent always has the same key."""
    return hashlib.sha256(f"{target}\n{key}\n{body_hash}".encode()).hexdigest()


def document_reference(key: str) -> str:
    """A short name for a document, derived from its key (50 bits), to find it again in any target."""
    return "D" + base64.b32encode(hashlib.sha256(key.encode()).digest()).decode()[:10]


def _body_hash(terms: ContractTerms, invoice: PlannedInvoice) -> str:
    """SHA-256 over all that the customer and the books see of an invoice."""
    content = [terms.entity, terms.customer, terms.currency, terms.purchase_order, invoice.content_hash()]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


def _line_rows(key: str, lines: Sequence[PlannedLine]) -> Iterator[dict[str, Any]]:
    for position, line in enumerate(lines, start=1):
        period = line.service_period
        yield {
            "document_key": key,
            "position": position,
            "charge_id": line.charge_id,
            "description": line.description,
            "service_start": period.start.isoformat() if period else None,
            "service_end": period.end.isoformat() if period else None,
            "quantity": f"{line.quantity:f}",
            "unit_price": f"{line.unit_price:f}",
            "amount_minor": line.amount.minor,
            "revenue": line.revenue.value,
            "explanation": line.explanation.as_json(),
        }


_DUE = """
    SELECT deal.deal_key
    FROM crm.current_deals AS deal
    INNER JOIN posting.gate_records AS gate
        ON gate.subject_kind = 'deal' AND gate.subject_id = deal.id AND gate.passed
    LEFT JOIN billing.schedule_heads AS head ON head.deal_key = deal.deal_key
    WHERE crm.in_scope(
            deal.close_month, deal.deal_key, CAST(:first_month AS date), CAST(:last_month AS date),
            CAST(:deal_keys AS text[])
        )
        AND (deal.terms IS NOT NULL OR (deal.state <> 'won' AND head.deal_key IS NOT NULL))
        AND (
            head.deal_key IS NULL OR head.deal_id <> deal.id OR head.rule_set_version <> :rule_set_version
        )
    ORDER BY length(deal.external_id), deal.external_id
"""
_LOCKED_DEALS = """
    SELECT deal.*, CAST(deal.terms AS text) AS terms_text, gate.waived_by
    FROM crm.deal_heads AS locked
    INNER JOIN crm.deals AS deal ON deal.id = locked.deal_id
    INNER JOIN posting.gate_records AS gate
        ON gate.subject_kind = 'deal' AND gate.subject_id = deal.id AND gate.passed
    LEFT JOIN billing.schedule_heads AS head ON head.deal_key = deal.deal_key
    WHERE locked.deal_key = ANY(CAST(:keys AS text[]))
        AND (
            head.deal_key IS NULL OR head.deal_id <> deal.id OR head.rule_set_version <> :rule_set_version
        )
    ORDER BY locked.deal_key
    FOR UPDATE OF locked
"""
# The intents are locked too: a poster that is about to claim one waits until the plan stands.
_DOCUMENTS = """
    SELECT
        document.*, intent.state AS intent_state,
        EXISTS (
            SELECT FROM billing.documents AS note
            WHERE note.reverses_id = document.id AND note.state = 'planned'
        ) AS reversed
    FROM billing.documents AS document
    INNER JOIN posting.intents AS intent ON intent.document_id = document.id
    WHERE document.deal_key = ANY(CAST(:keys AS text[]))
    ORDER BY intent.id
    FOR UPDATE OF intent
"""
_WITHDRAW_VERDICTS = """
    DELETE FROM posting.gate_records
    WHERE subject_kind = 'deal' AND subject_id = ANY(CAST(:deals AS bigint[])) AND waived_by IS NULL
"""
_SUPERSEDE = """
    WITH retired AS (
        UPDATE billing.documents SET state = 'superseded', superseded_at = clock_timestamp()
        WHERE id = ANY(CAST(:superseded AS bigint[]))
        RETURNING id
    )
    UPDATE posting.intents AS intent SET state = 'cancelled', updated_at = clock_timestamp()
    FROM retired
    WHERE intent.document_id = retired.id
"""
_STORE_SCHEDULES = """
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(CAST(:schedules AS jsonb)) AS schedule (
            deal_key text, deal_id bigint, terms_hash text, currency text, total_minor numeric
        )
    ),
    stored AS (
        INSERT INTO billing.schedules (deal_key, deal_id, rule_set_version, terms_hash, currency, total_minor)
        SELECT deal_key, deal_id, :rule_set_version, terms_hash, currency, total_minor FROM given
        ON CONFLICT (deal_id, rule_set_version) DO UPDATE SET terms_hash = excluded.terms_hash
        RETURNING id, deal_key, deal_id
    )
    INSERT INTO billing.schedule_heads (deal_key, deal_id, schedule_id, rule_set_version)
    SELECT deal_key, deal_id, id, :rule_set_version FROM stored
    ON CONFLICT (deal_key) DO UPDATE SET
        deal_id = excluded.deal_id, schedule_id = excluded.schedule_id,
        rule_set_version = excluded.rule_set_version, updated_at = clock_timestamp()
"""
_STORE_DOCUMENTS = """
    INSERT INTO billing.documents (
        document_key, deal_key, schedule_id, close_month, slot, revision, kind, reverses_id, entity,
        customer_id, currency, issue_date, due_date, purchase_order, total_minor, body_hash, state
    )
    SELECT
        given.document_key, given.deal_key, head.schedule_id, given.close_month, given.slot, given.revision,
        given.kind, given.reverses_id, given.entity, given.customer_id, given.currency, given.issue_date,
        given.due_date, given.purchase_order, given.total_minor, given.body_hash, 'planned'
    FROM jsonb_to_recordset(CAST(:documents AS jsonb)) AS given (
        document_key text, deal_key text, close_month date, slot date, revision integer, kind text,
        reverses_id bigint, entity text, customer_id bigint, currency text, issue_date date, due_date date,
        purchase_order text, total_minor bigint, body_hash text
    )
    INNER JOIN billing.schedule_heads AS head ON head.deal_key = given.deal_key
"""
# A credit note repeats the lines of the invoice it reverses; its kind says which way the money goes.
_STORE_LINES = """
    INSERT INTO billing.lines (
        document_id, position, charge_id, description, service_start, service_end, quantity, unit_price,
        amount_minor, revenue, explanation
    )
    SELECT
        document.id, given.position, given.charge_id, given.description, given.service_start,
        given.service_end, given.quantity, given.unit_price, given.amount_minor, given.revenue,
        given.explanation
    FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS given (
        document_key text, position integer, charge_id text, description text, service_start date,
        service_end date, quantity numeric, unit_price numeric, amount_minor bigint, revenue text,
        explanation jsonb
    )
    INNER JOIN billing.documents AS document ON document.document_key = given.document_key
    UNION ALL
    SELECT
        note.id, line.position, line.charge_id, line.description, line.service_start, line.service_end,
        line.quantity, line.unit_price, line.amount_minor, line.revenue, line.explanation
    FROM jsonb_to_recordset(CAST(:documents AS jsonb)) AS given (document_key text, reverses_id bigint)
    INNER JOIN billing.documents AS note ON note.document_key = given.document_key
    INNER JOIN billing.lines AS line ON line.document_id = given.reverses_id
"""
_STORE_INTENTS = """
    INSERT INTO posting.intents (
        intent_key, target, entity, document_id, document_reference, body_hash, due_on, state
    )
    SELECT
        given.intent_key, :target, given.entity, document.id, given.document_reference, given.body_hash,
        document.issue_date, 'pending'
    FROM jsonb_to_recordset(CAST(:documents AS jsonb)) AS given (
        document_key text, entity text, intent_key text, document_reference text, body_hash text
    )
    INNER JOIN billing.documents AS document ON document.document_key = given.document_key
"""
