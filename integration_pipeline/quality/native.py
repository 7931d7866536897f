"""The evaluator of the real-time path: the same rules in plain Python, in microseconds a row.

Belongs here: what each expectation means for columns of values. Great Expectations (`gx`) is the reference;
a differential test holds the two equal, so a change here without one there does not pass.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from integration_pipeline.quality.rows import Row, Table, read
from integration_pipeline.quality.rules import (
    Between,
    Cell,
    Expectation,
    InSet,
    IsNull,
    MatchesRegex,
    NotNull,
    PairEqual,
    PairOrdered,
    Suite,
    Unique,
    Verdict,
)
from integration_pipeline.quality.verdicts import verdict

__all__ = ["evaluate"]


def evaluate(suite: Suite, rows: Sequence[Row]) -> Verdict:
    """Judge a batch; an empty one passes.

    Rows hold `row_id` (int or str) and the suite's columns. Raises `TypeError` for a value of a type that
    cannot be compared exactly: see `rows.read`.
    """
    started = perf_counter()
    table = read(suite, rows)
    failing = [_failing(rule.expectation, table) for rule in suite.rules]
    return verdict(suite, rows, table, failing, evaluator="native", started=started)


def _failing(expectation: Expectation, table: Table) -> list[int]:
    match expectation:
        case NotNull(column):
            return [at for at, value in enumerate(table.columns[column]) if value is None]
        case IsNull(column):
            return [at for at, _ in _present(table, column)]
        case Between(column, minimum, maximum):
            return [at for at, value in _present(table, column) if not _within(value, minimum, maximum)]
        case InSet(column, allowed):
            permitted = frozenset(allowed)
            return [at for at, value in _present(table, column) if value not in permitted]
        case MatchesRegex(column):
            matches = re.compile(expectation.anchored).search
            return [at for at, value in _present(table, column) if not matches(str(value))]
        case Unique(columns):
            keys = _all_present(table, columns)
            seen = Counter(key for _, key in keys)
            return [at for at, key in keys if seen[key] > 1]
        case PairEqual(left, right):
            return [at for at, (one, other) in _all_present(table, (left, right)) if one != other]
        case PairOrdered(earlier, later):
            return [at for at, (one, other) in _all_present(table, (earlier, later)) if not one <= other]


def _present(table: Table, column: str) -> list[tuple[int, Cell]]:
    return [(at, value) for at, value in enumerate(table.columns[column]) if value is not None]


# `Any` because `rows.read` has made sure that what is ordered here is of one family; the type system cannot.
def _all_present(table: Table, names: Sequence[str]) -> list[tuple[int, tuple[Any, ...]]]:
    keys = zip(*(table.columns[name] for name in names), strict=True)
    return [(at, key) for at, key in enumerate(keys) if None not in key]


def _within(value: Any, minimum: Any, maximum: Any) -> bool:
    return (minimum is None or minimum <= value) and (maximum is None or value <= maximum)
