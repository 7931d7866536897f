"""A plan: what a chunk of deals bills, held against what is planned or posted, and the difference stored.

Belongs here: identities of documents, retiring and planning them, the rows they become. Does not belong here:
which deals are due (`schedule`), what a contract bills (`contracts`, `billing`).

What is posted is never edited: a posted document that no longer holds is reversed in full by one of the other
kind, and where something takes its place there is a new revision.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.accounting.postgres_ledger.target import NAME as LEDGER
from integration_pipeline.billing.invoices import DocumentKind, PlannedInvoice
from integration_pipeline.billing.terms import ContractTerms
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.contracts import PlannedContract
from integration_pipeline.pipeline.reports import StageReport

Slot = tuple[date, DocumentKind]
"""What a schedule has at most once: an invoice, or a credit note of its own, on an issue date."""


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """A planned or posted document of a schedule that still holds; `row` is it with its intent's state."""

    slot: Slot
    row: Row[Any]

    def waits_for(self, held_for: str | None) -> bool:
        """Whether it was planned with that reason to wait for a person; once it is posted none matters."""
        return self.row.intent_state == "posted" or self.row.held_for == held_for


class Plan:
    """Collects what a chunk of deals plans, then stores it in one statement."""

    def __init__(self, pipeline: Pipeline, report: StageReport) -> None:
        self._pipeline = pipeline
        self._report = report
        self._schedules: list[dict[str, Any]] = []
        self._documents: list[dict[str, Any]] = []
        self._lines: list[dict[str, Any]] = []
        self._taxes: list[dict[str, Any]] = []
        self._superseded: list[int] = []

    def add(
        self,
        deal: Row[Any],
        contract: PlannedContract | None,
        held: Sequence[HeldDocument],
        revisions: Mapping[tuple[str, Slot], int],
    ) -> None:
        """Plan what `contract` bills, nothing if it is None, where `held` says something else."""
        self._schedules.append(_schedule_row(deal, contract))
        self._report.counts["deals_scheduled"] += 1
        documents = contract.documents if contract else ()
        wanted = {(document.issue_date, document.kind): document for document in documents}
        known = {document.slot: document for document in held}
        for slot in sorted(wanted.keys() | known.keys(), key=_in_order):
            document, present = wanted.get(slot), known.get(slot)
            terms = contract.terms_on(slot[0]) if contract else None
            body_hash = _body_hash(terms, document) if terms and document else None
            held_for = contract.held_for.get(slot) if contract else None
            if present is not None and present.row.body_hash == body_hash and present.waits_for(held_for):
                self._report.counts["unchanged"] += 1
                continue
            if present is not None:
                self._retire(deal, present)
            if terms and document and body_hash:
                revision = revisions.get((deal.deal_key, slot), 0) + 1
                self._plan(deal, terms, document, revision, body_hash, held_for)

    def store(self, connection: Connection) -> None:
        """Everything that was added, in the caller's transaction."""
        batch = {
            "schedules": json.dumps(self._schedules),
            "documents": json.dumps(self._documents),
            "lines": json.dumps(self._lines),
            "taxes": json.dumps(self._taxes),
            "superseded": self._superseded,
            "rule_set_version": self._pipeline.rules_version,
            "target": LEDGER,
        }
        connection.execute(_STORE, batch)

    def _plan(
        self,
        deal: Row[Any],
        terms: ContractTerms,
        document: PlannedInvoice,
        revision: int,
        body_hash: str,
        held_for: str | None,
    ) -> None:
        sign = 1 if document.kind is DocumentKind.INVOICE else -1
        key = document_key(deal.deal_key, document.issue_date, document.kind.value, revision)
        self._add(
            {
                "document_key": key,
                "deal_key": deal.deal_key,
                "close_month": deal.close_month.isoformat(),
                "slot": document.issue_date.isoformat(),
                "revision": revision,
                "kind": document.kind.value,
                "reverses_id": None,
                "entity": terms.entity,
                "customer_id": deal.customer_id,
                "currency": terms.currency,
                "issue_date": document.issue_date.isoformat(),
                "due_date": document.due_date.isoformat(),
                "purchase_order": terms.purchase_order,
                "net_minor": sign * document.total.minor,
                "tax_minor": sign * document.tax.minor,
                "total_minor": sign * document.payable.minor,
                "held_for": held_for,
            },
            body_hash,
        )
        self._lines.extend(_line_rows(key, document, sign))
        self._taxes.extend(_tax_rows(key, document, sign))

    def _retire(self, deal: Row[Any], document: HeldDocument) -> None:
        """What was only planned is superseded; what is posted is reversed in full."""
        row = document.row
        if row.intent_state != "posted":
            self._superseded.append(row.id)
            self._report.counts["superseded"] += 1
            return
        is_invoice = row.kind == DocumentKind.INVOICE
        issued = max(self._pipeline.today(row.entity), row.issue_date).isoformat()
        self._add(
            {
                "document_key": document_key(deal.deal_key, row.slot, f"{row.kind}_reversal", row.revision),
                "deal_key": deal.deal_key,
                "close_month": deal.close_month.isoformat(),
                "slot": row.slot.isoformat(),
                "revision": row.revision,
                "kind": (DocumentKind.CREDIT_NOTE if is_invoice else DocumentKind.INVOICE).value,
                "reverses_id": row.id,
                "entity": row.entity,
                "customer_id": row.customer_id,
                "currency": row.currency,
                "issue_date": issued,
                "due_date": issued,
                "purchase_order": row.purchase_order,
                "net_minor": row.net_minor,
                "tax_minor": row.tax_minor,
                "total_minor": row.total_minor,
                "held_for": None,
            },
            hashlib.sha256(f"reverses {row.document_key} {row.body_hash}".encode()).hexdigest(),
        )

    def _add(self, document: dict[str, Any], body_hash: str) -> None:
        key = document["document_key"]
        self._documents.append(
            {
                **document,
                "body_hash": body_hash,
                "intent_key": intent_key(LEDGER, key, body_hash),
                "document_reference": document_reference(key),
            }
        )
        counted, valued = _REPORTED[document["kind"]]
        self._report.counts[counted] += 1
        self._report.money[valued, document["currency"]] += document["total_minor"]


