"""The two-way reconciliation: everything these books put into a target against everything that is there.

Every night. What is there without an intent, what should be there and is not, what differs in amount, tax,
currency or customer, what a payment is set against, and what is open of a document. What was found before and
is not found again is closed.

Belongs here: going through both sides. Does not belong here: the comparison of one record (`comparing`), what
these books know (`known`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.target import GONE, AccountingTarget, RemoteRecord, Subject
from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.posting import findings
from integration_pipeline.posting.comparing import Expected, differences
from integration_pipeline.posting.findings import Finding
from integration_pipeline.posting.known import (
    entered_by_hand,
    first_day,
    numbers_on_their_way,
    posted_as,
    posted_documents,
    posted_payments,
)
from integration_pipeline.posting.outgoing import outgoing
from integration_pipeline.posting.writer import Session

_LOOKED_UP_AT_ONCE = 25


@dataclass(slots=True)
class Reconciliation:
    """Both sides: documents and totals by currency in minor units, credit notes taken off; how many payments
    and applications.
    """

    documents_here: int = 0
    documents_there: int = 0
    payments_here: int = 0
    payments_there: int = 0
    totals_here: Counter[str] = field(default_factory=Counter[str])
    totals_there: Counter[str] = field(default_factory=Counter[str])
    findings: Counter[str] = field(default_factory=Counter[str])
    closed: int = 0

    @property
    def agrees(self) -> bool:
        """Nothing was found, and the totals are equal."""
        return not self.findings and self.totals_here == self.totals_there

    def expected(self, known: Expected) -> None:
        """Count one of these books."""
        if known.subject is not Subject.DOCUMENT:
            self.payments_here += 1
            return
        self.documents_here += 1
        self.totals_here[known.total.currency] += _signed(known, known.total.minor)

    def found(self, known: Expected, record: RemoteRecord) -> None:
        """Count one of theirs that is one of ours, unless it is out of their books by now."""
        if record.state in GONE:
            return
        if known.subject is not Subject.DOCUMENT:
            self.payments_there += 1
            return
        self.documents_there += 1
        self.totals_there[record.total.currency] += _signed(known, record.total.minor)


def reconcile(session: Session, target: AccountingTarget) -> Reconciliation:
    """Compare all that was ever posted there with all that is.

    Raises the transport's failures: then nothing was concluded.
    """
    began = _now(session)
    documents = posted_documents(session, target.name)
    payments = posted_payments(session, target.name)
    first = first_day(session, target.name) or began.date()
    last = began.date() + timedelta(days=1)

    comparison = _Comparison(session, target)
    strangers = comparison.go_through(documents, target.documents(first, last))
    if payments:
        comparison.go_through(payments, target.payments(first, last))
    noted = [*comparison.noted, *_unknown(session, target.name, strangers)]
    result = comparison.result
    result.findings.update(each.kind for each in noted)
    findings.note(session, target.name, noted)
    moving = [each.intent_id for each in documents.values() if not each.open_minor]
    result.closed = findings.settle(session, target.name, began, balances_unknown=moving)
    with session.transaction():
        session.execute(_RECONCILED, {"target": target.name, "at": began})
    return result


class _Comparison:
    """Records of one target held against what is known of them: sums in `result`, differences in `noted`."""

    def __init__(self, session: Session, target: AccountingTarget) -> None:
        self._session = session
        self._target = target
        self.result = Reconciliation()
        self.noted: list[Finding] = []

    def go_through(
        self, ours: Mapping[str, Expected], pages: Iterable[Sequence[RemoteRecord]]
    ) -> list[RemoteRecord]:
        """Compare each record of ours, there or missing; those that are none of ours."""
        by_documents = {
            frozenset(each.applied): each
            for each in ours.values()
            if each.subject is Subject.APPLICATION and each.applied
        }
        strangers: list[RemoteRecord] = []
        missing = {each.intent_id: (remote_id, each) for remote_id, each in ours.items()}
        for page in pages:
            for record in page:
                known = ours.get(record.remote_id)
                if known is None and record.subject is Subject.APPLICATION and record.applied:
                    # Xero does not always give an allocation an id of its own.
                    known = by_documents.get(frozenset(record.applied))
                if known is None:
                    strangers.append(record)
                elif missing.pop(known.intent_id, None) is not None:
                    self._compare(known, record)
        for known in ours.values():
            self.result.expected(known)
        self._look_for(list(missing.values()))
        return strangers

    def _compare(self, known: Expected, record: RemoteRecord) -> None:
        self.result.found(known, record)
        self.noted += findings.of_differences(
            differences(known, record),
            record=record.remote_id,
            name=known.name,
            intent_id=known.intent_id,
            subject=known.subject,
        )

    def _look_for(self, missing: Sequence[tuple[str, Expected]]) -> None:
        """A list leaves out what somebody gave another day, or deleted: each is asked for by itself."""
        for subject in Subject:
            for some in chunked([each for each in missing if each[1].subject is subject], _LOOKED_UP_AT_ONCE):
                there = self._found(subject, [known for _, known in some])
                for remote_id, known in some:
                    if (record := there.get(remote_id)) is not None:
                        self._compare(known, record)
                        continue
                    said = f"{known.name} was posted as {remote_id} and is not there any more"
                    self.noted.append(Finding("missing", remote_id, said, known.intent_id, subject=subject))

    def _found(self, subject: Subject, wanted: Sequence[Expected]) -> Mapping[str, RemoteRecord]:
        batch = outgoing(
            self._session,
            self._target.name,
            subject,
            [each.intent_id for each in wanted],
            currency_per_customer=self._target.currency_per_customer,
        )
        return {record.remote_id: record for found in self._target.find(batch) for record in found}


def _unknown(session: Session, target: str, strangers: Sequence[RemoteRecord]) -> list[Finding]:
    on_their_way = numbers_on_their_way(session, target)
    by_hand = entered_by_hand(session, target)
    noted = [
        findings.of_stranger(each)
        for each in strangers
        if each.remote_id not in by_hand and findings.is_stranger(each, on_their_way)
    ]
    # What was posted while all of this was read is no stranger.
    ours_by_now = {each for _, each in posted_as(session, target, [each.record for each in noted])}
    return [each for each in noted if each.record not in ours_by_now]


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
