"""What a person decides about movements of money: match, ignore, take a settlement back.

Belongs here: deciding by name, and the record of who did it. Does not belong here: what a person looks at
before (`payments_shown`), what it comes to (`payments_said`), what the rules decide by themselves (`settle`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from integration_pipeline.accounting.postgres_ledger.settlements import require_accounts
from integration_pipeline.payments.matching.decisions import Arrived, Matched
from integration_pipeline.payments.matching.facts import Facts, Kept
from integration_pipeline.payments.matching.parts import parts_of
from integration_pipeline.payments.movements import MovementKind
from integration_pipeline.payments.store.facts import read_facts, read_series
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.payments_said import (
    NotPossible,
    Wish,
    as_arrived,
    as_matched,
    as_set_aside,
    take,
)
from integration_pipeline.pipeline.refusals import said_by
from integration_pipeline.pipeline.settlements import (
    Booking,
    book,
    conventions_of,
    lock_customers,
)
from integration_pipeline.pipeline.settlements_undone import undo as take_back

_NOT_IN_TRANSIT = (MovementKind.BANK_LINE, MovementKind.PAYOUT)


def match(pipeline: Pipeline, movement_id: int, wish: Wish, *, by: str) -> Sequence[str]:
    """Settle a movement as a person says; the settlements' references. Kept in the audit log.

    Raises `LookupError` for an unknown movement, document, customer or payout, `NotPossible` for amounts
    beyond what is open, credit beyond what the customer has, or what does not add up.
    """
    require_accounts(pipeline.rules.accounts)
    with pipeline.engine.begin() as connection:
        kept = take(connection, movement_id, ("open", "waiting", "ignored"))
        if kept.before is not None:
            raise NotPossible(
                f"payment {movement_id} is a newer version of {kept.before.id}, which is settled: "
                f"`payments undo {kept.before.id}` first"
            )
        facts = read_facts(connection, [kept], conventions_of(pipeline.rules), read_series(connection))
        decision = (
            as_arrived(connection, kept, wish, facts)
            if wish.payout_id is not None or kept.movement.kind is MovementKind.PAYOUT
            else as_matched(connection, kept, wish, facts)
        )
        _book(connection, pipeline, kept, decision, facts, by)
        _audit(
            connection,
            by,
            "payments.match",
            movement_id,
            {
                "documents": {
                    number: None if amount is None else f"{amount:f}"
                    for number, amount in wish.documents.items()
                },
                "customer": wish.customer_id,
                "payout": wish.payout_id,
            },
        )
        return list(connection.execute(_REFERENCES, {"id": movement_id}).scalars())


def ignore(pipeline: Pipeline, movement_id: int, *, by: str, reason: str) -> str:
    """A person says that a movement is none of ours, or that a settled one is right as it is; its new state.

    What is in a payment vendor's balance comes to our bank with the next payout whosever it is: it is booked
    to suspense, and counts as settled. Raises `LookupError`, or `NotPossible` for one that is settled and
    that nobody has objected to, and where the rule set does not say to which account or entity.
    """
    with pipeline.engine.begin() as connection:
        kept = take(connection, movement_id, ("open", "waiting", "ignored"), settled_too=True)
        if kept.movement.kind not in _NOT_IN_TRANSIT and not _is_known(connection, kept):
            facts = read_facts(connection, [kept], conventions_of(pipeline.rules), read_series(connection))
            _book(connection, pipeline, kept, as_set_aside(pipeline.rules, kept, by, reason), facts, by)
        state: str = connection.execute(_IGNORE, {"id": movement_id, "by": by, "reason": reason}).scalar_one()
        _audit(connection, by, "payments.ignore", movement_id, {"reason": reason})
    return state


def undo(pipeline: Pipeline, movement_id: int, *, by: str, reason: str) -> int:
    """Take back what a movement settled: the opposite is booked today; the number of settlements.

    It waits for a person then; one that its source has removed or changed is withdrawn, and the newer version
    is open. Raises `LookupError`, or `NotPossible` where nothing is settled, or a refund rests on it.
    """
    with pipeline.engine.begin() as connection:
        versions = connection.execute(_VERSIONS, {"id": movement_id}).scalars().all()
        if not versions:
            raise LookupError(f"there is no payment {movement_id}; `payments list` shows them")
        customers = connection.execute(_CUSTOMERS, {"ids": versions}).scalars()
        lock_customers(connection, customers)
        try:
            with connection.begin_nested():
                count = take_back(connection, pipeline, versions, by, reason)
        except IntegrityError as refusal:
            raise NotPossible(
                f"payment {movement_id} cannot be taken back: {said_by(refusal)}; take back what rests on it "
                "first"
            ) from None
        if not count:
            raise NotPossible(f"payment {movement_id} has settled nothing")
        connection.execute(_TAKEN_BACK, {"ids": versions, "by": by, "reason": reason})
        _audit(connection, by, "payments.undo", movement_id, {"reason": reason})
    return count


def _book(
    connection: Connection, pipeline: Pipeline, kept: Kept, decision: Matched | Arrived, facts: Facts, by: str
) -> None:
    try:
        booking = Booking(kept, decision, tuple(parts_of(kept, decision, facts)), by)
        book(connection, pipeline, [booking], facts)
    except (IntegrityError, ValueError) as fault:
        raise NotPossible(f"payment {kept.id} cannot be settled like this: {said_by(fault)}") from None


def _is_known(connection: Connection, kept: Kept) -> bool:
    """Whether it, or a version before it, has settled something."""
    done = connection.execute(_REFERENCES, {"id": kept.id}).first()
    return kept.before is not None or done is not None


def _audit(
    connection: Connection, by: str, action: str, movement_id: int, details: Mapping[str, Any]
) -> None:
    connection.execute(
        _AUDIT,
        {
            "actor": by,
            "action": action,
            "subject": f"payment {movement_id}",
            "details": json.dumps(details),
        },
    )


_CUSTOMERS = text("""
    SELECT DISTINCT customer_id FROM payments.settlements_in_force
    WHERE movement_id = ANY(CAST(:ids AS bigint[])) AND customer_id IS NOT NULL
    UNION
    SELECT document.customer_id
    FROM payments.settlements_in_force AS settlement
    INNER JOIN payments.allocations AS allocation ON allocation.settlement_id = settlement.id
    INNER JOIN billing.documents AS document ON document.id = allocation.document_id
    WHERE settlement.movement_id = ANY(CAST(:ids AS bigint[]))