_REPORTED = {"invoice": ("invoices_planned", "planned"), "credit_note": ("credit_notes_planned", "credited")}


def document_key(deal_key: str, slot: date, kind: str, revision: int) -> str:
    """The identity of a planned document: `hubspot:123/2026-01-31/invoice/1`.

    `kind` is `invoice` or `credit_note`, and what reverses them is `invoice_reversal` or
    `credit_note_reversal` of the same revision.
    """
    return f"{deal_key}/{slot.isoformat()}/{kind}/{revision}"


def intent_key(target: str, key: str, body_hash: str) -> str:
    """SHA-256 over target, document and content: the same intent always has the same key."""
    return hashlib.sha256(f"{target}\n{key}\n{body_hash}".encode()).hexdigest()


def document_reference(key: str) -> str:
    """A short name for a document, derived from its key (50 bits), to find it again in any target."""
    return "D" + base64.b32encode(hashlib.sha256(key.encode()).digest()).decode()[:10]


def _in_order(slot: Slot) -> tuple[date, bool]:
    return slot[0], slot[1] is DocumentKind.CREDIT_NOTE


def _body_hash(terms: ContractTerms, document: PlannedInvoice) -> str:
    """SHA-256 over all that the customer and the books see of a document."""
    content = [terms.entity, terms.customer, terms.currency, terms.purchase_order, document.content_hash()]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


def _schedule_row(deal: Row[Any], contract: PlannedContract | None) -> dict[str, Any]:
    """`total_minor` is all that the documents add up to, tax included, credit notes taken off."""
    until = contract.planned_until if contract else None
    return {
        "deal_key": deal.deal_key,
        "deal_id": deal.id,
        "terms_hash": contract.terms_hash if contract else "",
        "currency": contract.currency if contract else None,
        "total_minor": sum(each.payable.minor for each in contract.documents) if contract else 0,
        "planned_until": until and until.isoformat(),
        "usage_events": contract.usage_events if contract else None,
    }


def _line_rows(key: str, document: PlannedInvoice, sign: int) -> Iterator[dict[str, Any]]:
    for position, line in enumerate(document.lines, start=1):
        period = line.service_period
        yield {
            "document_key": key,
            "position": position,
            "kind": line.kind.value,
            "charge_id": line.charge_id,
            "description": line.description,
            "service_start": period.start.isoformat() if period else None,
            "service_end": period.end.isoformat() if period else None,
            "quantity": f"{line.quantity:f}",
            "unit_price": None if line.unit_price is None else f"{line.unit_price:f}",
            "amount_minor": sign * line.amount.minor,
            "tax_minor": sign * line.tax.minor,
            "taxes": [
                [tax.name, f"{tax.percent:f}", sign * tax.base.minor, sign * tax.amount.minor]
                for tax in line.taxes
            ],
            "revenue": line.revenue.value,
            "explanation": line.explanation.as_json(),
        }


def _tax_rows(key: str, document: PlannedInvoice, sign: int) -> Iterator[dict[str, Any]]:
    for position, tax in enumerate(document.taxes, start=1):
        yield {
            "document_key": key,
            "position": position,
            "name": tax.name,
            "percent": f"{tax.percent:f}",
            "base_minor": sign * tax.base.minor,
            "tax_minor": sign * tax.amount.minor,
        }


