"""What a person decides about one intent: it is sent again, or it was entered at the target by hand.

Each is kept in the audit log with who decided and why. Belongs here: the decisions. Does not belong here:
those about customers, findings and pauses (`decisions`), what cannot be sent at all (posting_by_hand.sql).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from integration_pipeline.posting.decisions import NotPossible, audit
from integration_pipeline.posting.standing import STUCK_STATES


def resend(connection: Connection, intent_id: int, *, by: str, reason: str) -> Mapping[str, Any]:
    """Put a rejected, waiting or frozen intent back to the start: it is looked up first, then sent.

    For what was mended at the target: an account, a tax code, a closed period. What is posted is sent anew
    only where a finding says that its record is gone there; then under another idempotency key, as vendors
    answer a known one with the old record. Raises `NotPossible` for any other intent, and for one that only
    a person can bring there.
    """
    row = _intent(connection, intent_id)
    if row["by_hand"] is not None:
        raise NotPossible(f"{_named(row)} cannot be sent to {row['target']}: {row['by_hand']}")
    if row["state"] == "posted":
        return _send_anew(connection, row, by=by, reason=reason)
    # Somebody may have entered it there by hand meanwhile: looking costs one call.
    if not connection.execute(text(_RESEND), {"id": intent_id}).rowcount:
        raise NotPossible(
            f"{_named(row)} is {row['state']}: only what is rejected, waiting or frozen is sent again"
        )
    audit(connection, by, "posting.resend", f"intent {intent_id}", reason=reason, was=row["state"])
    return row


def settled(
    connection: Connection, intent_id: int, *, remote_id: str | None, by: str, reason: str
) -> Mapping[str, Any]:
    """A person has entered a stuck intent at the target, as `remote_id`, or has dealt with it otherwise: it
    is never sent. The intent; under `waiting`, how many payments and applications need a person now, too.

    Raises `NotPossible` for one that is under way, posted or settled already, and for a `remote_id` that
    another intent has.
    """
    row = _intent(connection, intent_id)
    if row["state"] not in STUCK_STATES:
        raise NotPossible(
            f"{_named(row)} is {row['state']}: only what is rejected, waiting or frozen is settled by hand"
        )
    if remote_id is not None:
        taken = connection.execute(
            text(_TAKEN), {"id": intent_id, "target": row["target"], "remote_id": remote_id}
        ).scalar()
        if taken is not None:
            raise NotPossible(
                f"{remote_id} at {row['target']} is {taken} already; name the record that was entered for "
                f"{row['document_reference']}, or leave --remote-id out"
            )
    said = f"settled by hand by {by}: {reason}"[:1_000]
    connection.execute(text(_SETTLED), {"id": intent_id, "remote_id": remote_id, "said": said})
    waiting = connection.execute(text(_NEED_A_PERSON), {"id": intent_id}).scalar_one()
    connection.execute(
        text(_CLOSE_SETTLED),
        {"id": intent_id, "target": row["target"], "remote_id": remote_id, "by": by, "reason": said},
    )
    details = {"reason": reason, "was": row["state"], "said": row["last_error"], "remote_id": remote_id}
    audit(connection, by, "posting.settled", f"intent {intent_id}", **details)
    return {**row, "waiting": waiting}


def _intent(connection: Connection, intent_id: int) -> dict[str, Any]:
    row = connection.execute(text(_INTENT), {"id": intent_id}).mappings().one_or_none()
    if row is None:
        raise NotPossible(f"there is no posting intent {intent_id}; `targets stuck` lists those that wait")
    return dict(row)


def _named(row: Mapping[str, Any]) -> str:
    return f"intent {row['id']} ({row['document_reference']})"


def _send_anew(connection: Connection, row: Mapping[str, Any], *, by: str, reason: str) -> Mapping[str, Any]:
    found = connection.execute(
        text(_GONE_THERE), {"id": row["id"], "remote_id": row["remote_id"]}
    ).one_or_none()
    if found is None:
        raise NotPossible(
            f"{_named(row)} is posted as {row['remote_id']}, and no open finding says that it is gone there; "
            f"`targets reconcile {row['target']}` looks"
        )
    said = f"sent again by {by} after {row['remote_id']} was found {found.kind}: {reason}"[:1_000]
    connection.execute(text(_SEND_ANEW), {"id": row["id"], "said": said})
    connection.execute(
        text(_CLOSE_GONE), {"id": row["id"], "record": row["remote_id"], "by": by, "reason": said}
    )
    details = {"reason": reason, "was": row["state"], "remote_id": row["remote_id"], "finding": found.said}
    audit(connection, by, "posting.resend", f"intent {row['id']}", **details)
    return row


_INTENT = """
    SELECT
        id, target, subject, document_reference, state, remote_id, last_error,
        CASE subject
            WHEN 'payment' THEN posting.by_hand_because(target, settlement_id)
            WHEN 'application' THEN posting.apply_by_hand_because(target, document_id)
        END AS by_hand
    FROM posting.intents
    WHERE id = :id AND target <> 'ledger'
    FOR UPDATE
