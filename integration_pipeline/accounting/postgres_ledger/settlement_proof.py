"""Proof that settlements and the books say the same, computed here and not by the functions that post.

Belongs here: recomputing entries and balances from rows. Does not belong here: the ledger's own promises
(`proof`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.billing.money import Money


def settlement_problems(connection: Connection) -> list[str]:
    """Where settlements, their entries, the documents' balances and the receivable account differ.

    Every settlement has an entry of its amounts; amount = allocations + unapplied; no document has more set
    against it than its total; no customer was given back more credit than there was; what is undone is undone
    exactly; a movement counts as settled if it is; the receivable of each entity and currency is what its
    documents have open. Changes nothing.
    """
    booked = _booked(connection)
    applied: Counter[int] = Counter()
    for row in connection.execute(text("SELECT * FROM payments.allocations")):
        applied[row.settlement_id] += row.amount_minor
    problems: list[str] = []
    for row in connection.execute(text(_SETTLEMENTS)):
        problems += _unlike_its_entry(row, applied[row.id], booked.pop(row.id, None))
    problems += [f"the entry of settlement {each} has no settlement" for each in booked]
    problems += list(connection.execute(text(_UNLIKE_WHAT_IT_UNDOES)).scalars())
    for row in connection.execute(text(_OVERDRAWN)):
        problems.append(
            f"{row.number} of {row.entity} is over {Money(row.total_minor, row.currency).format()}, but "
            f"{Money(int(row.paid_minor), row.currency).format()} is set against it"
        )
    for row in connection.execute(text(_CREDIT_OVERDRAWN)):
        problems.append(
            f"the credit of customer {row.customer_id} with {row.entity} is "
            f"{Money(int(row.minor), row.currency).format()}: more was given back than there was"
        )
    problems += list(connection.execute(text(_UNLIKE_ITS_STATE)).scalars())
    for row in connection.execute(text(_RECEIVABLE)):
        problems.append(
            f"receivable of {row.entity} is {Money(int(row.booked), row.currency).format()} in the ledger, "
            f"but its documents have {Money(int(row.open), row.currency).format()} open"
        )
    return problems


def _booked(connection: Connection) -> dict[int, tuple[Row[Any], dict[str, int]]]:
    """Entry and signed amounts by role of each settlement that has an entry."""
    entries: dict[int, Row[Any]] = {}
    sides: dict[int, Counter[str]] = defaultdict(Counter)
    for row in connection.execute(text(_LINES)):
        entries[row.settlement_id] = row
        sides[row.settlement_id][row.role] += row.minor
    return {each: (entries[each], dict(sides[each])) for each in entries}


def _unlike_its_entry(
    row: Row[Any], applied: int, found: tuple[Row[Any], dict[str, int]] | None
) -> list[str]:
    name = f"settlement {row.reference} of {row.entity}"
    if found is None:
        return [f"{name} has no entry in the ledger"]
    entry, sides = found
    if row.payout_id is not None:
        expected = {"cash": row.amount_minor, "in_transit": -row.amount_minor}
    else:
        money = "cash" if row.kind == "bank_line" else "in_transit"
        expected = {
            money: row.amount_minor - row.fee_minor - row.exchanged_minor,
            "fees": row.fee_minor,
            "exchange": row.exchanged_minor,
            "receivable": -applied,
            "suspense" if row.customer_id is None else "credits": -row.unapplied_minor,
        }
    problems: list[str] = []
    if row.payout_id is None and row.amount_minor != applied + row.unapplied_minor:
        problems.append(f"{name}: what it applies and leaves unapplied is not its amount")
    if {role: minor for role, minor in expected.items() if minor} != {
        role: minor for role, minor in sides.items() if minor
    }:
        problems.append(f"{name}: its entry has other amounts")
    said = (entry.entity, entry.currency, entry.accounting_date, entry.document_number)
    if said != (row.entity, row.currency, row.settled_on, row.reference):
        problems.append(f"{name}: its entry is of another entity, currency, day or name")
    return problems


_SETTLEMENTS = """
    SELECT settlement.*, movement.kind
    FROM payments.settlements AS settlement
    INNER JOIN payments.movements AS movement ON movement.id = settlement.movement_id
    ORDER BY settlement.id
