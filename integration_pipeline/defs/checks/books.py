"""Checks of the books as a whole: they balance, the chain is unbroken, nothing is in them twice or ungated.

Belongs here: asking for proof and showing it. Does not belong here: the proof (`accounting`), and keeping the
promises, which the database does by itself; these checks look at it from outside.

They read and change nothing, so anybody may run them at any time. A failure is an error: it blocks what
depends on the books within the run, and fails the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg
from sqlalchemy import Connection, text

from integration_pipeline.accounting.postgres_ledger.proof import prove_ledger
from integration_pipeline.billing.money import Money
from integration_pipeline.defs import keys
from integration_pipeline.pipeline.context import Pipeline

CHECK_BOOKS = "check_books"
"""The job that asks for this proof alone."""

BALANCE = "debits_equal_credits"
CHAIN = "chain_is_unbroken"
ONCE = "posted_at_most_once"
GATED = "posted_only_through_the_gate"

_DESCRIPTIONS = {
    BALANCE: "The trial balance is zero in every currency.",
    CHAIN: "Every journal entry follows from its content and its predecessor (SHA-256) and balances, none is "
    "missing, and document numbers have no gaps.",
    ONCE: "Every posted intent has exactly one document in the ledger, and no deal has two invoices for the "
    "same date that both hold.",
    GATED: "Every posted document has a passed gate record.",
}
_SHOWN_PROBLEMS = 50


@dg.multi_asset_check(
    name="prove_books",
    specs=[
        dg.AssetCheckSpec(name, asset=keys.INVOICES, description=description, blocking=True)
        for name, description in _DESCRIPTIONS.items()
    ],
    description="Walks the whole ledger and recomputes what the database promises.",
)
def prove_books(pipeline: dg.ResourceParam[Pipeline]) -> Iterator[dg.AssetCheckResult]:
    """Four verdicts from one reading of the ledger, all of one moment."""
    # One snapshot: documents that are posted meanwhile are in all four answers or in none.
    engine = pipeline.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with engine.connect() as connection:
        proof = prove_ledger(connection)
        balance = proof.trial_balance()
        yield _result(
            BALANCE,
            [
                f"{Money(minor, currency).format()} is left over"
                for currency, minor in balance.items()
                if minor
            ],
            {"entries": proof.entries, "currencies": len(balance)},
        )
        yield _result(CHAIN, proof.problems, {"entries": proof.entries})
        yield _result(ONCE, _problems(connection, _POSTED_TWICE))
        yield _result(GATED, _problems(connection, _UNGATED))


def _problems(connection: Connection, query: str) -> list[str]:
    return list(connection.execute(text(query)).scalars())


def _result(
    name: str, problems: Sequence[str], measured: dict[str, int] | None = None
) -> dg.AssetCheckResult:
    records = [dg.TableRecord({"problem": problem}) for problem in problems[:_SHOWN_PROBLEMS]]
    return dg.AssetCheckResult(
        asset_key=keys.INVOICES,
        check_name=name,
        passed=not problems,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            **(measured or {}),
            "failed": len(problems),
            "failing_rows": dg.MetadataValue.table(
                records, schema=dg.TableSchema([dg.TableColumn("problem")])
            ),
        },
    )


_POSTED_TWICE = """
    SELECT
        'intent ' || intent.id || ' for ' || document.document_key || ' is posted, but the ledger holds '
        || count(issued.number) || ' documents of it'
    FROM posting.ledger_intents AS intent
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    LEFT JOIN ledger.documents AS issued ON issued.intent_id = intent.id
    WHERE intent.state = 'posted'
    GROUP BY intent.id, document.document_key
    HAVING count(issued.number) <> 1
    UNION ALL
    SELECT
        issued.number || ' of ' || issued.entity || ' is in the ledger, but its intent ' || intent.id
        || ' is ' || intent.state
    FROM ledger.documents AS issued
    INNER JOIN posting.ledger_intents AS intent ON intent.id = issued.intent_id
    WHERE intent.state <> 'posted'
    UNION ALL
    SELECT
        'deal ' || document.deal_key || ' has ' || count(*) || ' documents for ' || document.slot
        || ' that hold: ' || string_agg(intent.remote_id, ', ' ORDER BY intent.id)
    FROM billing.documents AS document
    INNER JOIN posting.ledger_intents AS intent ON intent.document_id = document.id
    WHERE document.reverses_id IS NULL AND intent.state = 'posted'
        AND NOT EXISTS (SELECT FROM billing.documents AS reversal WHERE reversal.reverses_id = document.id)
    GROUP BY document.deal_key, document.slot, document.kind
    HAVING count(*) > 1
"""
_UNGATED = """
    SELECT intent.remote_id || ' (' || document.document_key || ') was posted without a passed gate record'
    FROM posting.ledger_intents AS intent
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    LEFT JOIN posting.gate_records AS gate
        ON gate.subject_kind = 'document' AND gate.subject_id = document.id AND gate.passed
    WHERE intent.state = 'posted' AND gate.subject_id IS NULL
    ORDER BY intent.id
"""
