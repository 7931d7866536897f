"""What a deal may be told about its invoices, by the books: `FACTS` of the mapping's section `write_back`.

Belongs here: which deals have something to be told, what it is, how it is written. Does not belong here:
which field it goes to (mapping), sending it (`write_back`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from integration_pipeline.billing.money import Money
from integration_pipeline.crm.write_back import FieldValues
from integration_pipeline.mapping.write_back import WriteBackFields
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.scope import Scope

_LONGEST_PROBLEM = 250


@dataclass(frozen=True, slots=True)
class DealFacts:
    """One deal: what its fields shall hold, and what is known of them (`ops.write_backs`)."""

    external_id: str
    wanted: FieldValues
    written: Mapping[str, Any]


def deals_to_tell(connection: Connection, pipeline: Pipeline, scope: Scope) -> list[str]:
    """Ids of the deals in scope that are won, invoiced, held back, or were told something before."""
    source = pipeline.mapping.source
    parameters = {"source": source, "ids": scope.deal_ids(source), **scope.parameters()}
    return list(connection.execute(_DEALS, parameters).scalars())


def facts_of(
    connection: Connection, pipeline: Pipeline, fields: WriteBackFields, ids: Sequence[str]
) -> list[DealFacts]:
    """The facts of these deals, in the fields they go to. Deals that are not in `raw` are absent."""
    days = {entity: day.isoformat() for entity, day in pipeline.days_by_entity().items()}
    parameters = {"source": pipeline.mapping.source, "ids": list(ids), "days": json.dumps(days)}
    found: list[DealFacts] = []
    for row in connection.execute(_FACTS, parameters).mappings():
        facts = _written_out(row)
        wanted = {told.field: told.written(facts[fact]) for fact, told in fields.told()}
        found.append(DealFacts(row["external_id"], wanted, row["written"] or {}))
    return found


def _written_out(row: RowMapping) -> dict[str, str | None]:
    return {
        "status": row["status"],
        "invoice_numbers": row["invoice_numbers"],
        "latest_invoice": row["latest_invoice"],
        "amount_invoiced": _amount(row["invoiced_minor"], row["currency"]),
        "amount_due": _amount(row["due_minor"], row["currency"]),
        "currency": row["currency"],
        "due_date": row["due_date"] and row["due_date"].isoformat(),
        "paid_on": row["paid_on"] and row["paid_on"].isoformat(),
        "problem": _problem(row["problems"] or []),
    }


def _amount(minor: int | None, currency: str | None) -> str | None:
    """As CRMs take amounts: `1234.50`, in currency units."""
    if minor is None or currency is None:
        return None
    return f"{Money(int(minor), currency).to_decimal():f}"


def _problem(problems: Sequence[str]) -> str | None:
    """The first in full, as far as it is short, and how many more there are."""
    if not problems:
        return None
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    room = _LONGEST_PROBLEM - len(more)
    said = " ".join(problems[0].split())
    return (said if len(said) <= room else said[: room - 1] + "…") + more


_DEALS = text("""
    SELECT head.external_id
    FROM raw.heads AS head
    INNER JOIN raw.records AS record ON record.id = head.record_id
    LEFT JOIN crm.deal_heads AS known ON known.deal_key = head.source || ':' || head.external_id
    LEFT JOIN crm.deals AS deal ON deal.id = known.deal_id
    WHERE head.source = :source AND head.object_type = 'deal' AND NOT record.archived
        AND (CAST(:ids AS text[]) IS NULL OR head.external_id = ANY(CAST(:ids AS text[])))
        AND crm.in_scope(
            deal.close_month, head.source || ':' || head.external_id, :first_month, :last_month, :deal_keys
        )
        AND (
            deal.state = 'won'
            OR EXISTS (
                SELECT FROM billing.documents AS document
                INNER JOIN posting.intents AS intent ON intent.document_id = document.id
                WHERE document.deal_key = known.deal_key AND intent.state = 'posted'
            )
            OR EXISTS (
                SELECT FROM posting.quarantine AS held
                WHERE held.source = head.source AND held.external_id = head.external_id
                    AND held.object_type = 'deal' AND held.state = 'open'
            )
            OR EXISTS (
                SELECT FROM ops.write_backs AS told
                WHERE told.source = head.source AND told.external_id = head.external_id
            )
        )
    ORDER BY length(head.external_id), head.external_id