""")
_REFERENCES = text("""
    SELECT reference FROM payments.settlements_in_force WHERE movement_id = :id ORDER BY id
""")
# A settled one that its source objects to is settled again, without the objection.
_IGNORE = text("""
    UPDATE payments.movements AS movement
    SET
        state = CASE WHEN done.is_settled THEN 'settled' ELSE 'ignored' END,
        withdrawn_at = CASE WHEN done.is_settled THEN NULL ELSE movement.withdrawn_at END,
        reason = :reason, decided_at = clock_timestamp(), decided_by = :by
    FROM (
        SELECT EXISTS (
            SELECT FROM payments.settlements_in_force AS settlement
            WHERE settlement.movement_id = :id OR settlement.payout_id = :id
        ) AS is_settled
    ) AS done
    WHERE movement.id = :id
    RETURNING movement.state
""")
# Every version that may be settled: the one that is named, and one with a fee that was known later. Of a
# payout those of its bank line as well. Locked in one order.
_VERSIONS = text("""
    WITH named AS (
        SELECT version.*
        FROM payments.movements AS one
        INNER JOIN payments.movements AS version
            ON version.source = one.source AND version.kind = one.kind
            AND version.external_id = one.external_id
        WHERE one.id = :id
    ),

    lines AS (
        SELECT line.*
        FROM named
        INNER JOIN payments.settlements_in_force AS arrival ON arrival.payout_id = named.id
        INNER JOIN payments.movements AS line ON line.id = arrival.movement_id
    )

    SELECT id
    FROM payments.movements
    WHERE (source, kind, external_id) IN (
        SELECT source, kind, external_id FROM named
        UNION
        SELECT source, kind, external_id FROM lines
    )
    ORDER BY id
    FOR UPDATE
""")
_TAKEN_BACK = text("""
    WITH versions AS (
        SELECT
            movement.id,
            EXISTS (
                SELECT FROM payments.settlements AS settlement
                WHERE (settlement.movement_id = movement.id OR settlement.payout_id = movement.id)
                    AND settlement.reverses_id IS NOT NULL
            ) AS was_settled,
            movement.withdrawn_at IS NOT NULL AS is_gone,
            movement.id = max(movement.id) FILTER (WHERE movement.state <> 'withdrawn') OVER (
                PARTITION BY movement.source, movement.kind, movement.external_id
            ) AS is_newest
        FROM payments.movements AS movement
        WHERE movement.id = ANY(CAST(:ids AS bigint[]))
    ),

    payouts AS (
        UPDATE payments.movements AS payout
        SET state = 'open', reason = NULL, decided_at = NULL, decided_by = NULL
        FROM payments.settlements AS settlement
        WHERE settlement.movement_id = ANY(CAST(:ids AS bigint[])) AND settlement.reverses_id IS NOT NULL
            AND payout.id = settlement.payout_id AND payout.id <> ALL(CAST(:ids AS bigint[]))
            AND payout.state = 'settled'
    )

    UPDATE payments.movements AS movement
    SET
        state = CASE
            WHEN versions.is_gone OR NOT versions.is_newest THEN 'withdrawn'
            WHEN versions.was_settled THEN 'waiting'
            ELSE 'open'
        END,
        withdrawn_at = CASE
            WHEN NOT versions.is_newest THEN clock_timestamp()
            ELSE movement.withdrawn_at
        END,
        reason = CASE WHEN versions.was_settled THEN :by || ' took its settlement back: ' || :reason END,
        decided_at = clock_timestamp(),
        decided_by = CASE WHEN versions.was_settled AND versions.is_newest THEN :by END
    FROM versions
    WHERE movement.id = versions.id AND movement.state <> 'withdrawn'
""")
_AUDIT = text("""
    INSERT INTO ops.audit_log (actor, action, subject, details)
    VALUES (:actor, :action, :subject, CAST(:details AS jsonb))
""")
