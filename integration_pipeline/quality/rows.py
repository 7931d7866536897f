"""Reading rows into the columns a suite looks at, the same way for both evaluators.

Belongs here: missing keys, nulls, and the refusal of values that two engines would compare differently.
Does not belong here: any judgement about a record; what is refused here is a defect of the code that built
the rows, so it raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

from integration_pipeline.quality.rules import Between, Cell, MatchesRegex, PairOrdered, RowId, RowRule, Suite

__all__ = ["ROW_ID", "Row", "Table", "read"]

Row: TypeAlias = Mapping[str, object]

ROW_ID = "row_id"


@dataclass(frozen=True, slots=True)
class Table:
    """The columns a suite needs, each as long as `row_ids`; nulls are `None`."""

    row_ids: tuple[RowId, ...]
    columns: Mapping[str, Sequence[Cell]]


def read(suite: Suite, rows: Sequence[Row]) -> Table:
    """Raises `TypeError`, naming row, column and rule, for a value that cannot be compared exactly."""
    row_ids = tuple(_row_id(position, row) for position, row in enumerate(rows))
    names = dict.fromkeys(name for rule in suite.rules for name in rule.expectation.columns)
    table = Table(
        row_ids,
        {
            name: [_cell(row_id, name, row.get(name)) for row_id, row in zip(row_ids, rows, strict=True)]
            for name in names
        },
    )
    for rule in suite.rules:
        _require_comparable(rule, table)
    return table


def _row_id(position: int, row: Row) -> RowId:
    match row.get(ROW_ID):
        case int() | str() as row_id:
            return row_id
        case other:
            raise TypeError(f"row {position} of the batch: {ROW_ID!r} is {other!r}; give it an int or a str")


def _cell(row_id: RowId, column: str, value: object) -> Cell:
    match value:
        case None | str() | int():
            return value
        case Decimal():
            # pandas takes a decimal NaN for null; so it is null for everybody.
            return None if value.is_nan() else value
        case date() if not isinstance(value, datetime):
            return value
        case _:
            raise TypeError(
                f"row {row_id!r}: column {column!r} holds {value!r} ({type(value).__name__}); "
                "rows hold str, int, date, Decimal and None"
            )


def _require_comparable(rule: RowRule, table: Table) -> None:
    """One engine would raise on these for a whole column, and say nothing of the row."""
    match rule.expectation:
        case Between(column, minimum, maximum):
            family = _family(minimum if minimum is not None else maximum)
            pairs = [(_family(value), family) for value in table.columns[column]]
        case MatchesRegex(column):
            pairs = [(_family(value), "text") for value in table.columns[column]]
        case PairOrdered(earlier, later):
            columns = table.columns[earlier], table.columns[later]
            pairs = [(_family(one), _family(other)) for one, other in zip(*columns, strict=True)]
        case _:
            return
    for row_id, (found, wanted) in zip(table.row_ids, pairs, strict=True):
        if found is not None and wanted is not None and found != wanted:
            raise TypeError(
                f"row {row_id!r}: rule {rule.name!r} compares {found} with {wanted} "
                f"in {', '.join(rule.expectation.columns)}"
            )


def _family(value: Cell) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "truth value"
        case int() | Decimal():
            return "number"
        case date():
            return "date"
        case str():
            return "text"
