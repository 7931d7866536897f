"""Price tiers as people write them, and the price model they make.

Belongs here: the text of tiers, gaps and overlaps between them. Does not belong here: what a quantity costs
in them (`billing.pricing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from integration_pipeline.mapping.written.amounts import Unreadable, price_in_text
from integration_pipeline.mapping.written.spans import Span, entries_in_text, span_in_text

TIER_MODELS = ("graduated", "volume", "stairstep", "package")

_EXAMPLE = "1-50: 20.00"
_UNITS = r"units?|users?|seats?|per|each"


@dataclass(frozen=True, slots=True)
class WrittenTier:
    """Units of `span` at `price` each, plus `flat_fee` once."""

    span: Span
    price: Decimal
    flat_fee: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class TierList:
    """Tiers in the order in which they are written."""

    tiers: tuple[WrittenTier, ...]

    @property
    def last_unit(self) -> Decimal | None:
        """The greatest quantity that has a price; None if the last tier is open."""
        return self.tiers[-1].span.last


def tiers_in_text(text: str) -> TierList:
    """`1-50: 20.00; 51-100: 17.50; 101+: 15.00`; `51-100: 17.50 + 100.00` has a fee of its own besides.

    Raises `Unreadable`.
    """
    tiers: list[WrittenTier] = []
    for units, price in entries_in_text(text, _EXAMPLE):
        each, plus, flat = price.partition("+")
        fee = price_in_text(flat.removesuffix("flat")) if plus else Decimal(0)
        tiers.append(WrittenTier(span_in_text(units, _UNITS, _EXAMPLE), price_in_text(each), fee))
    return TierList(tuple(tiers))


def price_of_tiers(written: TierList, model: str | None) -> dict[str, Any]:
    """The tiers as a price model of contract terms; `model` is one of `TIER_MODELS`.

    A package is written as its size and price: `100: 25.00`. Raises `Unreadable`.
    """
    tiers = written.tiers
    if model is None:
        raise Unreadable(f"are given without their tier model: state {' or '.join(TIER_MODELS)}")
    if model == "package":
        if len(tiers) != 1 or tiers[0].span.last is None or tiers[0].flat_fee:
            raise Unreadable("is not one package, written as its size and price, such as '100: 25.00'")
        return {"model": model, "package_size": tiers[0].span.last, "package_price": tiers[0].price}
    _refuse_gaps([tier.span for tier in tiers])
    if model != "stairstep":
        rows = [
            {"up_to": tier.span.last, "unit_price": tier.price, "flat_fee": tier.flat_fee} for tier in tiers
        ]
        return {"model": model, "tiers": rows}
    if any(tier.flat_fee for tier in tiers):
        raise Unreadable("has a step with two prices: a stairstep's price is for all units together")
    return {"model": model, "tiers": [{"up_to": tier.span.last, "price": tier.price} for tier in tiers]}


def _refuse_gaps(spans: Sequence[Span]) -> None:
    if spans[0].first not in (0, 1):
        raise Unreadable(f"begins at {spans[0].first}: the first tier begins at 1")
    for span in spans:
        if span.last is not None and span.last < span.first:
            raise Unreadable(f"has a tier from {span.first} to {span.last}, which ends before it begins")
    for lower, upper in pairwise(spans):
        if lower.last is None:
            raise Unreadable(f"has an open tier before the one from {upper.first}: only the last may be open")
        # "51-100" after "1-50" counts whole units; "50-100" after "0-50" what is measured.
        if upper.first not in (lower.last, lower.last + 1) or upper.last == lower.last:
            raise Unreadable(
                f"has a tier from {upper.first} after one to {lower.last}: it must begin at {lower.last + 1}"
            )