"""
_LINES = """
    SELECT
        entry.settlement_id, entry.entity, entry.currency, entry.accounting_date, entry.document_number,
        account.role, line.debit_minor - line.credit_minor AS minor
    FROM ledger.journal_entries AS entry
    INNER JOIN ledger.journal_lines AS line ON line.entry_id = entry.id
    INNER JOIN ledger.accounts AS account ON account.entity = line.entity AND account.code = line.account
    WHERE entry.kind = 'settlement'
"""
_UNLIKE_WHAT_IT_UNDOES = """
    SELECT 'settlement ' || undoing.reference || ' does not undo just ' || undone.reference
    FROM payments.settlements AS undoing
    INNER JOIN payments.settlements AS undone ON undone.id = undoing.reverses_id
    WHERE (
        undoing.movement_id, undoing.entity, undoing.customer_id, undoing.currency, undoing.amount_minor,
        undoing.fee_minor, undoing.exchanged_minor, undoing.unapplied_minor, undoing.payout_id
    ) IS DISTINCT FROM (
        undone.movement_id, undone.entity, undone.customer_id, undone.currency, -undone.amount_minor,
        -undone.fee_minor, -undone.exchanged_minor, -undone.unapplied_minor, undone.payout_id
    )
    OR EXISTS (
        SELECT
        FROM (SELECT * FROM payments.allocations WHERE settlement_id = undoing.id) AS back
        FULL JOIN (SELECT * FROM payments.allocations WHERE settlement_id = undone.id) AS done
            ON done.document_id = back.document_id
        WHERE back.amount_minor IS DISTINCT FROM -done.amount_minor
    )
    ORDER BY undoing.id
"""
_OVERDRAWN = """
    SELECT entity, number, currency, total_minor, paid_minor
    FROM ledger.document_balances
    WHERE CASE kind WHEN 'invoice' THEN paid_minor ELSE -paid_minor END NOT BETWEEN 0 AND total_minor
    ORDER BY entity, number
"""
_CREDIT_OVERDRAWN = """
    SELECT entity, customer_id, currency, sum(unapplied_minor) AS minor
    FROM payments.settlements
    WHERE customer_id IS NOT NULL
    GROUP BY entity, customer_id, currency
    HAVING sum(unapplied_minor) < 0
    ORDER BY entity, customer_id, currency
"""
_UNLIKE_ITS_STATE = """
    SELECT
        'movement ' || movement.id || ' (' || movement.source || ' ' || movement.external_id || ') is '
        || movement.state || ', but ' || CASE WHEN done.is_settled THEN 'settled something'
            ELSE 'settled nothing' END
    FROM payments.movements AS movement
    CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM payments.settlements_in_force AS settlement
            WHERE settlement.movement_id = movement.id OR settlement.payout_id = movement.id
        ) AS is_settled
    ) AS done
    -- What its source has changed or removed since waits, settled as it is.
    WHERE (movement.state = 'settled' AND NOT done.is_settled)
        OR (movement.state NOT IN ('settled', 'waiting') AND done.is_settled)
    ORDER BY movement.id
"""
_RECEIVABLE = """
    WITH booked AS (
        SELECT entry.entity, entry.currency, sum(line.debit_minor - line.credit_minor) AS minor
        FROM ledger.accounts AS account
        INNER JOIN ledger.journal_lines AS line
            ON line.entity = account.entity AND line.account = account.code
        INNER JOIN ledger.journal_entries AS entry ON entry.id = line.entry_id
        WHERE account.role = 'receivable'
        GROUP BY entry.entity, entry.currency
    ),

    open AS (
        SELECT entity, currency, sum(open_minor) AS minor
        FROM ledger.document_balances
        GROUP BY entity, currency
    )

    SELECT entity, currency, coalesce(booked.minor, 0) AS booked, coalesce(open.minor, 0) AS open
    FROM booked
    FULL JOIN open USING (entity, currency)
    WHERE coalesce(booked.minor, 0) <> coalesce(open.minor, 0)
    ORDER BY entity, currency
"""
