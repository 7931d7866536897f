"""Proof of deferred revenue: the ledger owes, of each entity and currency, just what is not yet released.

Belongs here: the tie-out, recomputed from rows. Does not belong here: releasing (`recognize`), the proof of
the ledger itself (accounting).
"""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, text

from integration_pipeline.billing.money import Money


def deferred_problems(connection: Connection) -> list[str]:
    """Where the balance of deferred revenue is not what the posted lines leave to be earned."""
    booked: Counter[tuple[str, str]] = Counter()
    for row in connection.execute(text(_BOOKED)):
        booked[row.entity, row.currency] += row.credit_minor - row.debit_minor
    left: Counter[tuple[str, str]] = Counter()
    for row in connection.execute(text(_LINES)):
        sign = 1 if row.kind == "invoice" else -1
        left[row.entity, row.currency] += sign * row.amount_minor
    for row in connection.execute(text(_RELEASES)):
        left[row.entity, row.currency] -= row.amount_minor
    return [
        f"deferred revenue of {entity} is {Money(booked[entity, currency], currency).format()} in the "
        f"ledger, but its posted lines leave {Money(left[entity, currency], currency).format()} to be earned"
        for entity, currency in sorted(booked.keys() | left.keys())
        if booked[entity, currency] != left[entity, currency]
    ]


_BOOKED = """
    SELECT entry.entity, entry.currency, line.debit_minor, line.credit_minor
    FROM ledger.journal_lines AS line
    INNER JOIN ledger.journal_entries AS entry ON entry.id = line.entry_id
    INNER JOIN ledger.accounts AS account ON account.entity = line.entity AND account.code = line.account
    WHERE account.role = 'deferred_revenue'
"""
_LINES = """
    SELECT document.entity, document.currency, document.kind, line.amount_minor
    FROM ledger.documents AS issued
    INNER JOIN posting.ledger_intents AS intent ON intent.id = issued.intent_id
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    INNER JOIN billing.lines AS line ON line.document_id = document.id
    WHERE line.revenue = 'deferred'
"""
_RELEASES = """
    SELECT document.entity, document.currency, release.amount_minor
    FROM ledger.revenue_releases AS release
    INNER JOIN billing.documents AS document ON document.id = release.document_id
"""
