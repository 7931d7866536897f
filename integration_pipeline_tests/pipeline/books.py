"""What the books say, without what differs between any two runs: ids, moments, hashes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

Booked = tuple[Any, ...]

_BOOKED = """
    SELECT
        document.entity, document.number, document.kind, document.body ->> 'deal' AS deal,
        document.body ->> 'document_key' AS document_key, document.body ->> 'reverses' AS reverses,
        document.issue_date, document.due_date, document.currency, document.total_minor, document.body,
        (
            SELECT string_agg(
                line.account || ' ' || line.debit_minor || ' ' || line.credit_minor, ', '
                ORDER BY line.position
            )
            FROM ledger.journal_lines AS line WHERE line.entry_id = document.entry_id
        ) AS entry
    FROM ledger.documents AS document
    ORDER BY document.entity, document.kind, document.series_number
"""


def booked(connection: Connection) -> list[Booked]:
    """Every document in its number's order, with its lines and its journal entry."""
    return [(*row[:10], str(row.body["lines"]), row.entry) for row in connection.execute(text(_BOOKED))]


def without_numbers(documents: list[Booked]) -> list[Booked]:
    """The same, whatever the order in which it was numbered."""
    return sorted((*row[:1], *row[2:5], *row[6:]) for row in documents)
