"""Proof that the books hold, computed here and not by the database that keeps them.

Belongs here: recomputing the hash chain from rows, totals of debit and credit. Does not belong here:
whether every deal was invoiced (pipeline).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, Row, text

GENESIS = "0" * 64


@dataclass(slots=True)
class LedgerProof:
    """What was found: `problems` is empty for sound books. Balances are debit minus credit, minor units."""

    entries: int = 0
    problems: list[str] = field(default_factory=list[str])
    balances: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    def trial_balance(self) -> dict[str, int]:
        """Sum of all balances per currency; zero for each in sound books."""
        totals: Counter[str] = Counter()
        for (_, currency), minor in self.balances.items():
            totals[currency] += minor
        return dict(sorted(totals.items()))


def prove_ledger(connection: Connection) -> LedgerProof:
    """Walk every chain from its beginning. Reads the whole ledger in batches; changes nothing."""
    proof = LedgerProof()
    chain: dict[str, tuple[int, str]] = {}
    for entry in _entries(connection):
        proof.entries += 1
        sequence, previous = chain.get(entry.entity, (0, GENESIS))
        name = f"entry {entry.sequence} of {entry.entity} ({entry.document_number})"
        if entry.sequence != sequence + 1:
            proof.problems.append(f"{name}: the chain jumps from {sequence}")
        if entry.previous_hash != previous or entry.hash != _hash(entry):
            proof.problems.append(f"{name}: the hash does not follow from its content and its predecessor")
        chain[entry.entity] = (entry.sequence, entry.hash)
        balance = 0
        for _, account, debit, credit in entry.lines:
            minor = int(debit) - int(credit)
            balance += minor
            proof.balances[account, entry.currency] += minor
        if balance or len(entry.lines) < 2:
            proof.problems.append(f"{name}: debit and credit differ by {balance} minor units")
    heads = {row.entity: (row.sequence, row.hash) for row in connection.execute(text(_HEADS))}
    for entity in sorted(chain.keys() | heads.keys()):
        newest, recorded = chain.get(entity, (0, GENESIS)), heads.get(entity, (0, GENESIS))
        if newest != recorded:
            proof.problems.append(
                f"{entity}: the newest entry is {newest[0]}, but it should be {recorded[0]}, "
                "with the hash that was recorded when it was posted"
            )
    for gap in connection.execute(text(_NUMBER_GAPS)):
        proof.problems.append(
            f"numbers {gap.series}… of {gap.entity}: {gap.documents} documents, "
            f"the highest is {gap.highest}, but {gap.drawn} numbers were drawn"
        )
    for document in connection.execute(text(_UNLIKE_ITS_ENTRY)):
        proof.problems.append(
            f"document {document.number} of {document.entity} says something else than its entry"
        )
    for release in connection.execute(text(_UNLIKE_ITS_RELEASES)):
        proof.problems.append(
            f"entry {release.sequence} of {release.entity} ({release.document_number}) says something else "
            "than the lines it releases"
        )
    return proof


def _hash(entry: Row[Any]) -> str:
    moment = entry.posted_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    content = [
        "entry-1",
        entry.entity,
        str(entry.sequence),
        "" if entry.intent_id is None else str(entry.intent_id),
        entry.accounting_date.isoformat(),
        entry.currency,
        entry.document_number,
        entry.description,
        moment,
        entry.lines,
    ]
    written = json.dumps(content, ensure_ascii=False, separators=(", ", ": "))
    return hashlib.sha256(f"{entry.previous_hash}\n{written}".encode()).hexdigest()


def _entries(connection: Connection) -> Iterator[Row[Any]]:
    return iter(connection.execute(text(_ENTRIES).execution_options(yield_per=2_000)))


_ENTRIES = """
    SELECT
        entry.*,
        coalesce(
            (
                SELECT jsonb_agg(
                    jsonb_build_array(
                        CAST(line.position AS text), line.account, CAST(line.debit_minor AS text),
                        CAST(line.credit_minor AS text)
                    ) ORDER BY line.position
                )
                FROM ledger.journal_lines AS line
                WHERE line.entry_id = entry.id
            ),
            '[]'
        ) AS lines
    FROM ledger.journal_entries AS entry
    ORDER BY entry.entity, entry.sequence
