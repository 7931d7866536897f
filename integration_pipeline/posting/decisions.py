"""What a person decides about posting: who a customer is at a target, what is sent again, what is settled.

Each is kept in the audit log with who decided and why. Belongs here: the decisions. Does not belong here:
looking (`standing`), acting on them (the poster does in its next round).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text


class NotPossible(ValueError):  # noqa: N818 - said of the decision
    """The decision does not fit how things stand; the message says what does."""


def link_customer(
    connection: Connection, target: str, customer_id: int, remote_id: str, *, by: str, reason: str
) -> int:
    """`customer_id` is `remote_id` at the target, in every currency that waits. How many intents go on.

    Raises `NotPossible` if nothing waits, if the target has no such customer, or if it is another's already.
    """
    known = connection.execute(
        text(_THERE), {"target": target, "remote_id": remote_id, "customer": customer_id}
    ).one_or_none()
    if known is None:
        raise NotPossible(
            f"{target} has no customer {remote_id} that is known here; "
            "its customers are read again when a document of a new one is posted"
        )
    if known.taken_by is not None:
        raise NotPossible(f"{known.name} ({remote_id}) at {target} is {known.taken_by} already")
    waits = connection.execute(text(_WAITS), {"target": target, "customer": customer_id}).scalar_one()
    if not waits:
        raise _does_not_wait(target, customer_id)
    if waits > 1:
        raise NotPossible(
            f"customer {customer_id} waits at {target} in {waits} currencies and one record cannot be all of "
            "them; let the others be created there first"
        )
    evidence = json.dumps({"name_there": known.name, "reason": reason})
    connection.execute(
        text(_LINK),
        {
            "target": target,
            "customer": customer_id,
            "remote_id": remote_id,
            "by": by,
            "evidence": evidence,
        },
    )
    subject = f"{target} {customer_id}"
    _audit(connection, by, "posting.link_customer", subject, remote_id=remote_id, reason=reason)
    return _go_on(connection, target, customer_id)


def declare_new(connection: Connection, target: str, customer_id: int, *, by: str, reason: str) -> int:
    """None of the candidates is this customer: it is created there. How many intents go on.

    Raises `NotPossible` if nothing waits.
    """
    if not connection.execute(
        text(_DECLARE_NEW), {"target": target, "customer": customer_id, "by": by}
    ).rowcount:
        raise NotPossible(
            f"customer {customer_id} does not wait at {target}; `targets customers` lists who does"
        )
    _audit(connection, by, "posting.new_customer", f"{target} {customer_id}", reason=reason)
    return _go_on(connection, target, customer_id)


def resend(connection: Connection, intent_id: int, *, by: str, reason: str) -> Mapping[str, Any]:
    """Put a rejected, waiting or frozen intent back to the start: it is looked up first, then sent.

    For what was mended at the target: an account, a tax code, a closed period. Raises `NotPossible` for an
    intent that is under way or posted.
    """
    row = connection.execute(text(_INTENT), {"id": intent_id}).mappings().one_or_none()
    if row is None:
        raise NotPossible(f"there is no posting intent {intent_id}; `targets stuck` lists those that wait")
    # Somebody may have entered it there by hand meanwhile: looking costs one call.
    if not connection.execute(text(_RESEND), {"id": intent_id}).rowcount:
        raise NotPossible(
            f"intent {intent_id} ({row['document_reference']}) is {row['state']}: only what is rejected, "
            "waiting or frozen is sent again"
        )
    _audit(connection, by, "posting.resend", f"intent {intent_id}", reason=reason, was=row["state"])
    return dict(row)


def close_finding(connection: Connection, finding_id: int, *, by: str, reason: str) -> None:
    """A person has dealt with it, or accepts it. Raises `NotPossible` unless it is open."""
    if not connection.execute(text(_CLOSE), {"id": finding_id, "by": by, "reason": reason}).rowcount:
        raise NotPossible(f"there is no open finding {finding_id}; `targets findings` lists them")
    _audit(connection, by, "posting.close_finding", f"finding {finding_id}", reason=reason)


def _does_not_wait(target: str, customer_id: int) -> NotPossible:
    return NotPossible(
        f"customer {customer_id} does not wait at {target}; `targets customers` lists those who do"
    )


def _go_on(connection: Connection, target: str, customer_id: int) -> int:
    return connection.execute(text(_GO_ON), {"target": target, "customer": customer_id}).scalar_one()


def _audit(connection: Connection, actor: str, action: str, subject: str, **details: str) -> None:
    connection.execute(
        text(_AUDIT), {"actor": actor, "action": action, "subject": subject, "details": json.dumps(details)}
    )


_THERE = """
    SELECT there.name, (
        SELECT 'customer ' || account.customer_id FROM crm.customer_accounts AS account
        WHERE account.target = there.target AND account.remote_id = there.remote_id
            AND account.customer_id <> :customer
    ) AS taken_by
    FROM crm.remote_customers AS there
    WHERE there.target = :target AND there.remote_id = :remote_id
"""
_WAITS = """
    SELECT count(*) FROM crm.customer_accounts
    WHERE target = :target AND customer_id = :customer AND state = 'waiting'
"""
_LINK = """
    UPDATE crm.customer_accounts
    SET state = 'linked', remote_id = :remote_id, rule = 'by_hand', decided_by = :by,
        evidence = evidence || CAST(:evidence AS jsonb), updated_at = clock_timestamp()
    WHERE target = :target AND customer_id = :customer AND state = 'waiting'
"""
_DECLARE_NEW = """
    UPDATE crm.customer_accounts
    SET state = 'creating', decided_by = :by, updated_at = clock_timestamp()
    WHERE target = :target AND customer_id = :customer AND state = 'waiting'
"""
_GO_ON = "SELECT posting.go_on_for(:target, ARRAY[CAST(:customer AS bigint)])"
_INTENT = (
    "SELECT id, target, document_reference, state FROM posting.intents WHERE id = :id AND target <> 'ledger'"
)
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
_CLOSE = """
    UPDATE posting.findings
    SET state = 'resolved', closed_at = clock_timestamp(), closed_by = :by, closed_reason = :reason
    WHERE id = :id AND state = 'open'
"""
_AUDIT = """
    INSERT INTO ops.audit_log (actor, action, subject, details)
    VALUES (:actor, :action, :subject, CAST(:details AS jsonb))
"""
