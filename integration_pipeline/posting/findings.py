"""Findings: where a target and these books differ. Kept until the facts or a person have settled it.

One is open at a time of each target, kind and record; seeing it again only says when it was seen last.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from integration_pipeline.accounting.target import RemoteRecord, RemoteState, Subject
from integration_pipeline.posting.comparing import Difference
from integration_pipeline.posting.writer import Session

_NEXT_STEPS = {
    "changed": "Set it back there, or correct the deal so that a credit note and a new invoice follow.",
    "voided": "Send it again with `targets resend`, or credit the deal here if it shall not be billed. A "
    "vendor that keeps a voided document's number takes it again once that one has another.",
    "deleted": "Restore it there or send it again with `targets resend`; if it shall not be billed, credit "
    "the deal here.",
    "missing": "Look for it there under its number; if it is gone for good, send it again with `targets "
    "resend`, or credit the deal here if it shall not be billed.",
    "balance_differs": "Somebody has set a payment or a credit against it there that these books do not "
    "know, or has taken one off. Enter it here, too (`payments match`), or remove it there.",
    "duplicate": "Void all but one of them there, then close this finding.",
    "unknown": "If it was entered by hand for a deal that is billed here, void it there.",
    "tax_differs": "Compare the tax settings there with the rule set's; the books there hold the other tax.",
    "total_differs": "Compare lines and taxes of both; correct the side that is wrong.",
}
_GONE_PAYMENT = (
    "Restore it there or send it again with `targets resend`; if the money never came, take it back here "
    "with `payments undo`."
)
_GONE_APPLICATION = "Set the credit note against its invoice there again, or leave that to `targets resend`."
_NEXT_STEPS_OF = {
    Subject.PAYMENT: {
        "changed": "Set it back there. If it is right as it is there, correct it here with `payments undo` "
        "and `payments match`.",
        "voided": _GONE_PAYMENT,
        "deleted": _GONE_PAYMENT,
        "missing": f"Look for it there under its reference. {_GONE_PAYMENT}",
        "total_differs": "Compare it with the bank. Correct it there, or here with `payments undo`.",
    },
    Subject.APPLICATION: {
        "changed": "Set the credit note against its invoice there as it was.",
        "voided": _GONE_APPLICATION,
        "deleted": _GONE_APPLICATION,
        "missing": _GONE_APPLICATION,
        "total_differs": "Set as much of the credit note against its invoice there as before.",
    },
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one record; `record` is its id at the target, or our reference without one."""

    kind: str
    record: str
    said: str
    intent_id: int | None = None
    evidence: dict[str, Any] = field(default_factory=dict[str, Any])
    subject: Subject = Subject.DOCUMENT

    @property
    def next_step(self) -> str:
        """What a person can do about it."""
        return _NEXT_STEPS_OF.get(self.subject, {}).get(self.kind) or _NEXT_STEPS[self.kind]


def of_differences(
    differences: Iterable[Difference],
    *,
    record: str,
    name: str,
    intent_id: int | None,
    subject: Subject = Subject.DOCUMENT,
) -> list[Finding]:
    """A finding for each kind of difference of one record, which people know by `name`."""
    by_kind: dict[str, list[Difference]] = {}
    for difference in differences:
        by_kind.setdefault(difference.kind, []).append(difference)
    return [
        Finding(
            kind=kind,
            record=record,
            said=f"{name}: {'; '.join(str(each) for each in found)}",
            intent_id=intent_id,
            evidence={"differences": [asdict(each) for each in found]},
            subject=subject,
        )
        for kind, found in by_kind.items()
    ]


def is_stranger(record: RemoteRecord, on_their_way: Container[str | None]) -> bool:
    """Whether a record that was not posted from here is worth telling: a document that stands, is no draft,
    and has no number of `on_their_way`.
    """
    stands = record.state in (RemoteState.OPEN, RemoteState.PAID)
    return record.subject is Subject.DOCUMENT and stands and record.number not in on_their_way


def of_stranger(record: RemoteRecord) -> Finding:
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


def note(connection: Session, target: str, findings: Sequence[Finding]) -> int:
    """Keep them, in the caller's transaction or one of its own; how many are new."""
    if not findings:
        return 0
    batch = json.dumps([{**asdict(each), "next_step": each.next_step} for each in _newest(findings)])
    with connection.transaction():
        row = connection.execute(_NOTE, {"target": target, "batch": batch}).fetchone()
    return int(row[0]) if row else 0


def settle(connection: Session, target: str, since: datetime, *, balances_unknown: Sequence[int] = ()) -> int:
    """Close what a comparison of all that is posted, begun at `since`, did not see again: findings about
    that, and about strangers. What was found about what is frozen is none of it, nor are the open balances
    of the documents of `balances_unknown`, intents that were not compared in this.
    """
    parameters = {"target": target, "since": since, "balances_unknown": list(balances_unknown)}
    with connection.transaction():
        return connection.execute(_SETTLE, parameters).rowcount


def settle_record(connection: Session, target: str, records: Sequence[str]) -> int:
    """Close what was found about records that are as they should be by now."""
    if not records:
        return 0
    with connection.transaction():
        return connection.execute(_SETTLE_RECORDS, {"target": target, "records": list(records)}).rowcount


def _newest(findings: Sequence[Finding]) -> Iterable[Finding]:
    # One statement cannot touch a row twice.
    return {(each.kind, each.record): each for each in findings}.values()


_NOTE = """
    WITH noted AS (
        INSERT INTO posting.findings AS finding (
            target, kind, record, intent_id, said, next_step, evidence
        )
        SELECT %(target)s, kind, record, intent_id, said, next_step, evidence
        FROM jsonb_to_recordset(CAST(%(batch)s AS jsonb)) AS given (
            kind text, record text, intent_id bigint, said text, next_step text, evidence jsonb
        )
        -- What a person has accepted as it is need not be told every night.
        WHERE NOT EXISTS (
            SELECT FROM posting.findings AS accepted
            WHERE accepted.target = %(target)s AND accepted.kind = given.kind
                AND accepted.record = given.record AND accepted.evidence = given.evidence
                AND accepted.state = 'resolved' AND accepted.closed_by NOT IN ('sweep', 'reconciliation')
        )
        ON CONFLICT (target, kind, record) WHERE state = 'open' DO UPDATE SET
            seen_at = clock_timestamp(), said = excluded.said, evidence = excluded.evidence,
            intent_id = coalesce(excluded.intent_id, finding.intent_id)
        RETURNING finding.xmax = 0 AS is_new
    )
    SELECT count(*) FILTER (WHERE is_new) FROM noted
"""
_SETTLE = """
    UPDATE posting.findings
    SET state = 'resolved', closed_at = clock_timestamp(), closed_by = 'reconciliation',
        closed_reason = 'both sides agree again'
    WHERE target = %(target)s AND state = 'open' AND seen_at < %(since)s
        AND NOT (kind = 'balance_differs' AND intent_id = ANY(%(balances_unknown)s))
        AND (
            kind = 'unknown'
            OR intent_id IN (
                SELECT intent.id FROM posting.intents AS intent
                WHERE intent.target = %(target)s AND intent.state = 'posted'
            )
        )
"""
_SETTLE_RECORDS = """
    UPDATE posting.findings
    SET state = 'resolved', closed_at = clock_timestamp(), closed_by = 'sweep',
        closed_reason = 'both sides agree again'
    WHERE target = %(target)s AND state = 'open' AND record = ANY(%(records)s)
"""