"""
_HEADS = "SELECT entity, sequence, hash FROM ledger.chain_heads"
_NUMBER_GAPS = """
    SELECT
        entity, series, coalesce(issued.documents, 0) AS documents, coalesce(issued.highest, 0) AS highest,
        coalesce(counter.last_number, 0) AS drawn
    FROM ledger.number_series AS counter
    FULL JOIN (
        SELECT entity, series, count(*) AS documents, max(series_number) AS highest
        FROM ledger.documents
        GROUP BY entity, series
    ) AS issued USING (entity, series)
    WHERE issued.documents IS DISTINCT FROM issued.highest
        OR issued.highest IS DISTINCT FROM counter.last_number
    ORDER BY entity, series
"""
# What the entry's hash covers must be what the document says: number, day, currency, what is receivable, what
# is tax of it, and the sum of the lines and taxes the customer sees.
_UNLIKE_ITS_ENTRY = """
    SELECT coalesce(document.entity, entry.entity) AS entity,
        coalesce(document.number, entry.document_number) AS number
    FROM (SELECT * FROM ledger.journal_entries WHERE kind = 'document') AS entry
    FULL JOIN ledger.documents AS document ON document.entry_id = entry.id
    LEFT JOIN ledger.accounts AS receivable
        ON receivable.entity = entry.entity AND receivable.role = 'receivable'
    LEFT JOIN ledger.accounts AS payable
        ON payable.entity = entry.entity AND payable.role = 'tax_payable'
    LEFT JOIN LATERAL (
        SELECT
            sum(line.debit_minor - line.credit_minor) FILTER (WHERE line.account = receivable.code) AS minor,
            coalesce(
                sum(line.credit_minor - line.debit_minor) FILTER (WHERE line.account = payable.code), 0
            ) AS tax_minor
        FROM ledger.journal_lines AS line
        WHERE line.entry_id = entry.id
    ) AS booked ON TRUE
    LEFT JOIN LATERAL (
        SELECT sum(CAST(line ->> 'amount_minor' AS bigint)) AS minor
        FROM jsonb_array_elements(document.body -> 'lines') AS line
    ) AS shown ON TRUE
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(CAST(tax ->> 'tax_minor' AS bigint)), 0) AS minor
        FROM jsonb_array_elements(document.body -> 'taxes') AS tax
    ) AS taxed
    WHERE (document.entity, document.number, document.intent_id, document.currency, document.issue_date)
        IS DISTINCT FROM
        (entry.entity, entry.document_number, entry.intent_id, entry.currency, entry.accounting_date)
        OR shown.minor + taxed.minor IS DISTINCT FROM document.total_minor
        OR booked.tax_minor IS DISTINCT FROM
        CASE document.kind WHEN 'invoice' THEN taxed.minor ELSE -taxed.minor END
        OR booked.minor IS DISTINCT FROM
        CASE document.kind WHEN 'invoice' THEN document.total_minor ELSE -document.total_minor END
    ORDER BY 1, 2
"""
# What is released of each line must add up to what the entry takes from deferred revenue and gives to
# revenue, for the month at whose end it is booked.
_UNLIKE_ITS_RELEASES = """
    SELECT entry.sequence, entry.entity, entry.document_number
    FROM ledger.journal_entries AS entry
    LEFT JOIN LATERAL (
        SELECT
            sum(release.amount_minor) AS minor,
            bool_and(release.month = CAST(date_trunc('month', entry.accounting_date) AS date)) AS its_month
        FROM ledger.revenue_releases AS release
        WHERE release.entry_id = entry.id
    ) AS released ON TRUE
    LEFT JOIN LATERAL (
        SELECT
            coalesce(sum(line.debit_minor - line.credit_minor) FILTER (
                WHERE account.role = 'deferred_revenue'
            ), 0) AS deferred,
            coalesce(sum(line.credit_minor - line.debit_minor) FILTER (
                WHERE account.role = 'revenue'
            ), 0) AS revenue
        FROM ledger.journal_lines AS line
        INNER JOIN ledger.accounts AS account
            ON account.entity = line.entity AND account.code = line.account
        WHERE line.entry_id = entry.id
    ) AS booked ON TRUE
    WHERE (entry.kind = 'release' OR released.minor IS NOT NULL)
        AND (
            entry.kind <> 'release' OR released.its_month IS DISTINCT FROM TRUE
            OR released.minor IS DISTINCT FROM booked.deferred
            OR released.minor IS DISTINCT FROM booked.revenue
        )
    ORDER BY entry.entity, entry.sequence
"""
