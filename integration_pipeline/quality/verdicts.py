"""From the positions of failing rows to a verdict a person can act on; the same for both evaluators."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from integration_pipeline.quality.rows import Row, Table
from integration_pipeline.quality.rules import RowFailure, RowId, RowRule, Suite, Verdict
from integration_pipeline.quality.wording import as_text, fill

__all__ = ["verdict"]


def verdict(
    suite: Suite,
    rows: Sequence[Row],
    table: Table,
    failing: Sequence[Sequence[int]],
    *,
    evaluator: str,
    started: float,
) -> Verdict:
    """`failing`: rule by rule, the rising positions of failing rows; `started`: a `perf_counter` reading."""
    failures = tuple(
        _failure(rule, table.row_ids[position], rows[position])
        for rule, positions in zip(suite.rules, failing, strict=True)
        for position in positions
    )
    return Verdict(
        suite=suite.name,
        suite_version=suite.version,
        evaluator=evaluator,
        evaluated=len(rows),
        failures=failures,
        duration_ms=(perf_counter() - started) * 1000,
    )


def _failure(rule: RowRule, row_id: RowId, row: Row) -> RowFailure:
    values = [as_text(row.get(column)) for column in rule.expectation.columns]
    return RowFailure(
        row_id=row_id,
        rule=rule.name,
        field=rule.field,
        value=", ".join(value for value in values if value is not None) or None,
        reason=fill(rule.reason, row),
        next_step=fill(rule.next_step, row),
        waivable=rule.waivable,
    )