""")
# Amounts are those in the currency of the newest invoice: what was billed in another one before was credited.
# OFFSET 0 keeps the look-ups by key, whatever the planner expects of tables just filled.
_FACTS = text("""
    SELECT
        deal.external_id, told.written, bills.invoice_numbers, bills.latest_invoice, bills.currency,
        bills.invoiced_minor, bills.due_minor, bills.due_date,
        CASE
            WHEN bills.invoices = 0 THEN 'not invoiced'
            WHEN bills.open_invoices = 0 AND bills.paid_invoices = 0 THEN 'credited'
            WHEN bills.open_invoices = 0 THEN 'paid'
            WHEN bills.is_overdue THEN 'overdue'
            WHEN bills.paid_invoices > 0 THEN 'partly paid'
            ELSE 'open'
        END AS status,
        CASE WHEN bills.open_invoices = 0 THEN bills.paid_on END AS paid_on,
        troubles.problems
    FROM (
        SELECT heads.source, heads.external_id, heads.source || ':' || heads.external_id AS deal_key
        FROM raw.heads
        WHERE heads.source = :source AND heads.object_type = 'deal'
            AND heads.external_id = ANY(CAST(:ids AS text[]))
        OFFSET 0
    ) AS deal
    LEFT JOIN ops.write_backs AS told
        ON told.source = deal.source AND told.external_id = deal.external_id
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE each.kind = 'invoice') AS invoices,
            count(*) FILTER (WHERE each.kind = 'invoice' AND each.open_minor > 0) AS open_invoices,
            count(*) FILTER (WHERE each.kind = 'invoice' AND each.paid_minor > 0) AS paid_invoices,
            bool_or(
                each.kind = 'invoice' AND each.open_minor > 0
                AND each.due_date < CAST(CAST(:days AS jsonb) ->> each.entity AS date)
            ) AS is_overdue,
            string_agg(each.number, ', ' ORDER BY each.issue_date, each.series_number)
                FILTER (WHERE each.kind = 'invoice') AS invoice_numbers,
            max(each.newest_number) AS latest_invoice,
            max(each.newest_currency) AS currency,
            sum(
                CASE each.kind WHEN 'invoice' THEN 1 ELSE -1 END * (each.total_minor - each.credited_minor)
            ) FILTER (WHERE each.currency = each.newest_currency) AS invoiced_minor,
            sum(each.open_minor) FILTER (WHERE each.currency = each.newest_currency) AS due_minor,
            min(each.due_date) FILTER (WHERE each.kind = 'invoice' AND each.open_minor > 0) AS due_date,
            max(each.paid_on) FILTER (WHERE each.kind = 'invoice') AS paid_on
        FROM (
            SELECT
                balance.*,
                first_value(balance.number) OVER newest_first AS newest_number,
                first_value(balance.currency) OVER newest_first AS newest_currency
            FROM ledger.document_balances AS balance
            WHERE balance.deal_key = deal.deal_key
            WINDOW newest_first AS (
                ORDER BY balance.kind <> 'invoice', balance.issue_date DESC, balance.series_number DESC
            )
            OFFSET 0
        ) AS each
    ) AS bills
    CROSS JOIN LATERAL (
        SELECT array_agg(problem.said ORDER BY problem.place, problem.id) AS problems
        FROM (
            SELECT 1 AS place, held.id, held.reason || '. ' || held.next_step AS said
            FROM posting.quarantine AS held
            WHERE held.source = deal.source AND held.external_id = deal.external_id
                AND held.object_type = 'deal' AND held.state = 'open'
            UNION ALL
            SELECT
                2 AS place, intent.id,
                intent.target || ' does not have ' || booked.number || ' yet: '
                || coalesce(intent.last_error, 'it waits for a decision')
            FROM billing.documents AS document
            INNER JOIN posting.intents AS intent ON intent.document_id = document.id
            INNER JOIN posting.intents AS ours
                ON ours.document_id = document.id AND ours.target = 'ledger' AND ours.subject = 'document'
            INNER JOIN ledger.documents AS booked ON booked.intent_id = ours.id
            WHERE document.deal_key = deal.deal_key AND intent.target <> 'ledger'
                AND intent.state IN ('rejected', 'waiting', 'frozen')
        ) AS problem
    ) AS troubles
    ORDER BY length(deal.external_id), deal.external_id
""")