# A reversal repeats the lines and taxes of what it reverses; its kind says which way the money goes.
_STORE = text("""
    WITH retired AS (
        UPDATE billing.documents SET state = 'superseded', superseded_at = clock_timestamp()
        WHERE id = ANY(CAST(:superseded AS bigint[]))
        RETURNING id
    ),
    cancelled AS (
        UPDATE posting.intents AS intent SET state = 'cancelled', updated_at = clock_timestamp()
        FROM retired
        WHERE intent.document_id = retired.id
        RETURNING intent.id
    ),
    abandoned AS (
        UPDATE posting.attempts AS attempt SET finished_at = clock_timestamp(), outcome = 'lost'
        FROM cancelled
        WHERE attempt.intent_id = cancelled.id AND attempt.outcome IS NULL
    ),
    schedule AS (
        SELECT * FROM jsonb_to_recordset(CAST(:schedules AS jsonb)) AS given (
            deal_key text, deal_id bigint, terms_hash text, currency text, total_minor numeric,
            planned_until date, usage_events integer
        )
    ),
    stored AS (
        INSERT INTO billing.schedules (deal_key, deal_id, rule_set_version, terms_hash, currency, total_minor)
        SELECT deal_key, deal_id, :rule_set_version, terms_hash, currency, total_minor FROM schedule
        ON CONFLICT (deal_id, rule_set_version) DO UPDATE SET
            terms_hash = excluded.terms_hash, currency = excluded.currency,
            total_minor = excluded.total_minor
        RETURNING id, deal_key
    ),
    heads AS (
        INSERT INTO billing.schedule_heads (
            deal_key, deal_id, schedule_id, rule_set_version, planned_until, usage_events
        )
        SELECT
            schedule.deal_key, schedule.deal_id, stored.id, :rule_set_version, schedule.planned_until,
            schedule.usage_events
        FROM schedule
        INNER JOIN stored ON stored.deal_key = schedule.deal_key
        ON CONFLICT (deal_key) DO UPDATE SET
            deal_id = excluded.deal_id, schedule_id = excluded.schedule_id,
            rule_set_version = excluded.rule_set_version, planned_until = excluded.planned_until,
            usage_events = excluded.usage_events, updated_at = clock_timestamp()
    ),
    document AS (
        SELECT * FROM jsonb_to_recordset(CAST(:documents AS jsonb)) AS given (
            document_key text, deal_key text, close_month date, slot date, revision integer, kind text,
            reverses_id bigint, entity text, customer_id bigint, currency text, issue_date date,
            due_date date, purchase_order text, net_minor bigint, tax_minor bigint, total_minor bigint,
            body_hash text, held_for text, intent_key text, document_reference text
        )
    ),
    planned AS (
        INSERT INTO billing.documents (
            document_key, deal_key, schedule_id, close_month, slot, revision, kind, reverses_id, entity,
            customer_id, currency, issue_date, due_date, purchase_order, net_minor, tax_minor, total_minor,
            body_hash, held_for, state
        )
        SELECT
            document.document_key, document.deal_key, stored.id, document.close_month, document.slot,
            document.revision, document.kind, document.reverses_id, document.entity, document.customer_id,
            document.currency, document.issue_date, document.due_date, document.purchase_order,
            document.net_minor, document.tax_minor, document.total_minor, document.body_hash,
            document.held_for, 'planned'
        FROM document
        INNER JOIN stored ON stored.deal_key = document.deal_key
        RETURNING id, document_key, reverses_id
    ),
    explained AS (
        INSERT INTO billing.lines (
            document_id, position, kind, charge_id, description, service_start, service_end, quantity,
            unit_price, amount_minor, tax_minor, taxes, revenue, explanation
        )
        SELECT
            planned.id, given.position, given.kind, given.charge_id, given.description, given.service_start,
            given.service_end, given.quantity, given.unit_price, given.amount_minor, given.tax_minor,
            given.taxes, given.revenue, given.explanation
        FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS given (
            document_key text, position integer, kind text, charge_id text, description text,
            service_start date, service_end date, quantity numeric, unit_price numeric, amount_minor bigint,
            tax_minor bigint, taxes jsonb, revenue text, explanation jsonb
        )
        INNER JOIN planned ON planned.document_key = given.document_key
        UNION ALL
        SELECT
            planned.id, line.position, line.kind, line.charge_id, line.description, line.service_start,
            line.service_end, line.quantity, line.unit_price, line.amount_minor, line.tax_minor, line.taxes,
            line.revenue, line.explanation
        FROM planned
        INNER JOIN billing.lines AS line ON line.document_id = planned.reverses_id
    ),
    taxed AS (
        INSERT INTO billing.document_taxes (document_id, position, name, percent, base_minor, tax_minor)
        SELECT planned.id, given.position, given.name, given.percent, given.base_minor, given.tax_minor
        FROM jsonb_to_recordset(CAST(:taxes AS jsonb)) AS given (
            document_key text, position integer, name text, percent numeric, base_minor bigint,
            tax_minor bigint
        )
        INNER JOIN planned ON planned.document_key = given.document_key
        UNION ALL
        SELECT planned.id, tax.position, tax.name, tax.percent, tax.base_minor, tax.tax_minor
        FROM planned
        INNER JOIN billing.document_taxes AS tax ON tax.document_id = planned.reverses_id
    )
    INSERT INTO posting.intents (
        intent_key, target, entity, document_id, document_reference, body_hash, due_on, state
    )
    SELECT
        document.intent_key, :target, document.entity, planned.id, document.document_reference,
        document.body_hash, document.issue_date, 'pending'
    FROM document
    INNER JOIN planned ON planned.document_key = document.document_key
""")
