"""The two-way reconciliation: everything these books put into a target against everything that is there.

Every night. Three questions: what is there without an intent, what should be there and is not, and what
differs in amount, tax, currency or customer. What was found before and is not found again is closed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.target import AccountingTarget, RemoteRecord
from integration_pipeline.posting import findings
from integration_pipeline.posting.comparing import GONE, Expected, differences
from integration_pipeline.posting.findings import Finding
from integration_pipeline.posting.known import numbers_on_their_way, posted_as, posted_documents
from integration_pipeline.posting.writer import Session


@dataclass(slots=True)
class Reconciliation:
    """Both sides: documents and totals by currency in minor units, credit notes taken off."""

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

    def expected(self, document: Expected) -> None:
        """Count a document of these books."""
        self.documents_here += 1
        self.totals_here[document.total.currency] += _signed(document, document.total.minor)

    def found(self, document: Expected, record: RemoteRecord) -> None:
        """Count a document of theirs that is one of ours, unless it is out of their books by now."""
        if record.state not in GONE:
            self.documents_there += 1
            self.totals_there[record.total.currency] += _signed(document, record.total.minor)


def reconcile(session: Session, target: AccountingTarget) -> Reconciliation:
    """Compare all documents that were ever posted there with all that are.

    Raises the transport's failures: then nothing was concluded.
    """
    began = _now(session)
    result = Reconciliation()
    ours = posted_documents(session, target.name)
    on_their_way = numbers_on_their_way(session, target.name)
    first = min((each.issued_on for each in ours.values() if each.issued_on), default=began.date())
    strangers: list[Finding] = []
    noted: list[Finding] = []
    missing = set(ours)
    for page in target.documents(first, began.date() + timedelta(days=1)):
        for record in page:
            known = ours.get(record.remote_id)
            if known is None:
                if findings.is_stranger(record, on_their_way):
                    strangers.append(findings.of_stranger(record))
                continue
            missing.discard(record.remote_id)
            result.found(known, record)
            noted += findings.of_differences(
                differences(known, record),
                record=record.remote_id,
                name=known.number or known.reference,
                intent_id=known.intent_id,
            )
    # What was posted while all of this was read is no stranger.
    ours_by_now = {each for _, each in posted_as(session, target.name, [each.record for each in strangers])}
    noted += [each for each in strangers if each.record not in ours_by_now]
    for remote_id, known in ours.items():
        result.expected(known)
        if remote_id in missing:
            said = f"{known.number or known.reference} was posted as {remote_id} and is not there any more"
            noted.append(Finding("missing", remote_id, said, known.intent_id))
    result.findings.update(each.kind for each in noted)
    findings.note(session, target.name, noted)
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
    return minor if document.kind is DocumentKind.INVOICE else -minor


_RECONCILED = """
    UPDATE posting.writers SET reconciled_at = %(at)s WHERE target = %(target)s
"""