"""
_RESEND = """
    WITH again AS (
        UPDATE posting.intents
        SET
            state = CASE
                WHEN EXISTS (SELECT FROM posting.attempts AS attempt WHERE attempt.intent_id = intents.id)
                    THEN 'uncertain'
                ELSE 'pending'
            END,
            retry_at = NULL, last_error = NULL, updated_at = clock_timestamp()
        WHERE id = :id AND target <> 'ledger' AND state IN ('rejected', 'waiting', 'frozen')
        RETURNING id
    )
    SELECT again.id, pg_notify('posting', '') FROM again
"""
_GONE_THERE = """
    SELECT kind, said FROM posting.findings
    WHERE intent_id = :id AND record = :remote_id AND state = 'open'
        AND kind IN ('missing', 'deleted', 'voided')
    ORDER BY id
    LIMIT 1
"""
# What was attempted stays, and says what became of it.
_SEND_ANEW = """
    WITH told AS (
        UPDATE posting.attempts SET detail = :said
        WHERE intent_id = :id AND outcome = 'posted'
            AND number = (SELECT max(number) FROM posting.attempts WHERE intent_id = :id)
    ),
    again AS (
        UPDATE posting.intents
        SET
            state = 'uncertain', retry_at = NULL, last_error = NULL, updated_at = clock_timestamp(),
            intent_key = encode(sha256(convert_to(
                intent_key || E'\nagain\n' || cardinality(given_up), 'UTF8'
            )), 'hex'),
            given_up = given_up || remote_id, remote_id = NULL, remote_version = NULL, remote_minor = NULL,
            response_hash = NULL
        WHERE id = :id AND state = 'posted'
        RETURNING id
    )
    SELECT again.id, pg_notify('posting', '') FROM again
"""
_CLOSE_GONE = """
    UPDATE posting.findings
    SET state = 'resolved', closed_at = clock_timestamp(), closed_by = :by, closed_reason = :reason
    WHERE intent_id = :id AND record = :record AND state = 'open'
"""
_TAKEN = """
    SELECT document_reference FROM posting.intents
    WHERE target = :target AND remote_id = :remote_id AND id <> :id
    LIMIT 1
"""
_SETTLED = """
    WITH settled AS (
        UPDATE posting.intents
        SET state = 'settled', remote_id = :remote_id, last_error = :said, retry_at = NULL,
            updated_at = clock_timestamp()
        WHERE id = :id
        RETURNING id
    )
    SELECT settled.id, pg_notify('posting', '') FROM settled
"""
# What would be applied to it could wait for ever.
_NEED_A_PERSON = """
    WITH settled AS (
        SELECT target, subject, document_id, settlement_id FROM posting.intents WHERE id = :id
    ),
    resting AS (
        SELECT intent.id, CASE intent.subject
            WHEN 'payment' THEN posting.by_hand_because(intent.target, intent.settlement_id)
            ELSE posting.apply_by_hand_because(intent.target, intent.document_id)
        END AS because
        FROM settled
        INNER JOIN posting.intents AS intent ON intent.target = settled.target
        LEFT JOIN billing.documents AS document ON document.id = intent.document_id
        WHERE intent.state = 'pending'
            AND CASE intent.subject
                WHEN 'payment' THEN
                    EXISTS (
                        SELECT FROM payments.allocations AS allocation
                        WHERE allocation.settlement_id = intent.settlement_id
                            AND allocation.document_id = settled.document_id
                    )
                    OR EXISTS (
                        SELECT FROM payments.settlements AS undoing
                        WHERE undoing.id = intent.settlement_id
                            AND undoing.reverses_id = settled.settlement_id
                    )
                WHEN 'application' THEN settled.document_id IN (document.id, document.reverses_id)
                ELSE FALSE
            END
    ),
    told AS (
        UPDATE posting.intents AS intent
        SET state = 'waiting', last_error = resting.because, retry_at = NULL,
            updated_at = clock_timestamp()
        FROM resting
        WHERE intent.id = resting.id AND resting.because IS NOT NULL
        RETURNING intent.id
    )
    SELECT count(*) FROM told
"""
_CLOSE_SETTLED = """
    UPDATE posting.findings
    SET state = 'resolved', closed_at = clock_timestamp(), closed_by = :by, closed_reason = :reason
    WHERE target = :target AND state = 'open'
        AND (intent_id = :id OR (kind = 'unknown' AND record = :remote_id))
"""
