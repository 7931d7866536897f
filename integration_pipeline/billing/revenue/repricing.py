"""A recurring price that changes during the service period: the lines it falls into.

Belongs here: ending a line where a new price begins (a prospective change of price). Does not belong here:
restating revenue (`modifications`), credits and invoices for the change (`amendments`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money, round_ratio
from integration_pipeline.billing.periods import Period, add_months
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.proration import describe_share, share_ratio


@dataclass(frozen=True, slots=True)
class PricedSegment:
    """A stretch of service at one price; `price` is that of one step of `full`'s length."""

    period: Period
    price: Money
    amount: Money
    full: Period
    policies: Policies

    @property
    def formula(self) -> str:
        """`100.00 USD × 6/1 of 2019-01-01..2019-02-01 (...) = 600.00 USD`."""
        share = describe_share(self.period, self.full, self.policies)
        return f"{self.price.format()} × {share} = {self.amount.format()}"


def price_segments(
    period: Period, price: Money, changes: Sequence[tuple[date, Money]], policies: Policies, months: int = 1
) -> tuple[PricedSegment, ...]:
    """The lines of `period` at `price` per `months`, each later price from its day on.

    A line's amount is the price times its length under `policies.day_count`, measured on months anchored at
    the period's start. Raises `InvalidTerms` for a change that is not inside the period or not after the
    one before it.
    """
    days = [period.start, *(day for day, _ in changes), period.end]
    problems = [
        (f"changes[{index}].day", f"{day} is not between {before} and the end {period.end}")
        for index, (before, day) in enumerate(pairwise(days[:-1]))
        if not before < day < period.end
    ]
    if problems:
        raise InvalidTerms(problems)
    full = Period(period.start, add_months(period.start, months))
    segments: list[PricedSegment] = []
    for (start, end), each in zip(pairwise(days), [price, *(each for _, each in changes)], strict=True):
        segment = Period(start, end)
        numerator, denominator = share_ratio(segment, full, policies)
        minor = round_ratio(each.minor * numerator, denominator, policies.rounding)
        segments.append(PricedSegment(segment, each, Money(minor, each.currency), full, policies))
    return tuple(segments)
