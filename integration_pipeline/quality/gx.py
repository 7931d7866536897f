"""The evaluator of the batch path: the same rules as Great Expectations suites.

Belongs here: translating rules into Great Expectations and its results back. Great Expectations and pandas
are imported inside functions: they take 2 to 9 seconds, which a code location cannot afford to spend.

Measured with twelve rules on two cores: 110 ms for one row and for a hundred, 300 ms for ten thousand. So
judge large batches here, never rows one by one.
"""

# Great Expectations annotates with bare `dict`, so members that take or return one are partially unknown, and
# re-exports its public expectations without saying so.
# pyright: reportUnknownMemberType=false, reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from integration_pipeline.quality.rows import Row, Table, read
from integration_pipeline.quality.rules import (
    Between,
    InSet,
    IsNull,
    MatchesRegex,
    NotNull,
    PairEqual,
    PairOrdered,
    RowRule,
    Suite,
    Unique,
    Verdict,
)
from integration_pipeline.quality.verdicts import verdict

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation

__all__ = ["GreatExpectationsError", "evaluate"]

# The rows themselves are at hand, so results carry positions and no copies of values. The row id is not
# used to find a row again: it need not be unique, and Great Expectations looks such columns up cell by cell.
_RESULT_FORMAT: dict[str, str | bool | int] = {
    "result_format": "COMPLETE",
    "exclude_unexpected_values": True,
    "return_unexpected_index_query": False,
    "partial_unexpected_count": 0,
}

# One datasource holds one batch at a time. Validation is pure Python, so taking turns costs nothing.
_ONE_BATCH_AT_A_TIME = Lock()


class GreatExpectationsError(RuntimeError):
    """Great Expectations could not evaluate a rule. Nothing is known of the batch; none of it passes."""


def evaluate(suite: Suite, rows: Sequence[Row]) -> Verdict:
    """Judge a batch; an empty one passes. The first call of a process also pays for the imports.

    Rows hold `row_id` (int or str) and the suite's columns. Raises `TypeError` for a value of a type that
    cannot be compared exactly (see `rows.read`), `GreatExpectationsError` when a rule cannot be evaluated.
    """
    started = perf_counter()
    table = read(suite, rows)
    failing = _failing_positions(suite, table)
    return verdict(suite, rows, table, failing, evaluator="great expectations", started=started)


def _failing_positions(suite: Suite, table: Table) -> list[list[int]]:
    import great_expectations as gx

    expectations = gx.ExpectationSuite(
        name=suite.name, expectations=[_translate(rule) for rule in suite.rules]
    )
    with _ONE_BATCH_AT_A_TIME:
        batch = _batch_definition().get_batch({"dataframe": _frame(table)})
        outcome = batch.validate(expectations, result_format=_RESULT_FORMAT)
    # By name: Great Expectations lists the expectations it could not evaluate before the others.
    by_rule = {_rule_name(result): result for result in outcome.results}
    return [_positions(suite, rule, by_rule.get(rule.name)) for rule in suite.rules]


@cache
def _batch_definition() -> BatchDefinition[Any]:
    """An in-memory context: it keeps no project on disk, draws no progress bars, and calls nobody.

    Kept for the life of the process: making one costs as much again as validating.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("batch")
    return cast("BatchDefinition[Any]", asset.add_batch_definition_whole_dataframe("whole batch"))


def _frame(table: Table) -> pd.DataFrame:
    import pandas as pd

    # Without `object`, pandas makes floats of integers as soon as one row is null.
    return pd.DataFrame({name: pd.Series(list(cells), dtype=object) for name, cells in table.columns.items()})


def _translate(rule: RowRule) -> Expectation:
    import great_expectations.expectations as gxe

    meta = {"rule": rule.name}
    match rule.expectation:
        case NotNull(column):
            return gxe.ExpectColumnValuesToNotBeNull(column=column, meta=meta)
        case IsNull(column):
            return gxe.ExpectColumnValuesToBeNull(column=column, meta=meta)
        case Between(column, minimum, maximum):
            return gxe.ExpectColumnValuesToBeBetween(
                column=column, min_value=_bound(minimum), max_value=_bound(maximum), meta=meta
            )
        case InSet(column, allowed):
            return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(allowed), meta=meta)
        case MatchesRegex(column):
            return gxe.ExpectColumnValuesToMatchRegex(
                column=column, regex=rule.expectation.anchored, meta=meta
            )
        case Unique((column,)):
            return gxe.ExpectColumnValuesToBeUnique(column=column, meta=meta)
        case Unique(columns):
            return gxe.ExpectCompoundColumnsToBeUnique(
                column_list=list(columns), ignore_row_if="any_value_is_missing", meta=meta
            )
        case PairEqual(left, right):
            return gxe.ExpectColumnPairValuesToBeEqual(
                column_A=left, column_B=right, ignore_row_if="either_value_is_missing", meta=meta
            )
        case PairOrdered(earlier, later):
            return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=later,
                column_B=earlier,
                or_equal=True,
                ignore_row_if="either_value_is_missing",
                meta=meta,
            )


def _bound(value: int | Decimal | date | None) -> float | date | None:
    """A decimal as the double it will become; `Between` has made sure that they are the same number."""
    return float(value) if isinstance(value, Decimal) else value


def _rule_name(result: ExpectationValidationResult) -> str | None:
    config = result.expectation_config
    meta = cast("dict[str, str] | None", config.meta) if config is not None else None
    return meta.get("rule") if meta else None


def _positions(suite: Suite, rule: RowRule, result: ExpectationValidationResult | None) -> list[int]:
    outcome = cast("dict[str, list[int]]", result.result) if result is not None else {}
    if "unexpected_index_list" not in outcome:
        fault = (
            cast("object", result.exception_info) if result is not None else "it is missing from the results"
        )
        raise GreatExpectationsError(f"suite {suite.name!r}: rule {rule.name!r} was not evaluated: {fault}")
    return [int(position) for position in outcome["unexpected_index_list"]]
