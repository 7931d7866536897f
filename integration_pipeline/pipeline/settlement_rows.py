"""Settlements as rows: stored with their allocations, entries and intents, all or none.

Belongs here: writing within the caller's transaction. Does not belong here: what is settled or undone
(`settlements`, `settlements_undone`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from integration_pipeline.accounting.postgres_ledger.settlements import (
    SettlementEntry,
    Sides,
    arrival_sides,
    post_settlements,
    settlement_sides,
)
from integration_pipeline.payments.matching.parts import Part
from integration_pipeline.payments.movements import MovementKind
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.settlement_intents import enlist_settlements
from integration_pipeline.rules.document import AccountRole


def store_settlements(
    connection: Connection,
    pipeline: Pipeline,
    rows: Sequence[Mapping[str, Any]],
    allocations: Sequence[Mapping[str, Any]],
    sides: Mapping[str, tuple[Sides, str]],
) -> dict[str, int]:
    """Settlements with their allocations, entries and intents; ids by reference."""
    stored = {row.reference: row.id for row in connection.execute(_STORE, {"settlements": json.dumps(rows)})}
    if allocations:
        connection.execute(_ALLOCATE, {"allocations": json.dumps(allocations)})
    entries = [
        SettlementEntry(
            settlement_id=stored[row["reference"]],
            entity=row["entity"],
            settled_on=date.fromisoformat(row["settled_on"]),
            currency=row["currency"],
            reference=row["reference"],
            description=sides[row["reference"]][1],
            sides=sides[row["reference"]][0],
        )
        for row in rows
    ]
    post_settlements(connection, entries, pipeline.rules.accounts)
    enlist_settlements(connection, pipeline.targets, sorted(stored.values()))
    return stored


def amounts_of(part: Part) -> dict[str, Any]:
    """The columns of a settlement that say how much."""
    return {
        "entity": part.entity,
        "customer_id": part.customer_id,
        "currency": part.currency,
        "amount_minor": part.amount_minor,
        "fee_minor": part.fee_minor,
        "exchanged_minor": part.exchanged_minor,
        "unapplied_minor": part.unapplied_minor,
    }


def sides_of_part(part: Part, kind: str, applied: int, *, arrives: bool) -> Sides:
    """Debits and credits of a settlement. `kind` is its movement's; `arrives`: a payout is in our bank."""
    if arrives:
        return arrival_sides(part.amount_minor)
    return settlement_sides(
        AccountRole.CASH if kind == MovementKind.BANK_LINE.value else AccountRole.IN_TRANSIT,
        amount=part.amount_minor,
        fee=part.fee_minor,
        exchanged=part.exchanged_minor,
        applied=applied,
        unapplied=part.unapplied_minor,
        rest=AccountRole.SUSPENSE if part.customer_id is None else AccountRole.CREDITS,
    )


_STORE = text("""
    INSERT INTO payments.settlements (
        movement_id, reverses_id, payout_id, entity, customer_id, reference, currency, amount_minor,
        fee_minor, exchanged_minor, unapplied_minor, settled_on, rule, evidence
    )
    SELECT
        movement_id, reverses_id, payout_id, entity, customer_id, reference, currency, amount_minor,
        fee_minor, exchanged_minor, unapplied_minor, settled_on, rule, evidence
    FROM ROWS FROM (
        jsonb_to_recordset(CAST(:settlements AS jsonb)) AS (
            movement_id bigint, reverses_id bigint, payout_id bigint, entity text, customer_id bigint,
            reference text, currency text, amount_minor bigint, fee_minor bigint, exchanged_minor bigint,
            unapplied_minor bigint, settled_on date, rule text, evidence jsonb
        )
    ) WITH ORDINALITY AS given
    ORDER BY given.ordinality
    RETURNING id, reference
""")
_ALLOCATE = text("""
    INSERT INTO payments.allocations (settlement_id, document_id, amount_minor)
    SELECT settlement.id, given.document_id, given.minor
    FROM jsonb_to_recordset(CAST(:allocations AS jsonb)) AS given (
        reference text, document_id bigint, minor bigint
    )
    INNER JOIN payments.settlements AS settlement ON settlement.reference = given.reference
""")
