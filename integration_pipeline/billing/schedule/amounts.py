"""Amounts: the money that each part of a billing period costs, so that the parts add up.

Belongs here: dividing the price of a period among its parts under the split policy. Does not belong here: the
share a part has (`proration`), its rate (`rates`).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from integration_pipeline.billing.money import allocate_units, round_ratio
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import AmountSplit, Policies
from integration_pipeline.billing.proration import share_ratio
from integration_pipeline.billing.schedule.rates import Rate


class Part(NamedTuple):
    """`minor` units for the days of `period` at `rate`, of the full period they lie in.

    Under cumulative splitting `minor` is round(`upto`) − round(`before`), both (numerator, denominator) sums
    of exact minor units from the start of service in this billing period; `before` is None for the first.
    """

    period: Period
    rate: Rate
    minor: int
    share: tuple[int, int]
    before: tuple[int, int] | None = None
    upto: tuple[int, int] | None = None


def whole(period: Period, rate: Rate) -> Part:
    """A part that costs all of its rate: a full billing period, or usage."""
    return Part(period, rate, rate.rounded.minor, (1, 1))


def divided(stretches: Sequence[tuple[Period, Rate]], full: Period, policies: Policies) -> tuple[Part, ...]:
    """Parts of `full`, in the order of service; `stretches` do not overlap and need not fill it.

    Whatever the split, one part that is all of `full` costs the rounded price of the period. Cumulatively,
    the parts up to any day add up to the rounded exact price up to that day.
    """
    mode = policies.rounding
    exact = [_exact(period, rate, full, policies) for period, rate in stretches]
    shares = [share_ratio(period, full, policies) for period, _ in stretches]
    alone = [round_ratio(numerator, denominator, mode) for numerator, denominator in exact]
    match policies.split:
        case AmountSplit.CUMULATIVE:
            return tuple(_cumulative(stretches, exact, shares, policies))
        case AmountSplit.EACH_ALONE:
            minors = alone
        case AmountSplit.LAST_TAKES_REST:
            minors = [*alone[:-1], _rounded_total(exact, policies) - sum(alone[:-1])] if alone else []
        case AmountSplit.LARGEST_REMAINDER:
            minors = _by_largest_remainder(exact, policies)
    return tuple(
        Part(period, rate, minor, share)
        for (period, rate), minor, share in zip(stretches, minors, shares, strict=True)
    )


def part_of(part: Part, period: Period, full: Period, policies: Policies) -> int:
    """Minor units of `period`, some days of `part`, rounded by themselves."""
    numerator, denominator = _exact(period, part.rate, full, policies)
    return round_ratio(numerator, denominator, policies.rounding)


def _exact(period: Period, rate: Rate, full: Period, policies: Policies) -> tuple[int, int]:
    share, of = share_ratio(period, full, policies)
    return rate.numerator * share, rate.denominator * of


def _cumulative(
    stretches: Sequence[tuple[Period, Rate]],
    exact: Sequence[tuple[int, int]],
    shares: Sequence[tuple[int, int]],
    policies: Policies,
) -> list[Part]:
    parts: list[Part] = []
    reached: tuple[int, int] | None = None
    billed = 0
    for (period, rate), (numerator, denominator), share in zip(stretches, exact, shares, strict=True):
        if reached is None:
            upto = numerator, denominator
        elif reached[1] == denominator:
            upto = reached[0] + numerator, denominator
        else:
            upto = reached[0] * denominator + numerator * reached[1], reached[1] * denominator
        total = round_ratio(upto[0], upto[1], policies.rounding)
        parts.append(Part(period, rate, total - billed, share, reached, upto))
        reached, billed = upto, total
    return parts


def _rounded_total(exact: Sequence[tuple[int, int]], policies: Policies) -> int:
    total = sum((Fraction(numerator, denominator) for numerator, denominator in exact), Fraction(0))
    return round_ratio(total.numerator, total.denominator, policies.rounding)


def _by_largest_remainder(exact: Sequence[tuple[int, int]], policies: Policies) -> list[int]:
    weights = [abs(Fraction(numerator, denominator)) for numerator, denominator in exact]
    if not any(weights):
        return [0 for _ in exact]
    return list(allocate_units(_rounded_total(exact, policies), weights))
