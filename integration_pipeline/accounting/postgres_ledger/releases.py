"""Posting what months have earned of deferred revenue: entries, lines, and which line earned how much.

Belongs here: handing releases to the database's posting function. Does not belong here: how much a line has
earned (billing), which months are due (pipeline).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from integration_pipeline.accounting.postgres_ledger.journal import release_lines
from integration_pipeline.rules.document import Account, AccountRole


@dataclass(frozen=True, slots=True)
class LineRelease:
    """What a posted line moves from deferred revenue to revenue; negative takes it back. Minor units."""

    document_id: int
    position: int
    minor: int
    explanation: str


@dataclass(frozen=True, slots=True)
class MonthRelease:
    """One entry: what a month releases in one currency. `month_end` is its last day, the entry's date."""

    month_end: date
    currency: str
    lines: tuple[LineRelease, ...]

    @property
    def name(self) -> str:
        """What the entry is called where a document has its number: `revenue 2026-05 USD`."""
        return f"revenue {self.month_end:%Y-%m} {self.currency}"


def post_releases(
    connection: Connection,
    entity: str,
    releases: Sequence[MonthRelease],
    accounts: Mapping[AccountRole, Account],
) -> None:
    """Post in the given order, an entry each, within the caller's transaction.

    Raises SQLAlchemy's `IntegrityError` if a month and currency of the entity was released before.
    """
    batch = [_entry_as_json(release, accounts) for release in releases]
    entries = {
        row.posted_number: row.posted_entry_id
        for row in connection.execute(
            text("SELECT * FROM ledger.post_releases(:entity, CAST(:batch AS jsonb))"),
            {"entity": entity, "batch": json.dumps(batch)},
        )
    }
    rows = [
        {
            "document_id": line.document_id,
            "position": line.position,
            "month": release.month_end.replace(day=1).isoformat(),
            "amount_minor": line.minor,
            "entry_id": entries[release.name],
            "explanation": line.explanation,
        }
        for release in releases
        for line in release.lines
    ]
    connection.execute(text(_STORE), {"releases": json.dumps(rows)})


def _entry_as_json(release: MonthRelease, accounts: Mapping[AccountRole, Account]) -> dict[str, Any]:
    earned = sum(line.minor for line in release.lines if line.minor > 0)
    taken_back = -sum(line.minor for line in release.lines if line.minor < 0)
    return {
        "accounting_date": release.month_end.isoformat(),
        "currency": release.currency,
        "document_number": release.name,
        "description": f"revenue earned until {release.month_end}, by {len(release.lines)} lines",
        "lines": [
            [line.account, line.debit_minor, line.credit_minor]
            for line in release_lines(earned, taken_back, accounts)
        ],
    }


_STORE = """
    INSERT INTO ledger.revenue_releases (document_id, position, month, amount_minor, entry_id, explanation)
    SELECT document_id, position, month, amount_minor, entry_id, explanation
    FROM jsonb_to_recordset(CAST(:releases AS jsonb)) AS given (
        document_id bigint, position integer, month date, amount_minor bigint, entry_id bigint,
        explanation text
    )
"""
