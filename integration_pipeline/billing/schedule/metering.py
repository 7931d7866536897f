"""Metered charges: what was used becomes rates, and what comes late becomes adjustments.

Belongs here: asking for the usage of service periods, prepaid units, rating late usage. Does not belong here:
adding up events (`usage`), prices (`pricing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from integration_pipeline.billing.civil import start_of_day
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.schedule.rates import Rate, rate_for
from integration_pipeline.billing.schedule.timeline import Stretch
from integration_pipeline.billing.terms import Phase
from integration_pipeline.billing.usage.events import UsageEvent
from integration_pipeline.billing.usage.late import InvoicedUsage, invoiced_usage

Rated = Callable[[int, Fraction, Fraction], Rate]

_AFTER_THE_END = 31
"""Days after the last invoice on which usage that came later is made good; and again, until none is left."""


@dataclass(frozen=True, slots=True)
class UsageBook:
    """The usage events of a contract, or of its customer, whose days are those of `zone_name`."""

    events: Sequence[UsageEvent]
    zone_name: str


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Usage of `period` that came after its invoice: `minor` units more than was billed for it before.

    Of these, `true_up` is what the usage moves the period's true-up by: usage that a minimum has paid for
    already costs nothing more.
    """

    period: Period
    before: Rate
    now: Rate
    minor: int
    true_up: int = 0


@dataclass(frozen=True, slots=True)
class Metered:
    """A rate and the adjustments on its invoice, per piece; and adjustments for which no piece was left."""

    pieces: tuple[tuple[Rate, tuple[Adjustment, ...]], ...]
    after_the_end: tuple[tuple[date, tuple[Adjustment, ...]], ...]


def metered_pieces(
    pieces: Sequence[Period],
    stretches: Sequence[tuple[Stretch, Phase | None]],
    issue_dates: Sequence[date],
    currency: str,
    policies: Policies,
    usage: UsageBook | None,
) -> Metered:
    """The rates of `pieces`, service periods in order, for what was known of each when it was invoiced."""

    def rated(position: int, used: Fraction, used_before: Fraction) -> Rate:
        stretch, phase = stretches[position]
        # Corrections may take more units back than a period has; nobody pays for less than nothing.
        billable = _beyond_prepaid(max(used, Fraction(0)), used_before, stretch)
        return rate_for(stretch, phase, billable, currency, policies)

    if usage is None or not pieces:
        nothing = Fraction(0)
        return Metered(tuple((rated(position, nothing, nothing), ()) for position in range(len(pieces))), ())
    metric = stretches[0][0].charge.metric
    if metric is None:
        raise ValueError("only a metered charge has usage")
    later = tuple(_later_dates(issue_dates[-1], usage))
    cutoffs = [start_of_day(day, usage.zone_name) for day in (*issue_dates, *later)]
    invoiced = invoiced_usage(metric, usage.events, pieces, cutoffs, usage.zone_name)
    position_of = {piece: position for position, piece in enumerate(pieces)}
    used_before: list[Fraction] = []
    total = Fraction(0)
    for invoice in invoiced[: len(pieces)]:
        used_before.append(total)
        total += invoice.current.quantity if invoice.current else 0
    adjusted = [tuple(_adjustments(invoice, position_of, used_before, rated)) for invoice in invoiced]
    rates = [
        rated(position, invoice.current.quantity if invoice.current else Fraction(0), used_before[position])
        for position, invoice in enumerate(invoiced[: len(pieces)])
    ]
    return Metered(
        tuple(zip(rates, adjusted[: len(pieces)], strict=True)),
        tuple(
            (day, adjustments)
            for day, adjustments in zip(later, adjusted[len(pieces) :], strict=True)
            if adjustments
        ),
    )


def _adjustments(
    invoice: InvoicedUsage,
    position_of: dict[Period, int],
    used_before: Sequence[Fraction],
    rated: Rated,
) -> Iterable[Adjustment]:
    """The difference of two rounded sums, so that what a period was billed is always its rounded price."""
    for late in invoice.late:
        position = position_of[late.period]
        before = rated(position, late.before.quantity, used_before[position])
        now = rated(position, late.now.quantity, used_before[position])
        minor = now.minor - before.minor
        if minor:
            yield Adjustment(late.period, before, now, minor)


def _beyond_prepaid(used: Fraction, used_before: Fraction, stretch: Stretch) -> Fraction:
    prepaid = Fraction(stretch.charge.prepaid_quantity)
    if not prepaid:
        return used
    return max(used_before + used - prepaid, Fraction(0)) - max(used_before - prepaid, Fraction(0))


def _later_dates(last: date, usage: UsageBook) -> Iterable[date]:
    """Further invoice days, a month apart, until everything that was received is billed."""
    received = max((event.received_at for event in usage.events), default=None)
    day = last
    while received is not None and start_of_day(day, usage.zone_name) <= received:
        day += timedelta(days=_AFTER_THE_END)
        yield day
