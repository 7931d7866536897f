"""Row checks: a suite's verdict as Dagster shows it, with the rows that wait for somebody.

Belongs here: turning verdicts and quarantined rows into check results. Does not belong here: judging and
quarantining (`pipeline.gate`), which have happened by then.

A stage judges each version of a record once, so a run often has nothing to judge while rows of earlier runs
still wait. A check passes only when none waits. It warns and does not block: what failed is already set
aside, and nothing is gained by holding up the rest.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg
from sqlalchemy import Engine, text

from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.quality.rules import Suite
from integration_pipeline.quality.wording import as_text

SHOWN_ROWS = 50

_COLUMNS = dg.TableSchema(
    [
        dg.TableColumn("record", description="Name and id in the CRM"),
        dg.TableColumn("month", description="Close month"),
        dg.TableColumn("field"),
        dg.TableColumn("value"),
        dg.TableColumn("reason"),
        dg.TableColumn("next_step"),
    ]
)


def spec(asset: dg.AssetKey, suite: Suite) -> dg.AssetCheckSpec:
    """The check of one suite on one asset, described by the names of its rules."""
    rules = ", ".join(rule.name.replace("_", " ") for rule in suite.rules)
    return dg.AssetCheckSpec(suite.name, asset=asset, description=f"Great Expectations suite: {rules}.")


def result(
    engine: Engine, asset: dg.AssetKey, suite: Suite, reports: Iterable[StageReport]
) -> dg.AssetCheckResult:
    """What the stages of this run judged and failed, and every row of the suite that waits now."""
    verdicts = [verdict for report in reports for verdict in report.verdicts if verdict.suite == suite.name]
    waiting, table = _waiting_rows(engine, suite)
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=suite.name,
        passed=waiting == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "evaluated": sum(verdict.evaluated for verdict in verdicts),
            "failed": sum(len(verdict.failed_row_ids) for verdict in verdicts),
            "waiting": waiting,
            "suite_version": suite.version,
            "evaluator": verdicts[0].evaluator if verdicts else "none: nothing new to judge",
            "seconds": round(sum(verdict.duration_ms for verdict in verdicts) / 1000, 3),
            "failing_rows": table,
        },
    )


def evaluation(engine: Engine, asset: dg.AssetKey, suite: Suite) -> dg.AssetCheckEvaluation:
    """Every row of the suite that waits now, for rows that were judged outside a run of the asset.

    It names no materialization: Dagster then goes by the time, and takes it to be about the newest one.
    """
    waiting, table = _waiting_rows(engine, suite)
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=suite.name,
        passed=waiting == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "waiting": dg.MetadataValue.int(waiting),
            "suite_version": dg.MetadataValue.text(suite.version),
            "evaluator": dg.MetadataValue.text("native, in real time"),
            "failing_rows": table,
        },
    )


def _waiting_rows(engine: Engine, suite: Suite) -> tuple[int, dg.TableMetadataValue]:
    with engine.connect() as connection:
        waiting: int = connection.execute(text(_WAITING), {"suite": suite.name}).scalar_one()
        rows = connection.execute(text(_ROWS), {"suite": suite.name, "limit": SHOWN_ROWS}).all()
    records = [
        dg.TableRecord(
            {
                "record": as_text(f"{row.record_name} ({row.external_id})"),
                "month": row.month,
                "field": row.field,
                "value": as_text(row.value),
                "reason": row.reason,
                "next_step": row.next_step,
            }
        )
        for row in rows
    ]
    return waiting, dg.MetadataValue.table(records, schema=_COLUMNS)


_WAITING = """
    SELECT count(DISTINCT (subject_kind, subject_id))
    FROM posting.quarantine
    WHERE state = 'open' AND suite = :suite
"""
_ROWS = """
    SELECT
        record_name, external_id, to_char(close_month, 'YYYY-MM') AS month, field, value, reason, next_step
    FROM posting.quarantine
    WHERE state = 'open' AND suite = :suite
    ORDER BY id DESC
    LIMIT :limit
"""
