"""Booking what was decided about movements: settlement, allocations, entry and intents, all or none.

Belongs here: what a decision comes to in rows, and locks. Does not belong here: what is decided and when
(`settle`, `payments_by_hand`), writing them (`settlement_rows`), taking them back (`settlements_undone`).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from integration_pipeline.accounting.postgres_ledger.settlements import (
    Sides,
)
from integration_pipeline.payments.matching.decisions import Arrived, Charged, Matched, Rule
from integration_pipeline.payments.matching.facts import Conventions, Facts, Kept, Owner
from integration_pipeline.payments.matching.parts import Part
from integration_pipeline.payments.matching.payers import payer_of
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.settlement_rows import amounts_of, sides_of_part, store_settlements
from integration_pipeline.rules.document import RuleSet

# First half of the two-part advisory lock key of a customer; the second is the customer's id.
_CUSTOMER_LOCK = 731_064
_BEYOND_DOUBT = (Rule.LINK, Rule.NUMBER, Rule.PERSON)


@dataclass(frozen=True, slots=True)
class Booking:
    """A decision with the settlements it comes to; `by` is the person who decided, None for the rules."""

    kept: Kept
    decision: Matched | Charged | Arrived
    parts: tuple[Part, ...]
    by: str | None = None

    @property
    def settled_on(self) -> date:
        """The civil day of the entry."""
        return self.kept.movement.value_date


def conventions_of(rules: RuleSet) -> Conventions:
    """What a rule set says about payments, as the rules of matching want it."""
    said = rules.settlement
    return Conventions(
        owners=tuple(Owner(each.source, each.entity, each.account, each.currency) for each in said.owners),
        only_entity=next(iter(rules.entities)) if len(rules.entities) == 1 else None,
        payout_days=said.payout_days,
        payout_words=said.payout_words,
        fee_share=int(said.fee_percent * 100),
    )


def lock_movements(connection: Connection, ids: Iterable[int]) -> set[int]:
    """Those of these that are still to be decided and nobody else has in hand, until the transaction ends."""
    return set(connection.execute(_LOCK_MOVEMENTS, {"ids": sorted(ids)}).scalars())


def lock_customers(connection: Connection, customers: Iterable[int]) -> None:
    """Wait until nobody else settles these customers' documents, and keep others from it until the end."""
    if wanted := sorted(set(customers)):
        connection.execute(_LOCK_CUSTOMERS, {"lock": _CUSTOMER_LOCK, "ids": wanted})


def book(connection: Connection, pipeline: Pipeline, bookings: Sequence[Booking], facts: Facts) -> None:
    """Store and post, in order. The movements and the customers are locked.

    Raises SQLAlchemy's `IntegrityError` if the database refuses one, `ValueError` for one that moves nothing.
    """
    if not bookings:
        return
    rounds = _rounds(connection, [each.kept.id for each in bookings])
    rows: list[dict[str, Any]] = []
    allocations: list[dict[str, Any]] = []
    sides: dict[str, tuple[Sides, str]] = {}
    for booking in bookings:
        for part in booking.parts:
            reference = _reference(booking.kept, part, rounds.get(booking.kept.id, 0))
            rows.append(_row(booking, part, reference))
            sides[reference] = _sides(booking, part), _description(booking, part, facts)
            allocations += [
                {"reference": reference, "document_id": each.document_id, "minor": each.minor}
                for each in part.allocations
            ]
    stored = store_settlements(connection, pipeline, rows, allocations, sides)
    connection.execute(
        _SETTLED, {"settled": json.dumps([row for each in bookings for row in _standing(each)])}
    )
    learned = [
        {
            "source": booking.kept.movement.source.value,
            "payer_id": payer_id,
            "settlement_id": stored[reference],
        }
        for booking in bookings
        if (reference := _certain_payer(booking, rounds, facts)) is not None
        for payer_id in booking.kept.movement.payer.ids
    ]
    if learned:
        connection.execute(_LEARN, {"payers": json.dumps(learned)})


def _rounds(connection: Connection, movement_ids: Sequence[int]) -> dict[int, int]:
    """How often each of these was settled and taken back."""
    return {row.id: row.rounds for row in connection.execute(_ROUNDS, {"ids": list(movement_ids)})}


def _reference(kept: Kept, part: Part, rounds: int) -> str:
    """A short name (50 bits), the same for each attempt, which the target gets, too."""
    parts = (kept.id, part.entity, part.customer_id, part.currency, part.amount_minor, rounds)
    key = "/".join(map(str, parts))
    return "P" + base64.b32encode(hashlib.sha256(key.encode()).digest()).decode()[:10]


