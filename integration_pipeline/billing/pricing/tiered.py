"""What a quantity costs in tiers: graduated, volume, stairstep, graduated percentage.

Belongs here: finding the tier, adding up, the parts that explain it. Does not belong here: the shape of tiers
(`tiers`, `models`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.policies import BeyondLastTier, Policies, TierBound, ZeroUsage
from integration_pipeline.billing.pricing.base import CountedPrice, Quantity
from integration_pipeline.billing.pricing.exact import ExactPrice, PartKind, PricePart
from integration_pipeline.billing.pricing.tiers import Row, TierTable
from integration_pipeline.billing.pricing.wording import counted


def graduated_price(
    table: TierTable, billable: tuple[int, int], currency: str, policies: Policies, origin: Origin
) -> ExactPrice:
    """Every tier up to the one in which `billable` ends prices what lies in it.

    A bound belongs to the lower tier whatever `TierBound` says: the next one is entered by what lies beyond.
    Raises `InvalidTerms` beyond a closed last tier if the policies refuse that.
    """
    numerator, denominator = billable
    scaled = numerator * table.unit_scale
    if scaled == 0 and policies.zero_usage is ZeroUsage.NOT_CHARGED:
        return ExactPrice(0, 1, currency, _Nothing(origin))
    tier = bisect_left(table.bounds, -(-scaled // denominator))
    if tier == len(table.prices):
        tier, scaled = _beyond(table, scaled, denominator, policies)
    in_tier = scaled - (table.bounds[tier - 1] * denominator if tier else 0)
    block = table.blocks[tier]
    if block is None:
        used = in_tier * table.prices[tier]
    else:
        used = -(-in_tier // (block * denominator)) * table.prices[tier] * table.unit_scale * denominator
    total = (table.full[tier] + table.flats[tier]) * denominator + used
    return ExactPrice(
        total * 10 ** minor_unit_exponent(currency),
        table.unit_scale * table.price_scale * denominator,
        currency,
        _Graduated(table, tier, scaled, denominator, origin),
    )


def volume_price(
    table: TierTable,
    billable: tuple[int, int],
    tier_by: tuple[int, int],
    currency: str,
    policies: Policies,
    origin: Origin,
) -> ExactPrice:
    """The tier in which `tier_by` lies prices all of `billable`.

    Raises `InvalidTerms` beyond a closed last tier if the policies refuse that.
    """
    numerator, denominator = tier_by
    if numerator == 0 and policies.zero_usage is ZeroUsage.NOT_CHARGED:
        return ExactPrice(0, 1, currency, _Nothing(origin))
    scaled = numerator * table.unit_scale
    if policies.tier_bound is TierBound.UPPER_INCLUSIVE:
        tier = bisect_left(table.bounds, -(-scaled // denominator))
    else:
        tier = bisect_right(table.bounds, scaled // denominator)
    if tier == len(table.prices):
        tier, _ = _beyond(table, scaled, denominator, policies)
    numerator, denominator = billable
    scaled = numerator * table.unit_scale
    block = table.blocks[tier]
    if block is None:
        used = scaled * table.prices[tier]
    else:
        used = -(-scaled // (block * denominator)) * table.prices[tier] * table.unit_scale * denominator
    return ExactPrice(
        (used + table.flats[tier] * denominator) * 10 ** minor_unit_exponent(currency),
        table.unit_scale * table.price_scale * denominator,
        currency,
        _Volume(table, tier, scaled, denominator, origin),
    )


class Origin(NamedTuple):
    """The quantity as it was given, and the model that may have rounded it or taken included units off."""

    model: CountedPrice | None
    quantity: Quantity

    def note(self) -> str | None:
        return None if self.model is None else self.model.quantity_note(self.quantity)


class _Nothing(NamedTuple):
    origin: Origin

    def parts(self) -> tuple[PricePart, ...]:
        return ()

    def note(self) -> str | None:
        return self.origin.note() or "no usage"


class _Graduated(NamedTuple):
    """All tiers before `tier` are full; `scaled` / `denominator` units of 1 / `unit_scale` were priced."""

    table: TierTable
    tier: int
    scaled: int
    denominator: int
    origin: Origin

    def parts(self) -> tuple[PricePart, ...]:
        parts: list[PricePart] = []
        below = Fraction(0)
        reached = Fraction(self.scaled, self.denominator * self.table.unit_scale)
        for index, row in enumerate(self.table.rows[: self.tier + 1]):
            upper = reached if index == self.tier or row.up_to is None else Fraction(row.up_to)
            parts.extend(_tier_parts(row, index + 1, upper - below, percent=self.table.percent))
            below = upper
        return tuple(parts)

    def note(self) -> str | None:
        return self.origin.note()


class _Volume(NamedTuple):
    """`tier` priced `scaled` / `denominator` units of 1 / `unit_scale`."""

    table: TierTable
    tier: int
    scaled: int
    denominator: int
    origin: Origin

    def parts(self) -> tuple[PricePart, ...]:
        quantity = Fraction(self.scaled, self.denominator * self.table.unit_scale)
        return tuple(_tier_parts(self.table.rows[self.tier], self.tier + 1, quantity, percent=False))

    def note(self) -> str | None:
        return self.origin.note()


def _tier_parts(row: Row, tier: int, quantity: Fraction, *, percent: bool) -> Iterator[PricePart]:
    """A tier without a unit price is shown by its flat fee alone."""
    if row.price or not row.flat:
        if percent:
            yield PricePart(PartKind.PERCENT, quantity, row.price, tier)
        elif row.block_size is None:
            yield PricePart(PartKind.UNITS, quantity, row.price, tier)
        else:
            blocks = Fraction(-(-quantity // Fraction(row.block_size)))
            yield PricePart(PartKind.BLOCKS, blocks, row.price, tier, row.block_size)
    if row.flat:
        yield PricePart(PartKind.FLAT, Fraction(1), row.flat, tier)


def _beyond(table: TierTable, scaled: int, denominator: int, policies: Policies) -> tuple[int, int]:
    """The last tier, and how much of the quantity graduated tiers price."""
    last = len(table.prices) - 1
    match policies.beyond_last_tier:
        case BeyondLastTier.LAST_TIER_GOES_ON:
            return last, scaled
        case BeyondLastTier.NO_FURTHER_TIER:
            return last, table.bounds[last] * denominator
        case BeyondLastTier.REFUSED:
            quantity = counted(Fraction(scaled, denominator * table.unit_scale))
            end = counted(Fraction(table.rows[last].up_to or Decimal(0)))
            raise InvalidTerms(
                [
                    (
                        "quantity",
                        f"{quantity} lies beyond the last tier, which ends at {end}; "
                        "leave its up_to out, or agree on a price for what lies beyond",
                    )
                ]
            )
