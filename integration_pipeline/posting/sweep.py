"""The sweep: what changed at a target since the last look, held against what was posted there.

Every few minutes and whenever the target announces a change. People edit, void and delete documents in their
accounting system; each such drift becomes a finding, and is closed when the record is as it was.

Belongs here: reading changes and comparing them. Does not belong here: the comparison of everything
(`reconcile`), settling uncertain intents (the poster does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from integration_pipeline.accounting.target import GONE, AccountingTarget, RemoteRecord, Subject
from integration_pipeline.posting import findings
from integration_pipeline.posting.comparing import Expected, differences
from integration_pipeline.posting.findings import Finding
from integration_pipeline.posting.known import entered_by_hand, numbers_on_their_way, posted_as
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
    known = posted_as(session, target, [record.remote_id for record in page])
    on_their_way = numbers_on_their_way(session, target)
    by_hand = entered_by_hand(session, target)
    noted: list[Finding] = []
    clean: list[str] = []
    for record in page:
        ours = _ours(known, record)
        if ours is None:
            if record.remote_id not in by_hand and findings.is_stranger(record, on_their_way):
                noted.append(findings.of_stranger(record))
                counts["unknown"] += 1
            continue
        counts["ours"] += 1
        found = differences(ours, record)
        noted += findings.of_differences(
            found,
            record=record.remote_id,
            name=ours.name,
            intent_id=ours.intent_id,
            subject=ours.subject,
        )
        counts["drifted"] += bool(found)
        if not found and (ours.open_minor or ours.subject is not Subject.DOCUMENT):
            clean.append(record.remote_id)
    counts["new_findings"] += findings.note(session, target, noted)
    findings.settle_record(session, target, clean)


def _ours(known: Mapping[tuple[Subject, str], Expected], record: RemoteRecord) -> Expected | None:
    found = known.get((record.subject, record.remote_id))
    if found is None and record.subject is Subject.PAYMENT and record.state in GONE:
        # Of what was deleted nobody tells whether it was an application.
        return known.get((Subject.APPLICATION, record.remote_id))
    return found


_SWEPT = "SELECT swept_until FROM posting.writers WHERE target = %(target)s"
_KEEP_SWEPT = """
    INSERT INTO posting.writers (target, fencing_token, holder, swept_until)
    VALUES (%(target)s, nextval('posting.fencing_tokens'), 'nobody yet', %(until)s)
    ON CONFLICT (target) DO UPDATE SET swept_until = excluded.swept_until
"""
