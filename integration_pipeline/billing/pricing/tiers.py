"""Tiers: the terms they are written as, other ways to write them, and the table they are rated by.

Belongs here: tiers of units and of percentages, steps, what makes them impossible. Does not belong here: what
a quantity costs in them (`tiered`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Protocol

from integration_pipeline.billing.pricing.base import negative
from integration_pipeline.billing.term_model import Problem, TermsModel
from integration_pipeline.billing.term_values import TermDecimal

MAX_TIERS = 1000


class Tier(TermsModel):
    """Units after the tier before, up to and including `up_to`, at `unit_price` each; None is the open end.

    `flat_fee` is charged once when the tier is entered. With a `block_size`, `unit_price` is the price of a
    block of so many units, and a started block is charged in full.
    """

    up_to: TermDecimal | None = None
    unit_price: TermDecimal = Decimal(0)
    flat_fee: TermDecimal = Decimal(0)
    block_size: TermDecimal | None = None


class PercentageTier(TermsModel):
    """Amounts after the tier before, up to `up_to` currency units, at `rate_percent` of the amount."""

    up_to: TermDecimal | None = None
    rate_percent: TermDecimal = Decimal(0)
    flat_fee: TermDecimal = Decimal(0)


class PriceStep(TermsModel):
    """Any quantity after the step before, up to and including `up_to`, for `price` altogether."""

    up_to: TermDecimal | None = None
    price: TermDecimal


class Bounded(Protocol):
    """Whatever has an upper bound, or none."""

    @property
    def up_to(self) -> Decimal | None: ...


def bound_problems(tiers: Sequence[Bounded]) -> Iterator[Problem]:
    """Bounds rise from above zero, and only the last may be open. A closed last tier is possible."""
    if not tiers:
        yield "tiers", "a tiered price needs at least one tier"
    for index, tier in enumerate(tiers):
        if tier.up_to is None and index < len(tiers) - 1:
            yield f"tiers[{index}].up_to", "only the last tier may be open; state where this one ends"
        if tier.up_to is not None and tier.up_to <= 0:
            yield f"tiers[{index}].up_to", f"{tier.up_to} is not above zero; the first tier begins at zero"
    for index, (lower, upper) in enumerate(pairwise(tiers), start=1):
        if lower.up_to is not None and upper.up_to is not None and upper.up_to <= lower.up_to:
            yield (
                f"tiers[{index}].up_to",
                f"{upper.up_to} is not above {lower.up_to}, where the tier before ends",
            )


def tier_problems(tiers: Sequence[Tier]) -> Iterator[Problem]:
    yield from bound_problems(tiers)
    for index, tier in enumerate(tiers):
        yield from negative(f"tiers[{index}].unit_price", tier.unit_price, "a credit is a charge of its own")
        yield from negative(f"tiers[{index}].flat_fee", tier.flat_fee, "a credit is a charge of its own")
        if tier.block_size is not None and tier.block_size <= 0:
            yield f"tiers[{index}].block_size", f"{tier.block_size} is not above zero"


def tiers_from_blocks(
    blocks: Sequence[tuple[Decimal | int, Decimal | int | None, Decimal]],
) -> tuple[Tier, ...]:
    """Tiers as wide as (block size, number of blocks, price of a block) says; no number is the open end."""
    tiers: list[Tier] = []
    reached = Decimal(0)
    for size, number, price in blocks:
        up_to = None if number is None else reached + size * number
        tiers.append(Tier(up_to=up_to, unit_price=price, block_size=None if size == 1 else Decimal(size)))
        reached = up_to or reached
    return tuple(tiers)


def tiers_from_widths(widths: Sequence[tuple[Decimal | int | None, Decimal]]) -> tuple[Tier, ...]:
    """Tiers of single units as wide as (width, unit price) says; no width is the open end."""
    tiers: list[Tier] = []
    reached = Decimal(0)
    for width, price in widths:
        up_to = None if width is None else reached + width
        tiers.append(Tier(up_to=up_to, unit_price=price))
        reached = up_to or reached
    return tuple(tiers)


def tiers_from_first_units(
    tiers: Sequence[tuple[Decimal | int, Decimal, Decimal]],
) -> tuple[Tier, ...]:
    """Tiers as (first unit counted from zero, unit price, flat fee): one ends where the next begins.

    Whether the quantity 100 lies in a volume tier whose first unit is 100 is for `TierBound` to say.
    """
    bounds = [Decimal(first) for first, _, _ in tiers[1:]]
    return tuple(
        Tier(up_to=up_to, unit_price=price, flat_fee=flat)
        for up_to, (_, price, flat) in zip([*bounds, None], tiers, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A tier as any of the above states it. `price` is per unit or block, or a percentage."""

    up_to: Decimal | None
    price: Decimal
    flat: Decimal
    block_size: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TierTable:
    """Tiers as whole numbers, compiled once per price so that rating takes microseconds.

    `bounds` and `blocks` are multiplied by `unit_scale`, `prices` by `price_scale` (and by 100 where they are
    percentages), `flats` and `full` by both: `full[k]` is what all tiers before tier k cost altogether.
    `bounds` has one entry less than there are tiers if the last is open.
    """

    rows: tuple[Row, ...]
    percent: bool
    bounds: tuple[int, ...]
    prices: tuple[int, ...]
    flats: tuple[int, ...]
    blocks: tuple[int | None, ...]
    full: tuple[int, ...]
    unit_scale: int
    price_scale: int

    @staticmethod
    def of(rows: Sequence[Row], *, percent: bool = False) -> TierTable:
        counts = [row.up_to for row in rows] + [row.block_size for row in rows]
        unit_scale = 10 ** max(_places(count) for count in counts)
        price_scale = 10 ** max(max(_places(row.price), _places(row.flat)) for row in rows)
        if percent:
            price_scale *= 100
        bounds = tuple(_scaled(row.up_to, unit_scale) for row in rows if row.up_to is not None)
        prices = tuple(_scaled(row.price, price_scale // 100 if percent else price_scale) for row in rows)
        flats = tuple(_scaled(row.flat, price_scale) * unit_scale for row in rows)
        blocks = tuple(
            None if row.block_size is None else _scaled(row.block_size, unit_scale) for row in rows
        )
        full = [0]
        below = 0
        for bound, price, flat, block in zip(bounds, prices, flats, blocks, strict=False):
            width = bound - below
            used = width * price if block is None else -(-width // block) * unit_scale * price
            full.append(full[-1] + used + flat)
            below = bound
        return TierTable(
            tuple(rows), percent, bounds, prices, flats, blocks, tuple(full), unit_scale, price_scale
        )


def _places(value: Decimal | None) -> int:
    return 0 if value is None else max(0, -int(value.as_tuple().exponent))


def _scaled(value: Decimal, scale: int) -> int:
    numerator, denominator = value.as_integer_ratio()
    return numerator * scale // denominator
