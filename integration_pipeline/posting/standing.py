"""How posting to accounting systems stands: for people, alerts and `verify`.

Belongs here: counts and lists, read only. Does not belong here: what a person decides (`decisions`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

OPEN_STATES = ("pending", "claimed", "uncertain")
"""What is under way by itself."""
STUCK_STATES = ("rejected", "waiting", "frozen")
"""What a person has to look at."""
BY_HAND = ("settled",)
"""What a person has entered there, or dealt with otherwise."""


@dataclass(frozen=True, slots=True)
class TargetStanding:
    """One target: documents, applications and payments by state, findings, and whether it is paused."""

    target: str
    states: dict[str, int]
    findings: int
    customers_waiting: int
    paused_until: datetime | None
    paused_for: str | None
    swept_until: datetime | None
    reconciled_at: datetime | None
    oldest_open: datetime | None
    posted_minor: dict[str, int]
    """Invoices less credit notes that are there, by currency."""


def standing(connection: Connection, targets: Sequence[str]) -> list[TargetStanding]:
    """Each of these targets, and each that has intents though it is not configured any more."""
    rows = connection.execute(text(_STANDING), {"targets": list(targets)})
    return [
        TargetStanding(
            target=row.target,
            states=row.states or {},
            findings=row.findings,
            customers_waiting=row.customers_waiting,
            paused_until=row.paused_until,
            paused_for=row.paused_for,
            swept_until=row.swept_until,
            reconciled_at=row.reconciled_at,
            oldest_open=row.oldest_open,
            posted_minor=row.posted_minor or {},
        )
        for row in rows
    ]


def stuck(
    connection: Connection, target: str | None = None, states: Sequence[str] = STUCK_STATES
) -> list[dict[str, Any]]:
    """Intents that wait for a person, oldest first, with what the target said; or those of other `states`."""
    rows = connection.execute(text(_STUCK), {"target": target, "states": list(states)})
    return [dict(row) for row in rows.mappings()]


def open_findings(connection: Connection, target: str | None = None) -> list[dict[str, Any]]:
    """Open findings, oldest first."""
    return [dict(row) for row in connection.execute(text(_FINDINGS), {"target": target}).mappings()]


def customers_waiting(connection: Connection, target: str | None = None) -> list[dict[str, Any]]:
    """Customers of whom nobody knows who they are at a target, with the candidates."""
    return [dict(row) for row in connection.execute(text(_CUSTOMERS), {"target": target}).mappings()]


def posting_problems(connection: Connection) -> list[str]:
    """What must never be: two records of one intent, a posted intent without its id there, an attempt that
    nobody finished. Empty for sound books.
    """
    return list(connection.execute(text(_PROBLEMS)).scalars())


_STANDING = """
    WITH named AS (
        SELECT unnest(CAST(:targets AS text[])) AS target
        UNION
        SELECT DISTINCT target FROM posting.intents WHERE target <> 'ledger'
    )
    SELECT
        named.target, writer.paused_for, writer.swept_until, writer.reconciled_at,
        CASE WHEN writer.paused_until > clock_timestamp() THEN writer.paused_until END AS paused_until,
        (
            SELECT jsonb_object_agg(subject || ' ' || state, number)
            FROM (
                SELECT subject, state, count(*) AS number FROM posting.intents AS intent
                WHERE intent.target = named.target
                GROUP BY subject, state
            ) AS counted
        ) AS states,
        (
            SELECT count(*) FROM posting.findings AS finding
            WHERE finding.target = named.target AND finding.state = 'open'
        ) AS findings,
        (
            SELECT count(*) FROM crm.customer_accounts AS account
            WHERE account.target = named.target AND account.state = 'waiting'
        ) AS customers_waiting,
        (
            SELECT min(intent.created_at) FROM posting.intents AS intent
            WHERE intent.target = named.target AND intent.state IN ('pending', 'claimed', 'uncertain')
        ) AS oldest_open,
        (
            SELECT jsonb_object_agg(currency, minor)
            FROM (
                SELECT document.currency, sum(
                    CASE document.kind WHEN 'invoice' THEN document.total_minor ELSE -document.total_minor END
                ) AS minor
                FROM posting.intents AS intent
                INNER JOIN billing.documents AS document ON document.id = intent.document_id
                WHERE intent.target = named.target AND intent.subject = 'document'
                    AND intent.state = 'posted'
                GROUP BY document.currency
            ) AS summed
        ) AS posted_minor
    FROM named
    LEFT JOIN posting.writers AS writer ON writer.target = named.target
    ORDER BY named.target
"""
_STUCK = """
    SELECT
        intent.id, intent.target, intent.subject, intent.state, intent.last_error,
        coalesce(booked.remote_id, settlement.reference) AS number, document.deal_key,
        coalesce(document.currency, settlement.currency) AS currency,
        coalesce(document.total_minor, settlement.amount_minor) AS total_minor, intent.remote_id,
        intent.updated_at
    FROM posting.intents AS intent
    LEFT JOIN billing.documents AS document ON document.id = intent.document_id
    LEFT JOIN posting.ledger_intents AS booked ON booked.document_id = document.id
    LEFT JOIN payments.settlements AS settlement ON settlement.id = intent.settlement_id
    WHERE intent.target <> 'ledger' AND intent.state = ANY(CAST(:states AS text[]))
        AND (CAST(:target AS text) IS NULL OR intent.target = :target)
    ORDER BY intent.id
"""
_FINDINGS = """
    SELECT id, target, kind, record, intent_id, said, next_step, found_at, seen_at
    FROM posting.findings
    WHERE state = 'open' AND (CAST(:target AS text) IS NULL OR target = :target)
    ORDER BY id
"""
_CUSTOMERS = """
    SELECT
        account.target, account.customer_id, account.currency, customer.name,
        account.evidence ->> 'why' AS why, account.evidence -> 'candidates' AS candidates
    FROM crm.customer_accounts AS account
    INNER JOIN crm.customers AS customer ON customer.id = account.customer_id
    WHERE account.state = 'waiting' AND (CAST(:target AS text) IS NULL OR account.target = :target)
    ORDER BY account.target, account.customer_id, account.currency
"""
_PROBLEMS = """
    SELECT target || ': ' || remote_id || ' stands for ' || count(*) || ' intents: '
        || string_agg(document_reference, ', ' ORDER BY id)
    FROM posting.intents
    WHERE target <> 'ledger' AND subject = 'document' AND state = 'posted'
    GROUP BY target, remote_id
    HAVING count(*) > 1
    UNION ALL
    SELECT target || ': ' || document_reference || ' is posted, but nobody knows as what'
    FROM posting.intents
    WHERE target <> 'ledger' AND state = 'posted' AND remote_id IS NULL
    UNION ALL
    SELECT intent.target || ': ' || intent.document_reference || ' is ' || intent.state
        || ', but an attempt on it has no end'
    FROM posting.intents AS intent
    INNER JOIN posting.attempts AS attempt ON attempt.intent_id = intent.id
    WHERE intent.target <> 'ledger' AND intent.state <> 'claimed' AND attempt.outcome IS NULL
    UNION ALL
    SELECT intent.target || ': ' || intent.document_reference
        || ' is there, but the own ledger has no such document'
    FROM posting.intents AS intent
    LEFT JOIN posting.ledger_intents AS booked
        ON booked.document_id = intent.document_id AND booked.state = 'posted'
    WHERE intent.target <> 'ledger' AND intent.subject <> 'payment' AND intent.state = 'posted'
        AND booked.id IS NULL
"""
