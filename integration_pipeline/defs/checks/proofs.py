"""Proofs of what lies beyond the own ledger: accounting systems hold what was booked, payments pay what they
say.

They read and change nothing. What must never be is an error: it blocks what depends on it and fails the run.
What waits for a person is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg
from sqlalchemy import text

from integration_pipeline.accounting.postgres_ledger.settlement_proof import settlement_problems
from integration_pipeline.defs import keys
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.posting.standing import (
    customers_waiting,
    open_findings,
    posting_problems,
    stuck,
)

ONCE = "posted_once_and_known"
NOTHING_STUCK = "nothing_is_stuck"
NO_FINDINGS = "both_sides_agree"
SETTLED = "settlements_agree_with_the_books"
NOTHING_WAITS = "no_payment_waits"
_SHOWN_PROBLEMS = 50


@dg.multi_asset_check(
    name="prove_posting",
    specs=[
        dg.AssetCheckSpec(
            ONCE,
            asset=keys.ACCOUNTING_DOCUMENTS,
            description="No record of a target stands for two documents; whatever is posted has its id "
            "there, and its document in the own ledger; every attempt has an end.",
            blocking=True,
        ),
        dg.AssetCheckSpec(
            NOTHING_STUCK,
            asset=keys.ACCOUNTING_DOCUMENTS,
            description="Nothing that was refused, is frozen, or belongs to a customer nobody knows there.",
        ),
        dg.AssetCheckSpec(
            NO_FINDINGS,
            asset=keys.ACCOUNTING_DOCUMENTS,
            description="No difference between a target and these books is open.",
        ),
    ],
    description="Looks at every posting intent and every finding.",
)
def prove_posting(pipeline: dg.ResourceParam[Pipeline]) -> Iterator[dg.AssetCheckResult]:
    """Three verdicts of one moment."""
    engine = pipeline.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    asset = keys.ACCOUNTING_DOCUMENTS
    with engine.connect() as connection:
        waiting = [f"{row['target']}: {row['name']}: {row['why']}" for row in customers_waiting(connection)]
        stopped = [
            f"{row['target']}: {row['number']} is {row['state']}: {row['last_error']}"
            for row in stuck(connection)
        ]
        found = [f"{row['target']}: {row['said']}" for row in open_findings(connection)]
        yield _result(asset, ONCE, posting_problems(connection), dg.AssetCheckSeverity.ERROR)
        yield _result(asset, NOTHING_STUCK, [*stopped, *waiting], dg.AssetCheckSeverity.WARN)
        yield _result(asset, NO_FINDINGS, found, dg.AssetCheckSeverity.WARN)


@dg.multi_asset_check(
    name="prove_settlements",
    specs=[
        dg.AssetCheckSpec(
            SETTLED,
            asset=keys.SETTLEMENTS,
            description="Every settlement has an entry of its amounts, no invoice is paid beyond its total, "
            "and what is receivable is what invoices have open.",
            blocking=True,
        ),
        dg.AssetCheckSpec(
            NOTHING_WAITS,
            asset=keys.SETTLEMENTS,
            description="No movement of money waits for a person, and none is unreadable.",
        ),
    ],
    description="Recomputes what payments did to the books.",
)
def prove_settlements(pipeline: dg.ResourceParam[Pipeline]) -> Iterator[dg.AssetCheckResult]:
    """Two verdicts of one moment."""
    engine = pipeline.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with engine.connect() as connection:
        waiting = list(connection.execute(text(_WAITING)).scalars())
        yield _result(keys.SETTLEMENTS, SETTLED, settlement_problems(connection), dg.AssetCheckSeverity.ERROR)
        yield _result(keys.SETTLEMENTS, NOTHING_WAITS, waiting, dg.AssetCheckSeverity.WARN)


def _result(
    asset: dg.AssetKey, name: str, problems: Sequence[str], severity: dg.AssetCheckSeverity
) -> dg.AssetCheckResult:
    records = [dg.TableRecord({"problem": problem}) for problem in problems[:_SHOWN_PROBLEMS]]
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=not problems,
        severity=severity,
        metadata={
            "failed": len(problems),
            "failing_rows": dg.MetadataValue.table(
                records, schema=dg.TableSchema([dg.TableColumn("problem")])
            ),
        },
    )


_WAITING = """
    SELECT 'payment ' || id || ' (' || source || '): ' || coalesce(reason, 'nobody knows what it pays')
    FROM payments.movements WHERE state = 'waiting'
    UNION ALL
    SELECT source || ' ' || external_id || ': ' || reason FROM payments.unreadable
"""
