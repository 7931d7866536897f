"""What a person looks at before deciding about movements of money: lists, and one explained.

Belongs here: rows as they are shown. Does not belong here: deciding (`payments_by_hand`), wording (`cli`).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text


def list_movements(connection: Connection, *, state: str | None = None) -> list[dict[str, Any]]:
    """Movements of money, oldest first, each with its proposals, best first; by state."""
    return [dict(row) for row in connection.execute(_LIST, {"state": state}).mappings()]


def list_unreadable(connection: Connection) -> list[dict[str, Any]]:
    """What sources sent that is no movement we could book."""
    return [dict(row) for row in connection.execute(_UNREADABLE).mappings()]


def show_movement(connection: Connection, movement_id: int) -> dict[str, Any]:
    """One movement with what it settled, why, and its proposals. Raises `LookupError`."""
    row = connection.execute(_SHOW, {"id": movement_id}).mappings().one_or_none()
    if row is None:
        raise LookupError(f"there is no payment {movement_id}; `payments list` shows them")
    return dict(row)


_CANDIDATES = """
    coalesce((
        SELECT jsonb_agg(
            jsonb_build_object(
                'rule', candidate.rule, 'score', candidate.evidence -> 'score',
                'evidence', candidate.evidence -> 'words', 'payout', candidate.evidence -> 'payout',
                'allocations', candidate.allocations
            ) ORDER BY candidate.position
        )
        FROM payments.candidates AS candidate
        WHERE candidate.movement_id = movement.id
    ), '[]') AS candidates
"""
_LIST = text(f"""
    SELECT
        movement.id, movement.source, movement.account, movement.kind, movement.external_id,
        movement.amount_minor, movement.fee_minor, movement.currency, movement.value_date,
        movement.payer ->> 'name' AS payer_name, movement.payer ->> 'email' AS payer_email, movement.hints,
        movement.payout, movement.state, movement.reason, movement.decided_at, movement.decided_by,
        {_CANDIDATES}
    FROM payments.movements AS movement
    WHERE (CAST(:state AS text) IS NULL OR movement.state = :state) AND movement.state <> 'withdrawn'
    ORDER BY movement.id
""")  # noqa: S608 - our own words
_SHOW = text(f"""
    SELECT
        movement.*,
        {_CANDIDATES},
        coalesce((
            SELECT jsonb_agg(
                jsonb_build_object(
                    'reference', settlement.reference, 'entity', settlement.entity,
                    'customer', customer.name, 'currency', settlement.currency,
                    'amount_minor', settlement.amount_minor, 'fee_minor', settlement.fee_minor,
                    'exchanged_minor', settlement.exchanged_minor,
                    'unapplied_minor', settlement.unapplied_minor, 'settled_on', settlement.settled_on,
                    'rule', settlement.rule, 'evidence', settlement.evidence,
                    'takes_back', undone.reference,
                    'allocations', (
                        SELECT jsonb_agg(
                            jsonb_build_object(
                                'number', balance.number, 'amount_minor', allocation.amount_minor,
                                'open_minor', balance.open_minor
                            ) ORDER BY balance.number
                        )
                        FROM payments.allocations AS allocation
                        INNER JOIN ledger.document_balances AS balance
                            ON balance.document_id = allocation.document_id
                        WHERE allocation.settlement_id = settlement.id
                    )
                ) ORDER BY settlement.id
            )
            FROM payments.settlements AS settlement
            LEFT JOIN crm.customers AS customer ON customer.id = settlement.customer_id
            LEFT JOIN payments.settlements AS undone ON undone.id = settlement.reverses_id
            WHERE settlement.movement_id = movement.id OR settlement.payout_id = movement.id
        ), '[]') AS settlements
    FROM payments.movements AS movement
    WHERE movement.id = :id
""")  # noqa: S608 - our own words
_UNREADABLE = text("""
    SELECT source, external_id, reason, received_at FROM payments.unreadable ORDER BY source, external_id
""")
