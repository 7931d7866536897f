"""Reading prices as published cases write them: tables of tiers, packages, percentages.

Belongs here: which column means which term. Does not belong here: arithmetic, or what a case asks
(`adapters.pricing`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from integration_pipeline.billing.pricing import (
    GraduatedPercentagePrice,
    GraduatedPrice,
    PackagePrice,
    PercentagePrice,
    PercentageTier,
    PerUnitPrice,
    PriceModel,
    PriceStep,
    StairstepPrice,
    Tier,
    VolumePrice,
    tiers_from_blocks,
    tiers_from_first_units,
    tiers_from_widths,
)
from integration_pipeline_tests.cases.notation import Inputs, amount_of, mapping_of, number_of
from integration_pipeline_tests.cases.registry import Case, NotExpressible

_COLUMNS: Mapping[str, str] = {
    "up_to": "up_to",
    "to": "up_to",
    "last_unit": "up_to",
    "first_unit": "first_unit",
    "width": "width",
    "unit": "price",
    "unit_price": "price",
    "unit_amount": "price",
    "price": "price",
    "rate": "price",
    "rate %": "percent",
    "rate_percent": "percent",
    "percent": "percent",
    "flat": "flat",
    "flat_fee": "flat",
    "flat_price": "flat",
    "flat_amount": "flat",
    "fixed_fee": "flat",
    "block_size": "block_size",
    "max_blocks": "max_blocks",
    "from": "from",
}
"""What the columns of published tables are called, and what they are."""

Row = Mapping[str, Decimal | None]
"""One tier by the names of `_COLUMNS`; amounts in currency units."""


def tiers_key(inputs: Inputs) -> str | None:
    """The key that holds tiers, whatever it says of its columns."""
    return next((key for key in inputs.names if re.match(r"(tiers|steps)\b(?!_by)", key)), None)


def price_of(case: Case, inputs: Inputs) -> PriceModel:
    """The price that the inputs state: tiers, a package, a percentage, or a price per unit."""
    if key := tiers_key(inputs):
        return tiered_price(rows_of(inputs.get(key), key), _kind(case, inputs, key))
    if {"size", "package_size"} & set(inputs.names):
        return _package(inputs)
    if "rate_percent" in inputs.names:
        return _percentage(inputs)
    price = inputs.first_of("unit_price", "unit_price_cents", "price_per_unit", "price_per_unit_cents")
    return PerUnitPrice(unit_price=amount_of(inputs.get(price), price))


def tiered_price(rows: Sequence[Row], kind: str) -> PriceModel:
    """Tiers in which each prices its own units, the reached one all of them, or a step has one price."""
    if any("percent" in row for row in rows):
        return GraduatedPercentagePrice(
            tiers=tuple(
                PercentageTier(
                    up_to=row.get("up_to"), rate_percent=_or_zero(row, "percent"), flat_fee=_flat(row)
                )
                for row in rows
            )
        )
    if kind == "stairstep":
        return StairstepPrice(
            tiers=tuple(
                PriceStep(up_to=row.get("up_to"), price=row.get("price") or _flat(row)) for row in rows
            )
        )
    model = VolumePrice if kind == "volume" else GraduatedPrice
    return model(tiers=_tiers(rows))


def rows_of(value: object, key: str) -> list[Row]:
    """A table of lists, whose columns the key names in brackets, or of objects."""
    if not isinstance(value, list):
        raise NotExpressible(f"{key} is not a list of tiers")
    named = re.search(r"\(([^)]*,[^)]*)\)", key)
    columns = [] if named is None else [column.strip() for column in named[1].split(",")]
    rows: list[Row] = []
    for entry in cast("list[object]", value):
        if isinstance(entry, list):
            values = cast("list[object]", entry)
            if len(columns) < len(values):
                raise NotExpressible(f"{key} does not name the columns of {values}")
            entry = dict(zip(columns, values, strict=False))
        rows.append(_row(mapping_of(entry, key), key))
    return rows


def _row(entry: Mapping[str, Any], key: str) -> Row:
    row: dict[str, Decimal | None] = {}
    for name, value in entry.items():
        is_cents = name.endswith("cents")
        column = _COLUMNS.get(name.removesuffix("cents").rstrip("_ ") or "price")
        if column is None:
            raise NotExpressible(f"{key} has a column {name!r}")
        if value is None:
            row[column] = None
        else:
            row[column] = amount_of(value, name) if is_cents else number_of(value, name)
    return row


def _tiers(rows: Sequence[Row]) -> tuple[Tier, ...]:
    if any("block_size" in row for row in rows):
        if any(_flat(row) for row in rows):
            raise NotExpressible("tiers of blocks with flat fees")
        return tiers_from_blocks(
            [
                (row.get("block_size") or Decimal(1), row.get("max_blocks"), _or_zero(row, "price"))
                for row in rows
            ]
        )
    if any("width" in row for row in rows):
        return tiers_from_widths([(row.get("width"), _or_zero(row, "price")) for row in rows])
    if any("first_unit" in row for row in rows):
        return tiers_from_first_units(
            [(_or_zero(row, "first_unit"), _or_zero(row, "price"), _flat(row)) for row in rows]
        )
    return tuple(
        Tier(up_to=row.get("up_to"), unit_price=_or_zero(row, "price"), flat_fee=_flat(row)) for row in rows
    )


def _kind(case: Case, inputs: Inputs, key: str) -> str:
    if "policy" in inputs.names:
        policy = inputs.text("policy")
        if policy not in {"ALL_TIERS", "TOP_TIER"}:
            raise NotExpressible(f"policy is {policy[:60]!r}")
        return "volume" if policy == "TOP_TIER" else "graduated"
    stated = f"{case.feature} {key} {case.convention.partition(';')[0]}".lower()
    kinds = [kind for kind in ("stairstep", "volume") if kind in stated]
    return kinds[0] if kinds else "graduated"


def _package(inputs: Inputs) -> PackagePrice:
    price = inputs.first_of("package_price", "package_price_cents", "price", "price_cents")
    return PackagePrice(
        package_size=inputs.number(inputs.first_of("package_size", "size")),
        package_price=amount_of(inputs.get(price), price),
        included_quantity=inputs.optional("free_units") or Decimal(0),
    )


def _percentage(inputs: Inputs) -> PercentagePrice:
    free_events = inputs.optional("free_events")
    return PercentagePrice(
        rate_percent=inputs.number("rate_percent"),
        fixed_fee=inputs.optional("fixed_fee_per_event") or Decimal(0),
        free_events=None if free_events is None else int(free_events),
        free_amount=inputs.optional("free_total"),
        minimum_fee=inputs.optional("min_per_transaction"),
        maximum_fee=inputs.optional("max_per_transaction"),
    )


def _flat(row: Row) -> Decimal:
    return _or_zero(row, "flat")


def _or_zero(row: Row, column: str) -> Decimal:
    return row.get(column) or Decimal(0)


Read = Callable[[Inputs], Mapping[str, object]]


def answer_each(case: Case, read: Read) -> Mapping[str, object]:
    """`read` of the case; of a case that lists several, the figures of each under the same keys."""
    inputs = Inputs.of(case)
    if "cases" not in case.inputs:
        figures = read(inputs)
        inputs.done()
        return figures
    each: list[Mapping[str, object]] = []
    for entry in inputs.each():
        each.append(read(entry))
        entry.done()
    return {name: [_under(name, figures) for figures in each] for name in case.asked}


def _under(name: str, figures: Mapping[str, object]) -> object:
    """The figure `totals` of one entry is its `total`."""
    return figures.get(name, figures.get(name.removesuffix("s")))
