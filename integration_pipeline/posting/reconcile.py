"""The two-way reconciliation: everything these books put into a target against everything that is there.

Every night. Three questions: what is there without an intent, what should be there and is not, and what
differs in amount, tax, currency or customer. What was found before and is not found again is closed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from integration_pipeline.accounting.target import AccountingTarget, RemoteState, Subject
from integration_pipeline.posting import findings
from integration_pipeline.posting.comparing import Expected, differences
from integration_pipeline.posting.findings import Finding
from integration_pipeline.posting.sweep import (
    expected,
    expected_of,
    is_unknown,
    numbers_on_their_way,
    unknown,
)
from integration_pipeline.posting.writer import Session


@dataclass(slots=True)
class Reconciliation:
    """Both sides of one period: documents and totals by currency in minor units, credit notes taken off."""

    documents_here: int = 0
    documents_there: int = 0
    totals_here: Counter[str] = field(default_factory=Counter[str])
    totals_there: Counter[str] = field(default_factory=Counter[str])
    findings: Counter[str] = field(default_factory=Counter[str])
    closed: int = 0

    @property
    def agrees(self) -> bool:
        """Nothing was found, and the totals are equal."""
        return not self.findings and self.totals_here == self.totals_there


def reconcile(
    session: Session, target: AccountingTarget, first: date | None = None, last: date | None = None
) -> Reconciliation:
    """Compare all documents issued from `first` to `last`; without them all that were ever posted there.

    Raises the transport's failures: then nothing was concluded.
    """
    began = _now(session)
    result = Reconciliation()
    ours = _ours(session, target.name, first, last)
    if first is None:
        first = min((issued for issued, _ in ours.values()), default=began.date())
    through = last or began.date() + timedelta(days=1)
    noted: list[Finding] = []
    seen: Counter[str] = Counter()
    on_their_way = numbers_on_their_way(session, target.name)
    for page in target.documents(first, through):
        for record in page:
            known = ours.get(record.remote_id)
            if known is None:
                if is_unknown(record) and record.number not in on_their_way:
                    noted.append(unknown(record))
                continue
            seen[record.remote_id] += 1
            if record.state not in (RemoteState.VOIDED, RemoteState.DELETED):
                result.documents_there += 1
                result.totals_there[record.total.currency] += _signed(known[1], record.total.minor)
            noted += findings.of_differences(
                differences(known[1], record),
                record=record.remote_id,
                name=known[1].number or known[1].reference,
                intent_id=known[1].intent_id,
            )
    for remote_id, (_, document) in ours.items():
        result.documents_here += 1
        result.totals_here[document.total.currency] += _signed(document, document.total.minor)
        if not seen[remote_id]:
            name = document.number or document.reference
            said = f"{name} was posted as {remote_id} and is not there any more"
            noted.append(Finding("missing", remote_id, said, document.intent_id))
    # What was posted while all of this was read is no stranger.
    strangers = [each.record for each in noted if each.kind == "unknown"]
    ours_by_now = {remote_id for _, remote_id in expected_of(session, target.name, strangers)}
    noted = [each for each in noted if each.kind != "unknown" or each.record not in ours_by_now]
    result.findings.update(each.kind for each in noted)
    findings.note(session, target.name, noted)
    if last is None:
        result.closed = findings.settle(session, target.name, began)
        with session.transaction():
            session.execute(_RECONCILED, {"target": target.name, "at": began})
    return result


def _now(session: Session) -> datetime:
    """The database's clock, by which findings are dated."""
    with session.transaction():
        row = session.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - a function's value
    return row[0]


def _signed(document: Expected, minor: int) -> int:
    return minor if document.kind == "invoice" else -minor


def _ours(
    session: Session, target: str, first: date | None, last: date | None
) -> dict[str, tuple[date, Expected]]:
    """What was posted there, by its id there, with its issue date."""
    with session.transaction():
        rows = session.execute(
            _POSTED, {"target": target, "subject": Subject.DOCUMENT, "first": first, "last": last}
        ).fetchall()
    return {row.remote_id: (row.issue_date, expected(row)) for row in rows}


_POSTED = """
    SELECT
        intent.id, intent.subject, intent.remote_id, intent.document_reference,
        booked.remote_id AS number, document.kind, document.total_minor, document.tax_minor,
        document.currency, document.issue_date,
        (
            SELECT min(account.remote_id) FROM crm.customer_accounts AS account
            WHERE account.target = intent.target AND account.customer_id = document.customer_id
                AND account.currency IN ('', document.currency)
        ) AS account
    FROM posting.intents AS intent
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    INNER JOIN posting.ledger_intents AS booked ON booked.document_id = document.id
    WHERE intent.target = %(target)s AND intent.subject = %(subject)s AND intent.state = 'posted'
        AND (CAST(%(first)s AS date) IS NULL OR document.issue_date >= %(first)s)
        AND (CAST(%(last)s AS date) IS NULL OR document.issue_date <= %(last)s)
"""
_RECONCILED = """
    UPDATE posting.writers SET reconciled_at = %(at)s WHERE target = %(target)s
"""