def _row(booking: Booking, part: Part, reference: str) -> dict[str, Any]:
    decision = booking.decision
    return {
        **amounts_of(part),
        "movement_id": booking.kept.id,
        "payout_id": decision.payout.id if isinstance(decision, Arrived) else None,
        "reverses_id": None,
        "reference": reference,
        "settled_on": booking.settled_on.isoformat(),
        "rule": decision.rule.value,
        "evidence": list(decision.evidence),
    }


def _sides(booking: Booking, part: Part) -> Sides:
    applied = sum(each.minor for each in part.allocations)
    arrives = isinstance(booking.decision, Arrived)
    return sides_of_part(part, booking.kept.movement.kind.value, applied, arrives=arrives)


def _description(booking: Booking, part: Part, facts: Facts) -> str:
    movement = booking.kept.movement
    documents = [facts.documents[each.document_id] for each in part.allocations]
    what = f"{movement.kind.value.replace('_', ' ')} {movement.source.value} {movement.external_id}"
    if isinstance(booking.decision, Arrived):
        payout = booking.decision.payout.movement
        return f"payout {payout.source.value} {payout.external_id} in our bank"
    if documents:
        numbers = ", ".join(sorted(each.number for each in documents))
        return f"{what}, {documents[0].customer}: {numbers}"[:500]
    return what[:500]


def _standing(booking: Booking) -> list[dict[str, Any]]:
    """The movement, and the payout whose money it brings, are settled."""
    ids = {booking.kept.id}
    if isinstance(booking.decision, Arrived):
        ids.add(booking.decision.payout.id)
    return [{"id": each, "by": booking.by} for each in sorted(ids)]


def _certain_payer(booking: Booking, rounds: Mapping[int, int], facts: Facts) -> str | None:
    """The settlement that says beyond doubt who the payer is.

    A known payer who paid for another customer is still who it was, unless a person has said so.
    """
    movement = booking.kept.movement
    if booking.decision.rule not in _BEYOND_DOUBT or movement.amount.minor < 0:
        return None
    parts = [part for part in booking.parts if part.amount_minor]
    if len(parts) != 1 or parts[0].customer_id is None:
        return None
    known = payer_of(movement, facts).customers
    if known and parts[0].customer_id not in known and booking.by is None:
        return None
    return _reference(booking.kept, parts[0], rounds.get(booking.kept.id, 0))


_LOCK_MOVEMENTS = text("""
    SELECT id FROM payments.movements
    WHERE id = ANY(CAST(:ids AS bigint[])) AND state IN ('open', 'waiting') AND withdrawn_at IS NULL
    ORDER BY id
    FOR UPDATE SKIP LOCKED
""")
_LOCK_CUSTOMERS = text("""
    SELECT pg_advisory_xact_lock(:lock, CAST(customer_id % 2147483647 AS integer))
    FROM (SELECT unnest(CAST(:ids AS bigint[])) AS customer_id ORDER BY 1) AS customer
""")
_ROUNDS = text("""
    SELECT movement_id AS id, count(*) AS rounds
    FROM payments.settlements
    WHERE movement_id = ANY(CAST(:ids AS bigint[])) AND reverses_id IS NOT NULL
    GROUP BY movement_id
""")
_SETTLED = text("""
    WITH settled AS (
        SELECT * FROM jsonb_to_recordset(CAST(:settled AS jsonb)) AS given (id bigint, by text)
    ),

    forgotten AS (
        DELETE FROM payments.candidates WHERE movement_id IN (SELECT id FROM settled)
    )

    UPDATE payments.movements AS movement
    SET state = 'settled', reason = NULL, decided_at = clock_timestamp(), decided_by = settled.by
    FROM settled
    WHERE movement.id = settled.id
""")
_LEARN = text("""
    INSERT INTO payments.payers (source, payer_id, customer_id, settlement_id)
    SELECT DISTINCT ON (given.source, given.payer_id, settlement.customer_id)
        given.source, given.payer_id, settlement.customer_id, settlement.id
    FROM jsonb_to_recordset(CAST(:payers AS jsonb)) AS given (
        source text, payer_id text, settlement_id bigint
    )
    INNER JOIN payments.settlements AS settlement ON settlement.id = given.settlement_id
    ORDER BY given.source, given.payer_id, settlement.customer_id, settlement.id
    ON CONFLICT DO NOTHING
""")
