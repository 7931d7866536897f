"""What we know to be at a target: what was posted there, as it should be, and what may be on its way.

Belongs here: reading these books for a comparison. Does not belong here: the comparison (`comparing`), and
reading the target (`sweep`, `reconcile`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, LiteralString

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.target import Subject
from integration_pipeline.billing.money import Money
from integration_pipeline.posting.comparing import AppliedTo, Expected
from integration_pipeline.posting.writer import Session


def posted_as(
    session: Session, target: str, remote_ids: Iterable[str]
) -> Mapping[tuple[Subject, str], Expected]:
    """What we posted under these ids of a target."""
    with session.transaction():
        rows = session.execute(_POSTED_AS, {"target": target, "ids": list(remote_ids)}).fetchall()
    return {(Subject(row.subject), row.remote_id): _expected(row) for row in rows}


def posted_documents(session: Session, target: str) -> Mapping[str, Expected]:
    """All documents we posted to a target, by their ids there."""
    with session.transaction():
        rows = session.execute(_POSTED_DOCUMENTS, {"target": target}).fetchall()
    return {row.remote_id: _expected(row) for row in rows}


def posted_payments(session: Session, target: str) -> Mapping[str, Expected]:
    """All payments and applications we posted to a target, by their ids there."""
    with session.transaction():
        rows = session.execute(_POSTED_PAYMENTS, {"target": target}).fetchall()
    return {row.remote_id: _expected(row) for row in rows}


def first_day(session: Session, target: str) -> date | None:
    """The day of the first document or payment that goes to a target; None if there is none."""
    with session.transaction():
        row = session.execute(_FIRST_DAY, {"target": target}).fetchone()
    return row[0] if row else None


def numbers_on_their_way(session: Session, target: str) -> set[str]:
    """Numbers of documents that may be there before we know of it."""
    with session.transaction():
        return {row.number for row in session.execute(_ON_THEIR_WAY, {"target": target}).fetchall()}


def entered_by_hand(session: Session, target: str) -> set[str]:
    """Ids of what a person has entered there for us, and has told us of."""
    with session.transaction():
        return {row.remote_id for row in session.execute(_BY_HAND, {"target": target}).fetchall()}


def _expected(row: Any) -> Expected:
    document = row.subject == Subject.DOCUMENT
    return Expected(
        intent_id=row.id,
        subject=Subject(row.subject),
        reference=row.document_reference,
        number=row.number if document else None,
        kind=DocumentKind(row.kind) if document else None,
        customer_id=row.account,
        total=Money(abs(row.total_minor), row.currency),
        tax=Money(row.tax_minor, row.currency) if document else None,
        issued_on=row.dated,
        applied=None if document else _applied(row),
        open_minor=_open_minor(row) if document and not row.moving else (),
    )


def _applied(row: Any) -> Mapping[str, AppliedTo] | None:
    """None where vendors go different ways: money given back, and payments net of credit notes."""
    parts: list[list[Any]] = row.applied or []
    if row.total_minor < 0 or any(remote_id is None or minor < 0 for remote_id, _, minor in parts):
        return None
    return {
        remote_id: AppliedTo(number, Money(minor, row.currency))
        for remote_id, number, minor in parts
        if minor
    }


def _open_minor(row: Any) -> tuple[int, ...]:
    """As it was posted first. Money given back opens an invoice again at one vendor and not at another, or is
    taken from a credit note; and what these books have open is never wrong.
    """
    left = row.total_minor - row.set_off_minor
    paid = (row.paid_minor, row.paid_minor + row.by_hand_minor)
    found = [left - minor + back for minor in paid for back in (0, row.given_back_minor)]
    if row.kind == DocumentKind.CREDIT_NOTE:
        found.append(left)
        found.append(max(0, -(row.reversed_open_minor or 0)))
    found.append(abs(row.own_minor or 0))
    return tuple(dict.fromkeys(max(0, minor) for minor in found))


# Of an application there may be less than its credit note: only what was left of the invoice was sent.
_POSTED: LiteralString = """
    SELECT
        intent.id, intent.subject, intent.remote_id, intent.document_reference,
        booked.remote_id AS number, document.kind,
        CASE intent.subject
            WHEN 'document' THEN document.issue_date
            WHEN 'payment' THEN settlement.settled_on
        END AS dated,
        CASE intent.subject
            WHEN 'application' THEN coalesce(intent.remote_minor, document.total_minor)
            ELSE coalesce(document.total_minor, settlement.amount_minor)
        END AS total_minor,
        document.tax_minor,
        coalesce(document.currency, settlement.currency) AS currency,
        (
            SELECT min(account.remote_id) FROM crm.customer_accounts AS account
            WHERE account.target = intent.target
                AND account.customer_id = coalesce(document.customer_id, settlement.customer_id)
                AND account.currency IN ('', coalesce(document.currency, settlement.currency))
        ) AS account,
        applied.parts AS applied, set_off.minor AS set_off_minor, paid.minor AS paid_minor,
        paid.by_hand_minor, paid.given_back_minor,
        -- By the key of each: as a join the balances of all documents would be worked out for a few.
        CASE intent.subject WHEN 'document' THEN (
            SELECT own.open_minor FROM ledger.document_balances AS own WHERE own.document_id = document.id
        ) END AS own_minor,
        CASE document.kind WHEN 'credit_note' THEN (
            SELECT reversed.open_minor FROM ledger.document_balances AS reversed
            WHERE reversed.document_id = document.reverses_id
        ) END AS reversed_open_minor,
        coalesce(set_off.moving, FALSE) OR coalesce(paid.moving, FALSE) AS moving
    FROM posting.intents AS intent
    LEFT JOIN billing.documents AS document ON document.id = intent.document_id
    LEFT JOIN posting.ledger_intents AS booked ON booked.document_id = document.id
    LEFT JOIN payments.settlements AS settlement ON settlement.id = intent.settlement_id
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_array(there.remote_id, booked.remote_id, part.minor)) AS parts
        FROM (
            SELECT allocation.document_id, allocation.amount_minor AS minor
            FROM payments.allocations AS allocation
            WHERE allocation.settlement_id = intent.settlement_id
            UNION ALL
            SELECT unnest(ARRAY[document.id, document.reverses_id]), intent.remote_minor
            WHERE intent.subject = 'application'
        ) AS part
        LEFT JOIN posting.ledger_intents AS booked ON booked.document_id = part.document_id
        LEFT JOIN posting.intents AS there
            ON there.target = intent.target AND there.subject = 'document'
            AND there.document_id = part.document_id
    ) AS applied ON intent.subject <> 'document'
    LEFT JOIN LATERAL (
        SELECT
            CAST(coalesce(sum(application.remote_minor) FILTER (
                WHERE application.state = 'posted'
            ), 0) AS bigint) AS minor,
            bool_or(posting.moves(application.state, application.updated_at)) AS moving
        FROM billing.documents AS note
        INNER JOIN posting.intents AS application
            ON application.target = intent.target AND application.subject = 'application'
            AND application.document_id = note.id
        WHERE note.id = document.id OR note.reverses_id = document.id
    ) AS set_off ON intent.subject = 'document'
    LEFT JOIN LATERAL (
        SELECT
            CAST(coalesce(sum(abs(allocation.amount_minor)) FILTER (
                WHERE side.pays AND there.state = 'posted'
            ), 0) AS bigint) AS minor,
            CAST(coalesce(sum(abs(allocation.amount_minor)) FILTER (
                WHERE side.pays AND there.state = 'settled'
            ), 0) AS bigint) AS by_hand_minor,
            CAST(coalesce(sum(abs(allocation.amount_minor)) FILTER (
                WHERE NOT side.pays AND there.state IN ('posted', 'settled')
            ), 0) AS bigint) AS given_back_minor,
            bool_or(posting.moves(there.state, there.updated_at)) AS moving
        FROM payments.allocations AS allocation
        INNER JOIN posting.intents AS there
            ON there.target = intent.target AND there.settlement_id = allocation.settlement_id
        CROSS JOIN LATERAL (
            VALUES ((allocation.amount_minor > 0) = (document.kind = 'invoice'))
        ) AS side (pays)
        WHERE allocation.document_id = document.id
    ) AS paid ON intent.subject = 'document'
    WHERE intent.target = %(target)s AND intent.state = 'posted'
        -- A person has undone it there: that it is gone is right.
        AND NOT EXISTS (
            SELECT FROM payments.settlements AS undoing
            INNER JOIN posting.intents AS undone
                ON undone.settlement_id = undoing.id AND undone.target = intent.target
                AND undone.state = 'settled'
            WHERE undoing.reverses_id = intent.settlement_id
        )
"""
_POSTED_AS: LiteralString = f"{_POSTED} AND intent.remote_id = ANY(%(ids)s)"
_POSTED_DOCUMENTS: LiteralString = f"{_POSTED} AND intent.subject = 'document'"
_POSTED_PAYMENTS: LiteralString = f"{_POSTED} AND intent.subject <> 'document'"
_FIRST_DAY = "SELECT min(due_on) FROM posting.intents WHERE target = %(target)s"
_ON_THEIR_WAY = """
    SELECT booked.remote_id AS number
    FROM posting.intents AS intent
    INNER JOIN posting.ledger_intents AS booked ON booked.document_id = intent.document_id
    WHERE intent.target = %(target)s AND intent.subject = 'document'
        AND (
            intent.state IN ('claimed', 'uncertain', 'frozen')
            OR (intent.state = 'posted' AND intent.updated_at > clock_timestamp() - interval '5 minutes')
        )
"""
_BY_HAND = """
    SELECT remote_id FROM posting.intents
    WHERE target = %(target)s AND state = 'settled' AND remote_id IS NOT NULL
"""
