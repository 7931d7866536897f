"""Graduated prices of units that are held for a part of a period.

Belongs here: which tier each held unit lies in, and what it costs there. Does not belong here: how long units
are held (`holding`); prices that need only the sum of prorated units (`pricing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.policies import BeyondLastTier, Policies, ZeroUsage
from integration_pipeline.billing.pricing.exact import ExactPrice, PartKind, PricePart
from integration_pipeline.billing.pricing.models import GraduatedPrice
from integration_pipeline.billing.pricing.tiers import Tier
from integration_pipeline.billing.pricing.wording import counted
from integration_pipeline.billing.usage.holding import HeldUnits


def prorated_graduated_price(
    price: GraduatedPrice, held: Iterable[HeldUnits], currency: str, policies: Policies
) -> ExactPrice:
    """What changes of a running level cost in graduated tiers, in the order they came.

    Tiers are filled by full units: a change from 2 to 7 lies with 3 units in a tier up to 5 and with 2 in the
    next. Each of these units is charged its share of the period at the tier's price, or is given it back when
    the level falls. A tier's flat fee is charged in full once it was entered, and stays when the level falls.
    Units that hold for no part of the period take no place in a tier. Units together never cost less than
    nothing, and where the level ends below zero not even flat fees are charged. The rules are those of
    Lago's prorated graduated charges (its `ProratedGraduatedService` and the tests of it).

    Raises `InvalidTerms` for tiers that cannot be prorated (blocks, included units, rounded quantities), and
    beyond a closed last tier if the policies refuse that.
    """
    price.require_possible()
    _require_proratable(price)
    level = peak = Fraction(0)
    spans: list[_Span] = []
    for change in held:
        reached = level + Fraction(change.units)
        if not change.share[0] and (change.units > 0 or reached < 0):
            # It came and went outside the period, or ends a stay that did.
            continue
        spans.extend(_spans(price.tiers, level, reached, change.share, policies))
        level, peak = reached, max(peak, reached)
    basis = _Prorated(tuple(spans), _entered(price.tiers, peak, policies), is_below_zero=level < 0)
    amount = basis.amount() * 10 ** minor_unit_exponent(currency)
    return ExactPrice(amount.numerator, amount.denominator, currency, basis)


class _Span(NamedTuple):
    """`units` of one change that lie in one tier (counted from 1)."""

    units: Fraction
    share: tuple[int, int]
    price: Decimal
    tier: int

    @property
    def prorated(self) -> Fraction:
        return self.units * Fraction(*self.share)

    @property
    def amount(self) -> Fraction:
        return self.prorated * Fraction(self.price)


class _Prorated(NamedTuple):
    spans: tuple[_Span, ...]
    entered: tuple[tuple[int, Decimal], ...]
    """The tiers whose flat fee is charged."""
    is_below_zero: bool

    def amount(self) -> Fraction:
        """In currency units."""
        if self.is_below_zero:
            return Fraction(0)
        flats = sum((Fraction(flat) for _, flat in self.entered), Fraction(0))
        return flats + max(Fraction(0), self._units_amount())

    def parts(self) -> tuple[PricePart, ...]:
        if self.is_below_zero:
            return ()
        flats = [PricePart(PartKind.FLAT, Fraction(1), flat, tier) for tier, flat in self.entered if flat]
        if self._units_amount() < 0:
            return tuple(flats)
        units = [PricePart(PartKind.UNITS, span.prorated, span.price, span.tier) for span in self.spans]
        return (*units, *flats)

    def note(self) -> str | None:
        if self.is_below_zero:
            return "nothing, as more units were taken back than there were"
        steps = [
            f"{counted(span.prorated)} is {counted(span.units)} × {span.share[0]}/{span.share[1]}"
            for span in self.spans
            if span.share[0] != span.share[1]
        ]
        if self._units_amount() < 0:
            steps.append("units taken back outweigh those held, nothing is charged for units")
        return "; ".join(steps) or None

    def _units_amount(self) -> Fraction:
        return sum((span.amount for span in self.spans), Fraction(0))


def _require_proratable(price: GraduatedPrice) -> None:
    problems: list[tuple[str, str]] = []
    if price.included_quantity:
        problems.append(("price.included_quantity", "state a first tier without price for prorated units"))
    if price.quantity_rounding is not None:
        problems.append(("price.quantity_rounding", "prorated units are parts of units; leave it out"))
    problems += [
        (f"price.tiers[{index}].block_size", "a started block cannot be charged for a part of the period")
        for index, tier in enumerate(price.tiers)
        if tier.block_size is not None
    ]
    if problems:
        raise InvalidTerms(problems)


def _spans(
    tiers: Sequence[Tier], level: Fraction, reached: Fraction, share: tuple[int, int], policies: Policies
) -> Iterator[_Span]:
    """The move from `level` to `reached`, cut where tiers end; below zero the first tier goes on."""
    lowest, highest = min(level, reached), max(level, reached)
    sign = 1 if reached > level else -1
    lower = lowest
    for index, tier in enumerate(tiers):
        upper = highest if tier.up_to is None else min(highest, Fraction(tier.up_to))
        if upper > lower:
            yield _Span(sign * (upper - lower), share, tier.unit_price, index + 1)
            lower = upper
    if highest > lower:
        match policies.beyond_last_tier:
            case BeyondLastTier.LAST_TIER_GOES_ON:
                yield _Span(sign * (highest - lower), share, tiers[-1].unit_price, len(tiers))
            case BeyondLastTier.NO_FURTHER_TIER:
                pass
            case BeyondLastTier.REFUSED:
                end = counted(Fraction(tiers[-1].up_to or 0))
                raise InvalidTerms(
                    [
                        (
                            "quantity",
                            f"{counted(highest)} lies beyond the last tier, which ends at {end}; "
                            "leave its up_to out, or agree on a price for what lies beyond",
                        )
                    ]
                )


def _entered(tiers: Sequence[Tier], peak: Fraction, policies: Policies) -> tuple[tuple[int, Decimal], ...]:
    """Number and flat fee of every tier in which a unit ever lay."""
    if peak == 0 and policies.zero_usage is ZeroUsage.FIRST_FLAT_CHARGED:
        return ((1, tiers[0].flat_fee),)
    bounds = [Fraction(0), *(Fraction(tier.up_to or 0) for tier in tiers)]
    return tuple(
        (index, tier.flat_fee)
        for index, (tier, (below, _)) in enumerate(zip(tiers, pairwise(bounds), strict=True), start=1)
        if peak > below
    )
