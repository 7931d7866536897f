"""Taking settlements back: the opposite of each is booked, nothing is changed.

Belongs here: the opposite. Does not belong here: who may ask for it, and what becomes of the movement
(`payments_by_hand`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from integration_pipeline.accounting.postgres_ledger.settlements import (
    Sides,
)
from integration_pipeline.payments.matching.decisions import Rule
from integration_pipeline.payments.matching.parts import Part
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.settlement_intents import withdraw_unsent
from integration_pipeline.pipeline.settlement_rows import amounts_of, sides_of_part, store_settlements


def undo(
    connection: Connection, pipeline: Pipeline, movement_ids: Sequence[int], by: str, reason: str
) -> int:
    """Book the opposite of every settlement in force of these movements; how many there were.

    On today's civil day, in the entity's time zone, or the settlement's own if that is later. Raises
    SQLAlchemy's `IntegrityError` where something since then rests on it, a refund for one.
    """
    found = connection.execute(_IN_FORCE, {"ids": list(movement_ids)}).all()
    rows: list[dict[str, Any]] = []
    allocations: list[dict[str, Any]] = []
    sides: dict[str, tuple[Sides, str]] = {}
    for row in found:
        reference = f"R{row.reference[1:]}"
        day = max(row.settled_on, pipeline.today(row.entity))
        part = Part(
            entity=row.entity,
            customer_id=row.customer_id,
            currency=row.currency,
            amount_minor=-row.amount_minor,
            fee_minor=-row.fee_minor,
            exchanged_minor=-row.exchanged_minor,
            unapplied_minor=-row.unapplied_minor,
        )
        rows.append(
            {
                **amounts_of(part),
                "movement_id": row.movement_id,
                "payout_id": row.payout_id,
                "reverses_id": row.id,
                "reference": reference,
                "settled_on": day.isoformat(),
                "rule": Rule.PERSON.value,
                "evidence": [f"{by} took back {row.reference}: {reason}"],
            }
        )
        given_back = [[document_id, -minor] for document_id, minor in row.allocations or ()]
        allocations += [
            {"reference": reference, "document_id": document_id, "minor": minor}
            for document_id, minor in given_back
        ]
        applied = sum(minor for _, minor in given_back)
        sides[reference] = (
            sides_of_part(part, row.kind, applied, arrives=row.payout_id is not None),
            f"takes back {row.reference}: {reason}"[:500],
        )
    if rows:
        connection.execute(_FORGET, {"ids": [row.id for row in found]})
        store_settlements(connection, pipeline, rows, allocations, sides)
        withdraw_unsent(connection, [row.id for row in found])
    return len(rows)


_FORGET = text("DELETE FROM payments.payers WHERE settlement_id = ANY(CAST(:ids AS bigint[]))")
_IN_FORCE = text("""
    SELECT
        settlement.*, movement.kind,
        (
            SELECT jsonb_agg(jsonb_build_array(allocation.document_id, allocation.amount_minor))
            FROM payments.allocations AS allocation
            WHERE allocation.settlement_id = settlement.id
        ) AS allocations
    FROM payments.settlements_in_force AS settlement
    INNER JOIN payments.movements AS movement ON movement.id = settlement.movement_id
    WHERE settlement.movement_id = ANY(CAST(:ids AS bigint[]))
        OR settlement.payout_id = ANY(CAST(:ids AS bigint[]))
    ORDER BY settlement.id
""")
