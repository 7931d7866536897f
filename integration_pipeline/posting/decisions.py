"""What a person decides about posting: who a customer is at a target, which finding is dealt with, that a
pause is over.

Each is kept in the audit log with who decided and why. Belongs here: the decisions. Does not belong here:
those about a single intent (`intents_by_hand`), looking (`standing`), acting on them (the poster does in its
next round).
"""

from __future__ import annotations

import json

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
    audit(connection, by, "posting.link_customer", subject, remote_id=remote_id, reason=reason)
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
    audit(connection, by, "posting.new_customer", f"{target} {customer_id}", reason=reason)
    return _go_on(connection, target, customer_id)


def resume(connection: Connection, target: str, *, by: str, reason: str) -> None:
    """Send to a paused target at once. Raises `NotPossible` if it is not paused."""
    row = connection.execute(text(_RESUME), {"target": target}).one_or_none()
    if row is None:
        raise NotPossible(f"{target} is not paused; `targets list` shows how it stands")
    audit(
        connection,
        by,
        "posting.resume",
        target,
        reason=reason,
        until=row.until.isoformat(),
        paused_for=row.why,
    )


def close_finding(connection: Connection, finding_id: int, *, by: str, reason: str) -> None:
    """A person has dealt with it, or accepts it. Raises `NotPossible` unless it is open."""
    if not connection.execute(text(_CLOSE), {"id": finding_id, "by": by, "reason": reason}).rowcount:
        raise NotPossible(f"there is no open finding {finding_id}; `targets findings` lists them")
    audit(connection, by, "posting.close_finding", f"finding {finding_id}", reason=reason)


def _does_not_wait(target: str, customer_id: int) -> NotPossible:
    return NotPossible(
        f"customer {customer_id} does not wait at {target}; `targets customers` lists those who do"
    )


def _go_on(connection: Connection, target: str, customer_id: int) -> int:
    return connection.execute(text(_GO_ON), {"target": target, "customer": customer_id}).scalar_one()


def audit(connection: Connection, actor: str, action: str, subject: str, **details: str | None) -> None:
    """Keep who decided what, with its reason among the details."""
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
_RESUME = """
    WITH paused AS (
        SELECT target, paused_until AS until, paused_for AS why FROM posting.writers
        WHERE target = :target AND paused_until > clock_timestamp()
        FOR UPDATE
    ),
    resumed AS (
        UPDATE posting.writers AS writer SET paused_until = NULL, paused_for = NULL
        FROM paused WHERE writer.target = paused.target
        RETURNING writer.target
    )
    SELECT paused.until, paused.why, pg_notify('posting', '')
    FROM resumed
    INNER JOIN paused ON paused.target = resumed.target
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
