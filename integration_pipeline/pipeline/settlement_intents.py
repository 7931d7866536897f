"""What accounting systems get of settlements: intents made with them, and withdrawn where one is undone.

Belongs here: intents of settlements, in the transaction that books them. Does not belong here: booking
(`settlements`), sending (`posting`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, text

from integration_pipeline.pipeline.context import PostsTo


def enlist_settlements(
    connection: Connection, targets: Sequence[PostsTo], settled: Sequence[int] | None = None
) -> int:
    """Make the intents of accounting systems for settlements; how many are new. Safe to repeat.

    `settled` are ids of settlements, None stands for all of them: for a target that was added later.
    """
    if not targets or settled == []:
        return 0
    chosen = [
        {"target": each.target, "entity": each.entity, "since": each.since.isoformat()} for each in targets
    ]
    return connection.execute(_ENLIST, {"targets": json.dumps(chosen), "settled": settled}).scalar_one()


def withdraw_unsent(connection: Connection, undone: Sequence[int]) -> None:
    """Cancel what was undone before any of it was sent, and what undoes it, at each target by itself.

    Then its invoices were never paid there: credit notes that could not be set against them can be again.
    `undone` are ids of settlements whose opposites have their intents already.
    """
    connection.execute(_WITHDRAW, {"undone": list(undone)})
    connection.execute(_APPLY_AGAIN, {"undone": list(undone)})


_ENLIST = text("SELECT payments.enlist(CAST(:targets AS jsonb), CAST(:settled AS bigint[]))")
# A payment of several parts may be there in part after any attempt that got as far as the vendor.
_WITHDRAW = text("""
    WITH unsent AS (
        UPDATE posting.intents AS intent
        SET
            state = 'cancelled', retry_at = NULL, updated_at = clock_timestamp(),
            last_error = 'the payment was taken back before it was sent'
        WHERE intent.settlement_id = ANY(CAST(:undone AS bigint[]))
            AND intent.state IN ('pending', 'waiting')
            AND NOT EXISTS (
                SELECT FROM posting.attempts AS attempt
                WHERE attempt.intent_id = intent.id AND attempt.outcome IS DISTINCT FROM 'not_sent'
            )
        RETURNING intent.target, intent.settlement_id
    )

    UPDATE posting.intents AS opposite
    SET
        state = 'cancelled', retry_at = NULL, updated_at = clock_timestamp(),
        last_error = 'what it takes back was never sent'
    FROM unsent
    INNER JOIN payments.settlements AS undoing ON undoing.reverses_id = unsent.settlement_id
    WHERE opposite.settlement_id = undoing.id AND opposite.target = unsent.target
        AND opposite.state IN ('pending', 'waiting')
""")
_APPLY_AGAIN = text("""
    WITH again AS (
        UPDATE posting.intents AS application
        SET state = 'pending', retry_at = NULL, last_error = NULL, updated_at = clock_timestamp()
        FROM billing.documents AS credit_note
        INNER JOIN payments.allocations AS allocation ON allocation.document_id = credit_note.reverses_id
        INNER JOIN posting.intents AS payment
            ON payment.settlement_id = allocation.settlement_id AND payment.state = 'cancelled'
        WHERE allocation.settlement_id = ANY(CAST(:undone AS bigint[]))
            AND application.document_id = credit_note.id AND application.target = payment.target
            AND application.subject = 'application' AND application.state = 'cancelled'
        RETURNING application.id
    )

    SELECT pg_notify('posting', '') FROM again LIMIT 1
""")
