"""Builders of rows and generated batches, shared by the tests of this folder."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from hypothesis import strategies as st

from integration_pipeline.quality.rows import Row
from integration_pipeline.quality.rules import (
    Between,
    Cell,
    Expectation,
    MatchesRegex,
    PairOrdered,
    RowRule,
    Suite,
)

Rows = list[dict[str, Cell]]


def suite_of(*expectations: Expectation) -> Suite:
    """A suite whose rules are named after the position of their expectation: `rule 0`, `rule 1`."""
    return Suite(
        "sample",
        tuple(
            RowRule(
                name=f"rule {position}",
                expectation=expectation,
                field="sample field",
                reason="row {row_id} is wrong",
                next_step="mend it",
            )
            for position, expectation in enumerate(expectations)
        ),
    )


def rows_of(**columns: Sequence[object]) -> list[dict[str, object]]:
    """Rows numbered from 0: `rows_of(a=[1, 2])` is two rows with a column `a`."""
    return [
        {"row_id": row_id, **dict(zip(columns, cells, strict=True))}
        for row_id, cells in enumerate(zip(*columns.values(), strict=True))
    ]


def valid_raw_deal(**changes: Cell) -> Row:
    return {
        "row_id": 1,
        "external_id": "9001",
        "deal_name": "Northwind renewal",
        "stage": "closedwon",
        "unknown_stage": None,
        "property_count": 12,
        "modified_at_in_future": False,
    } | changes


def valid_deal(**changes: Cell) -> Row:
    return {
        "row_id": 1,
        "external_id": "9001",
        "deal_name": "Northwind renewal",
        "customer_id": "c-1",
        "company_name": "Northwind",
        "currency": "EUR",
        "unknown_currency": None,
        "amount_minor": 1_200_000,
        "close_date": date(2025, 1, 31),
        "charge_count": 2,
        "mapping_problem": None,
        "duplicate_of": None,
    } | changes


def valid_withdrawn_deal(**changes: Cell) -> Row:
    return {
        "row_id": 1,
        "external_id": "9001",
        "deal_name": "Northwind renewal",
        "state": "lost",
        "invoiced_as": None,
    } | changes


def valid_document(**changes: Cell) -> Row:
    return {
        "row_id": 1,
        "document_key": "9001/1/1",
        "external_id": "9001",
        "kind": "invoice",
        "entity": "eu",
        "currency": "EUR",
        "total_minor": 119_000,
        "net_and_taxes_minor": 119_000,
        "net_minor": 100_000,
        "lines_total_minor": 100_000,
        "taxes_minor": 19_000,
        "lines_tax_minor": 19_000,
        "line_count": 1,
        "unexplained_lines": 0,
        "issue_date": date(2025, 1, 31),
        "due_date": date(2025, 3, 2),
        "customer_id": "c-1",
        "held_for": None,
    } | changes


# The listed values make equals, bounds and their neighbours likely; the others bring what nobody thinks of.
_TEXT = st.one_of(
    st.sampled_from(
        ["", "USD", "usd", "USD\n", "EURO", "ÄÖÜ", "ＵＳＤ", "日本円", "a\u0000b", "e\u0301", "\u00e9"]
    ),
    st.text(max_size=6),
    st.from_regex("[A-Z]{3}", fullmatch=True),
)
_NUMBERS = st.one_of(
    st.sampled_from(
        [-1, 0, 1, 2, 10**15 - 1, 10**15, 10**15 + 1, 2**53, 2**53 + 1, 2**62, 2**62 + 1, 10**300]
    ),
    st.integers(-(2**70), 2**70),
    st.sampled_from([Decimal(1), Decimal("0.999999999999999999999"), Decimal("NaN"), Decimal("Infinity")]),
    st.decimals(allow_nan=False, allow_infinity=False),
)
# On their own, because pandas would make floats of exactly these, once a null is among them.
_INTEGERS_OF_64_BITS = st.one_of(
    st.sampled_from([0, 1, 2**53, 2**53 + 1, 2**62 + 1]), st.integers(-(2**63), 2**63 - 1)
)
_DATES = st.one_of(
    st.sampled_from(
        [date(1999, 12, 31), date(2000, 1, 1), date(2100, 1, 1), date(2100, 1, 2), date.min, date.max]
    ),
    st.dates(),
)
_ANYTHING = st.one_of(_TEXT, _NUMBERS, _DATES, st.booleans())


def columns_of(suite: Suite) -> Mapping[str, st.SearchStrategy[Cell]]:
    """What may stand in each column: anything, but for what the suite compares, values of one family."""
    families: dict[str, st.SearchStrategy[Cell]] = {}
    for rule in suite.rules:
        match rule.expectation:
            case Between(column, minimum, maximum):
                families[column] = _DATES if isinstance(minimum or maximum, date) else _NUMBERS
            case MatchesRegex(column):
                families[column] = _TEXT
            case PairOrdered(earlier, later):
                families.setdefault(earlier, families.setdefault(later, _DATES))
            case _:
                pass
    return {
        column: families.get(column, _ANYTHING) for rule in suite.rules for column in rule.expectation.columns
    }


@st.composite
def batches(draw: st.DrawFn, suite: Suite, *, size: int) -> Rows:
    """Up to `size` rows over small pools of values, in which nulls and missing columns are frequent."""
    pools: dict[str, list[Cell]] = {}
    for column, values in columns_of(suite).items():
        kinds = [values, _INTEGERS_OF_64_BITS] if values in (_NUMBERS, _ANYTHING) else [values]
        pools[column] = draw(st.one_of(*(st.lists(kind, min_size=1, max_size=8) for kind in kinds)))
    pick = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311 - draws test data
    return [
        {"row_id": row_id}
        | {
            column: pick.choice([None, *pool, *pool])
            for column, pool in pools.items()
            if pick.random() < 0.95
        }
        for row_id in range(draw(st.integers(0, size)))
    ]
