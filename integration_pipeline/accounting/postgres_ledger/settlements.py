"""Posting settlements: which accounts money that moved debits and credits, and the entries of a batch.

Belongs here: the accounting of a payment, a refund, a fee, a payout's arrival as pure arithmetic; handing the
entries to the database's posting function. Does not belong here: what a movement settles (`payments`),
storing settlements and locks (pipeline).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from integration_pipeline.accounting.postgres_ledger.journal import JournalLine
from integration_pipeline.rules.document import SETTLEMENT_ROLES, Account, AccountRole

Sides = Mapping[AccountRole, int]
"""Minor units by role, debit positive."""


@dataclass(frozen=True, slots=True)
class SettlementEntry:
    """The entry of a stored settlement; `sides` add up to zero."""

    settlement_id: int
    entity: str
    settled_on: date
    currency: str
    reference: str
    description: str
    sides: Sides


class AccountsMissing(ValueError):  # noqa: N818 - said of the rule set
    """The rule set lacks accounts that payments need; the message names them."""


def settlement_sides(
    money: AccountRole,
    *,
    amount: int,
    fee: int,
    exchanged: int,
    applied: int,
    unapplied: int,
    rest: AccountRole = AccountRole.CREDITS,
) -> Sides:
    """`amount` (= applied + unapplied) against receivable and credits; what the processor kept is a cost.

    `money` is where the money is: cash, or in transit. `rest` is where goes what is applied to nothing: to
    customers' credits, or what is nobody's to suspense. `exchanged` of it is there in another currency. All
    signed: a refund mirrors a payment. Raises `ValueError` if the amounts do not add up.
    """
    if amount != applied + unapplied:
        raise ValueError(f"{applied} applied and {unapplied} unapplied are not {amount} minor units")
    return {
        money: amount - fee - exchanged,
        AccountRole.FEES: fee,
        AccountRole.EXCHANGE: exchanged,
        AccountRole.RECEIVABLE: -applied,
        rest: -unapplied,
    }


def arrival_sides(amount: int) -> Sides:
    """A payout is in our bank: cash against what was in transit."""
    return {AccountRole.CASH: amount, AccountRole.IN_TRANSIT: -amount}


def require_accounts(accounts: Mapping[AccountRole, Account]) -> None:
    """Raises `AccountsMissing` for a rule set that bills only."""
    if missing := sorted(role.value for role in SETTLEMENT_ROLES if role not in accounts):
        raise AccountsMissing(
            f"payments cannot be settled: the rule set has no account for {', '.join(missing)}; add each "
            'under accounts, such as `fees: {code: "6100", name: Payment fees, kind: expense}`'
        )


def post_settlements(
    connection: Connection, entries: Sequence[SettlementEntry], accounts: Mapping[AccountRole, Account]
) -> None:
    """Post in the given order, an entry each, within the caller's transaction.

    Raises SQLAlchemy's `IntegrityError` if the database refuses one; `ValueError` for one without amounts.
    """
    batch = [_as_json(entry, accounts) for entry in entries]
    if batch:
        connection.execute(
            text("SELECT ledger.post_settlements(CAST(:batch AS jsonb))"), {"batch": json.dumps(batch)}
        )


def _as_json(entry: SettlementEntry, accounts: Mapping[AccountRole, Account]) -> dict[str, Any]:
    lines = [
        JournalLine(accounts[role].code, max(minor, 0), max(-minor, 0))
        for role, minor in entry.sides.items()
        if minor
    ]
    if not lines:
        raise ValueError(f"settlement {entry.reference} moves nothing")
    return {
        "settlement_id": entry.settlement_id,
        "entity": entry.entity,
        "accounting_date": entry.settled_on.isoformat(),
        "currency": entry.currency,
        "document_number": entry.reference,
        "description": entry.description,
        "lines": [[line.account, line.debit_minor, line.credit_minor] for line in lines],
    }
