"""Movements as they are kept, with what was settled of them.

Belongs here: rows as shapes. Does not belong here: what the rules decide by (`facts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.facts import (
    Allocation,
    Kept,
    SettledMovement,
    SettledPart,
)
from integration_pipeline.payments.movements import (
    Link,
    LinkKind,
    Movement,
    MovementKind,
    MovementSource,
    Payer,
)


def read_movements(connection: Connection, ids: Iterable[int]) -> dict[int, Kept]:
    """Kept movements by number, each with what was settled of the versions before it, if anything was."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    rows = connection.execute(_MOVEMENTS, {"ids": wanted}).all()
    before: dict[int, SettledMovement] = {}
    for row in connection.execute(_BEFORE, {"ids": wanted}):
        version = settled_of(row)
        earlier = before.get(row.newer_id)
        before[row.newer_id] = version if earlier is None else _together(earlier, version)
    return {row.id: Kept(row.id, movement_of(row), before.get(row.id)) for row in rows}


def movement_of(row: Row[Any]) -> Movement:
    """A row of `payments.movements`, without the body."""
    settled = None if row.settled_minor is None else Money(row.settled_minor, row.settled_currency)
    fee_currency = row.settled_currency or row.currency
    return Movement(
        source=MovementSource(row.source),
        kind=MovementKind(row.kind),
        external_id=row.external_id,
        amount=Money(row.amount_minor, row.currency),
        occurred_at=row.occurred_at,
        value_date=row.value_date,
        body={},
        fee=Money(row.fee_minor, fee_currency) if row.fee_minor else None,
        settled=settled,
        payer=Payer(row.payer["name"], row.payer["email"], tuple(row.payer["ids"])),
        references=tuple(row.hints),
        links=tuple(_link(link) for link in row.links),
        group=row.payout,
        account=row.account or None,
    )


def _link(link: Mapping[str, Any]) -> Link:
    amount = None if link["minor"] is None else Money(link["minor"], link["currency"])
    return Link(LinkKind(link["kind"]), link["id"], amount)


def settled_of(row: Row[Any]) -> SettledMovement:
    """A row of `payments.movements` with its `PARTS`."""
    parts = [
        SettledPart(
            entity=part["entity"],
            customer_id=part["customer_id"],
            unapplied_minor=part["unapplied_minor"],
            allocations=tuple(Allocation(*each) for each in part["allocations"] or ()),
        )
        for part in row.parts or ()
    ]
    return SettledMovement(
        id=row.id,
        kind=MovementKind(row.kind),
        external_id=row.external_id,
        amount=Money(row.amount_minor, row.currency),
        fee_minor=sum(part["fee_minor"] for part in row.parts or ()),
        settled=None if row.settled_minor is None else Money(row.settled_minor, row.settled_currency),
        parts=tuple(parts),
        dispute=next((link["id"] for link in row.links if link["kind"] == LinkKind.DISPUTE.value), None),
    )


def _together(first: SettledMovement, later: SettledMovement) -> SettledMovement:
    """A settled version with what was booked by itself because a later one told of it."""
    return replace(
        first,
        fee_minor=first.fee_minor + later.fee_minor,
        settled=later.settled or first.settled,
        parts=(*first.parts, *later.parts),
    )


_MOVEMENTS = text("""
    SELECT * FROM payments.movements WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id
""")
# What a movement settled, as one JSON column beside its own; arrivals of payouts among it.
PARTS = """
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object(
            'entity', settlement.entity, 'customer_id', settlement.customer_id,
            'unapplied_minor', settlement.unapplied_minor, 'fee_minor', settlement.fee_minor,
            'allocations', (
                SELECT jsonb_agg(
                    jsonb_build_array(allocation.document_id, allocation.amount_minor)
                    ORDER BY allocation.document_id
                )
                FROM payments.allocations AS allocation
                WHERE allocation.settlement_id = settlement.id
            )
        ) ORDER BY settlement.id) AS parts
        FROM payments.settlements_in_force AS settlement
        WHERE settlement.movement_id = movement.id OR settlement.payout_id = movement.id
    ) AS done ON TRUE
"""
_BEFORE = text(f"""
    SELECT newer.id AS newer_id, movement.*, done.parts
    FROM payments.movements AS newer
    INNER JOIN payments.movements AS movement
        ON movement.source = newer.source AND movement.kind = newer.kind
        AND movement.external_id = newer.external_id AND movement.id <> newer.id
    {PARTS}
    WHERE newer.id = ANY(CAST(:ids AS bigint[])) AND done.parts IS NOT NULL
    ORDER BY newer.id, movement.id
""")  # noqa: S608 - one fixed text in another
