"""Whose turn it is: locks that a transaction takes on deals before it touches any row of theirs.

Rows alone would not do: a new deal has none yet, and two transactions that lock the same rows in different
orders wait for each other for ever.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

_DEAL_LOCK = 731_057
_TWINS_LOCK = 731_058


def lock_deals(connection: Connection, deal_keys: Sequence[str]) -> None:
    """Wait until no other transaction works on these deals, and keep others waiting until this one ends."""
    connection.execute(_LOCK_DEALS, {"lock": _DEAL_LOCK, "keys": list(deal_keys)})


def lock_twins(connection: Connection, deal_keys: Sequence[str]) -> None:
    """Wait until no other transaction judges a deal that looks like one of these.

    Of two copies won at the same moment each would else be judged by a transaction that cannot see the other,
    and both would be billed. To be called after `lock_deals`.
    """
    connection.execute(_LOCK_TWINS, {"lock": _TWINS_LOCK, "keys": list(deal_keys)})


# Slots in ascending order, so that nobody who holds one waits for a lower one.
_LOCK_DEALS = text("""
    SELECT pg_advisory_xact_lock(:lock, slot)
    FROM (
        SELECT DISTINCT hashtext(deal_key) AS slot
        FROM unnest(CAST(:keys AS text[])) AS given (deal_key)
        ORDER BY slot
    ) AS slots
""")
# What makes deals copies of each other, as the gate sees it.
_LOCK_TWINS = text("""
    SELECT pg_advisory_xact_lock(:lock, slot)
    FROM (
        SELECT DISTINCT hashtext(
            concat_ws('|', customer_id, lower(name), close_date, amount_minor, currency)
        ) AS slot
        FROM crm.current_deals
        WHERE deal_key = ANY(CAST(:keys AS text[])) AND state = 'won'
        ORDER BY slot
    ) AS slots
""")
