"""The sweep: what changed at a target since the last look, held against what was posted there.

Every few minutes and whenever the target announces a change. People edit, void and delete documents in their
accounting system; each such drift becomes a finding, and is closed when the record is as it was.

Belongs here: reading changes and comparing them. Does not belong here: the comparison of everything
(`reconcile`), settling uncertain intents (the poster does).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.target import AccountingTarget, RemoteRecord, RemoteState, Subject
from integration_pipeline.billing.money import Money
from integration_pipeline.posting import findings
from integration_pipeline.posting.comparing import Expected, differences
from integration_pipeline.posting.findings import Finding
from integration_pipeline.posting.writer import Session

_FIRST_LOOK = timedelta(days=1)


def sweep(session: Session, target: AccountingTarget) -> dict[str, int]:
    """Look at everything that changed. Counts: `changed`, `ours`, `drifted`, `new_findings`, `unknown`.

    Raises the transport's failures: then the next look begins where this one did.
    """
    began = datetime.now(UTC)
    with session.transaction():
        row = session.execute(_SWEPT, {"target": target.name}).fetchone()
    since: datetime = row[0] if row and row[0] else began - _FIRST_LOOK
    counts: dict[str, int] = dict.fromkeys(("changed", "ours", "drifted", "new_findings", "unknown"), 0)
    for page in target.changed_since(since):
        counts["changed"] += len(page)
        _compare(session, target.name, page, counts)
    with session.transaction():
        session.execute(_KEEP_SWEPT, {"target": target.name, "until": began})
    return counts


def _compare(session: Session, target: str, page: Sequence[RemoteRecord], counts: dict[str, int]) -> None:
    known = expected_of(session, target, [record.remote_id for record in page])
    on_their_way = numbers_on_their_way(session, target)
    noted: list[Finding] = []
    clean: list[str] = []
    for record in page:
        ours = known.get((record.subject, record.remote_id))
        if ours is None:
            if is_unknown(record) and record.number not in on_their_way:
                noted.append(unknown(record))
                counts["unknown"] += 1
            continue
        counts["ours"] += 1
        found = differences(ours, record)
        noted += findings.of_differences(
            found, record=record.remote_id, name=ours.number or ours.reference, intent_id=ours.intent_id
        )
        counts["drifted"] += bool(found)
        if not found:
            clean.append(record.remote_id)
    counts["new_findings"] += findings.note(session, target, noted)
    findings.settle_record(session, target, clean)


def is_unknown(record: RemoteRecord) -> bool:
    """Whether a document that is not ours is worth telling: it stands, and is no draft."""
    return record.subject is Subject.DOCUMENT and record.state in (RemoteState.OPEN, RemoteState.PAID)


def unknown(record: RemoteRecord) -> Finding:
    """A document there that these books know nothing of."""
    return Finding(
        kind="unknown",
        record=record.remote_id,
        said=f"{record.number or record.remote_id} over {record.total.format()} was not posted from here",
        evidence={
            "number": record.number,
            "total_minor": record.total.minor,
            "currency": record.total.currency,
            "customer": record.customer_id,
            "issued_on": record.issued_on and record.issued_on.isoformat(),
        },
    )


def numbers_on_their_way(session: Session, target: str) -> set[str]:
    """Numbers of documents that may be there before we know of it."""
    with session.transaction():
        return {row.number for row in session.execute(_ON_THEIR_WAY, {"target": target}).fetchall()}


def expected_of(
    session: Session, target: str, remote_ids: Iterable[str]
) -> Mapping[tuple[Subject, str], Expected]:
    """What we posted under these ids of a target."""
    with session.transaction():
        rows = session.execute(_EXPECTED, {"target": target, "ids": list(remote_ids)}).fetchall()
    return {(Subject(row.subject), row.remote_id): expected(row) for row in rows}


def expected(row: Any) -> Expected:
    """A row of an intent with what it put there."""
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


_SWEPT = "SELECT swept_until FROM posting.writers WHERE target = %(target)s"
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
_KEEP_SWEPT = """
    INSERT INTO posting.writers (target, fencing_token, holder, swept_until)
    VALUES (%(target)s, nextval('posting.fencing_tokens'), 'nobody yet', %(until)s)
    ON CONFLICT (target) DO UPDATE SET swept_until = excluded.swept_until
"""
# An application's amount at the time is the vendor's to say: what was left of an invoice then is not kept.
_EXPECTED = """
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
    WHERE intent.target = %(target)s AND intent.remote_id = ANY(%(ids)s) AND intent.state = 'posted'
        AND intent.subject <> 'application'
"""
