"""What we know to be at a target: what was posted there, as it should be, and what may be on its way.

Belongs here: reading these books for a comparison. Does not belong here: the comparison (`comparing`), and
reading the target (`sweep`, `reconcile`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, LiteralString

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.target import Subject
from integration_pipeline.billing.money import Money
from integration_pipeline.posting.comparing import Expected
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


def numbers_on_their_way(session: Session, target: str) -> set[str]:
    """Numbers of documents that may be there before we know of it."""
    with session.transaction():
        return {row.number for row in session.execute(_ON_THEIR_WAY, {"target": target}).fetchall()}


def _expected(row: Any) -> Expected:
    document = row.subject == Subject.DOCUMENT
    return Expected(
        intent_id=row.id,
        reference=row.document_reference,
        number=row.number if document else None,
        kind=DocumentKind(row.kind) if document else None,
        customer_id=row.account,
        total=Money(abs(row.total_minor), row.currency),
        tax=Money(row.tax_minor, row.currency) if document else None,
        issued_on=row.issue_date if document else None,
    )


_POSTED: LiteralString = """
    SELECT
        intent.id, intent.subject, intent.remote_id, intent.document_reference,
        booked.remote_id AS number, document.kind, document.issue_date,
        coalesce(document.total_minor, settlement.amount_minor) AS total_minor, document.tax_minor,
        coalesce(document.currency, settlement.currency) AS currency,
        (
            SELECT min(account.remote_id) FROM crm.customer_accounts AS account
            WHERE account.target = intent.target
                AND account.customer_id = coalesce(document.customer_id, settlement.customer_id)
                AND account.currency IN ('', coalesce(document.currency, settlement.currency))
        ) AS account
    FROM posting.intents AS intent
    LEFT JOIN billing.documents AS document ON document.id = intent.document_id
    LEFT JOIN posting.ledger_intents AS booked ON booked.document_id = document.id
    LEFT JOIN payments.settlements AS settlement ON settlement.id = intent.settlement_id
    WHERE intent.target = %(target)s AND intent.state = 'posted'
"""
# An application's amount at the time is the vendor's to say: what was left of an invoice then is not kept.
_POSTED_AS: LiteralString = (
    f"{_POSTED} AND intent.remote_id = ANY(%(ids)s) AND intent.subject <> 'application'"
)
_POSTED_DOCUMENTS: LiteralString = f"{_POSTED} AND intent.subject = 'document'"
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
