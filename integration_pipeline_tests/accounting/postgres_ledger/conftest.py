"""Books of two entities, with posting intents to post for, and no pipeline around them."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from integration_pipeline.accounting.postgres_ledger.proof import prove_ledger
from integration_pipeline.rules.document import RuleSet, read_rule_set

GENESIS = "0" * 64
RECEIVABLE, TAX, REVENUE = "1100", "2200", "4000"
Line = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Books:
    """A ledger as its superuser sees it, who is not above its promises."""

    engine: Engine

    def add_intents(self, count: int, token: int = 1) -> None:
        """Claimed intents 1 to `count`; the documents they are for do not matter here, and do not exist."""
        with self.tampering() as connection:
            connection.execute(
                text(
                    """
                    INSERT INTO posting.intents (
                        id, intent_key, target, entity, document_id, document_reference, body_hash, due_on,
                        state, fencing_token
                    )
                    OVERRIDING SYSTEM VALUE
                    SELECT n, 'key ' || n, 'ledger', 'us', n, 'D' || n, '', '2026-01-01', 'claimed', :token
                    FROM generate_series(1, :count) AS numbered (n)
                    """
                ),
                {"count": count, "token": token},
            )

    @contextmanager
    def tampering(self) -> Generator[Connection]:
        """A transaction of somebody who may switch triggers off, and does."""
        with self.engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            yield connection

    def tamper(self, statement: str) -> None:
        with self.tampering() as connection:
            connection.execute(text(statement))

    def post(self, *items: dict[str, Any]) -> list[str]:
        """Numbers of what was posted, in a transaction of its own."""
        with self.engine.begin() as connection:
            return post(connection, items)

    def problems(self) -> list[str]:
        with self.engine.connect() as connection:
            return prove_ledger(connection).problems

    def rows(self, statement: str) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(statement)))


def post(connection: Connection, items: Sequence[dict[str, Any]]) -> list[str]:
    rows = connection.execute(
        text("SELECT * FROM ledger.post_documents(CAST(:batch AS jsonb))"), {"batch": json.dumps(items)}
    )
    return [row.posted_number for row in rows]


def item(intent: int, minor: int = 1_000, **changes: Any) -> dict[str, Any]:
    """An invoice of `us` over `minor`, posted for this intent under fencing token 1."""
    return {
        "intent_id": intent,
        "fencing_token": 1,
        "entity": "us",
        "kind": "invoice",
        "document_reference": f"D{intent}",
        "customer_id": 1,
        "currency": "USD",
        "total_minor": minor,
        "issue_date": "2026-01-01",
        "due_date": "2026-01-31",
        "accounting_date": "2026-01-01",
        "description": f"invoice {intent}",
        "lines": [[RECEIVABLE, minor, 0], [REVENUE, 0, minor]],
        "body": {"lines": [{"amount_minor": minor}]},
        **changes,
    }


def add_entry(
    connection: Connection,
    sequence: int,
    lines: Sequence[Line],
    *,
    intent: int | None = None,
    previous: str | None = None,
    entry_hash: str | None = None,
) -> None:
    """An entry written by hand, with the hashes that belong to it unless others are given."""
    if previous is None:
        found = connection.execute(
            text("SELECT hash FROM ledger.journal_entries WHERE entity = 'us' AND sequence = :sequence - 1"),
            {"sequence": sequence},
        ).scalar()
        previous = found or GENESIS
    numbered = json.dumps([[str(n), a, str(d), str(c)] for n, (a, d, c) in enumerate(lines, start=1)])
    entry_id = connection.execute(
        text(
            """
            INSERT INTO ledger.journal_entries (
                entity, sequence, kind, intent_id, accounting_date, currency, document_number, description,
                posted_at, previous_hash, hash
            )
            SELECT
                'us', :sequence, 'document', :intent, '2026-01-01', 'USD', 'N', 'by hand', moment, :previous,
                coalesce(:hash, ledger.chain_hash(:previous, ledger.entry_text(
                    'us', :sequence, :intent, '2026-01-01', 'USD', 'N', 'by hand', moment,
                    CAST(:lines AS jsonb)
                )))
            FROM clock_timestamp() AS moment
            RETURNING id
            """
        ),
        {
            "sequence": sequence,
            "intent": intent or sequence,
            "previous": previous,
            "hash": entry_hash,
            "lines": numbered,
        },
    ).scalar_one()
    if lines:
        add_lines(connection, entry_id, lines)


def add_lines(connection: Connection, entry_id: int, lines: Sequence[Line], first: int = 1) -> None:
    connection.execute(
        text(
            """
            INSERT INTO ledger.journal_lines (entry_id, position, entity, account, debit_minor, credit_minor)
            SELECT :entry, position, 'us', account, debit, credit
            FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS line (
                position integer, account text, debit bigint, credit bigint
            )
            """
        ),
        {
            "entry": entry_id,
            "lines": json.dumps(
                [
                    {"position": n, "account": account, "debit": debit, "credit": credit}
                    for n, (account, debit, credit) in enumerate(lines, start=first)
                ]
            ),
        },
    )


@pytest.fixture(scope="session")
def rules() -> RuleSet:
    return read_rule_set()


@pytest.fixture
def books(engine: Engine, rules: RuleSet) -> Books:
    with engine.begin() as connection:
        for code, entity in rules.entities.items():
            connection.execute(
                text("INSERT INTO ledger.entities VALUES (:code, :name, :zone, :invoices, :notes)"),
                {
                    "code": code,
                    "name": entity.name,
                    "zone": entity.time_zone,
                    "invoices": entity.invoice_prefix,
                    "notes": entity.credit_note_prefix,
                },
            )
            for role, account in rules.accounts.items():
                connection.execute(
                    text("INSERT INTO ledger.accounts VALUES (:entity, :code, :name, :kind, :role)"),
                    {"entity": code, "role": role.value, **account.model_dump()},
                )
    made = Books(engine)
    made.add_intents(20)
    return made
