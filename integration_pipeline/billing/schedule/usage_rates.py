"""Metered charges: what was used becomes rates, and what comes late becomes adjustments.

Belongs here: asking for the usage of service periods, prepaid units, rating late usage. Does not belong here:
adding up events (`usage`), prices (`pricing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from integration_pipeline.billing.civil import start_of_day
from integration_pipeline.billing.discounts.terms import Discount
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.pricing import consume_units
from integration_pipeline.billing.pricing.base import CountedPrice
from integration_pipeline.billing.schedule.rates import Rate, price_terms, rate_for
from integration_pipeline.billing.schedule.timeline import Stretch
from integration_pipeline.billing.terms import Phase
from integration_pipeline.billing.usage.events import UsageEvent
from integration_pipeline.billing.usage.included import use_included
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


class Piece(NamedTuple):
    """Some days of the billing period `full` on which the terms of a metered charge stay the same."""

    period: Period
    full: Period
    stretch: Stretch
    phase: Phase | None
    discounts: tuple[Discount, ...]
    issue_date: date


def metered_pieces(
    pieces: Sequence[Piece], currency: str, policies: Policies, usage: UsageBook | None
) -> Metered:
    """The rates of `pieces`, in the order of service, for what was known of each when it was invoiced."""

    def rated(position: int, used: Fraction, used_before: Fraction) -> Rate:
        # Corrections may take more units back than a period has; nobody pays for less than nothing.
        return _rate_of_usage(pieces[position], max(used, Fraction(0)), used_before, currency, policies)

    if usage is None or not pieces:
        nothing = Fraction(0)
        return Metered(tuple((rated(position, nothing, nothing), ()) for position in range(len(pieces))), ())
    metric = pieces[0].stretch.charge.metric
    if metric is None:
        raise ValueError("only a metered charge has usage")
    periods = [piece.period for piece in pieces]
    later = tuple(_later_dates(pieces[-1].issue_date, usage))
    cutoffs = [
        start_of_day(day, usage.zone_name) for day in (*(piece.issue_date for piece in pieces), *later)
    ]
    invoiced = invoiced_usage(metric, usage.events, periods, cutoffs, usage.zone_name)
    position_of = {period: position for position, period in enumerate(periods)}
    quantities = [
        invoice.current.quantity if invoice.current else Fraction(0) for invoice in invoiced[: len(pieces)]
    ]
    used_before = [sum(quantities[:position], Fraction(0)) for position in range(len(pieces))]
    adjusted = [tuple(_adjustments(invoice, position_of, used_before, rated)) for invoice in invoiced]
    rates = [rated(position, used, used_before[position]) for position, used in enumerate(quantities)]
    return Metered(
        tuple(zip(rates, adjusted[: len(pieces)], strict=True)),
        tuple(
            (day, adjustments)
            for day, adjustments in zip(later, adjusted[len(pieces) :], strict=True)
            if adjustments
        ),
    )


def _rate_of_usage(
    piece: Piece, used: Fraction, used_before: Fraction, currency: str, policies: Policies
) -> Rate:
    """What `used` units cost: beyond those prepaid, and beyond those that the price includes.

    Included units are per billing period, so a stub has the share of them that it has of a price.
    """
    prepaid = Fraction(piece.stretch.charge.prepaid_quantity)
    billable, notes = used, list[str]()
    if prepaid:
        taken = consume_units(prepaid, used_before, used)
        billable = taken.billable
        notes.append(taken.formula)
    _, model, _ = price_terms(piece.stretch.charge, piece.phase)
    included_apart = (
        isinstance(model, CountedPrice) and bool(model.included_quantity) and piece.period != piece.full
    )
    if included_apart and isinstance(model, CountedPrice):
        free = use_included(billable, model.included_quantity, piece.period, piece.full, policies)
        billable = free.billable
        notes.append(free.formula)
    return rate_for(
        piece.stretch,
        piece.phase,
        billable,
        currency,
        policies,
        piece.discounts,
        included_apart=included_apart,
        note="; ".join(notes) or None,
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


def _later_dates(last: date, usage: UsageBook) -> Iterable[date]:
    """Further invoice days, a month apart, until everything that was received is billed."""
    received = max((event.received_at for event in usage.events), default=None)
    day = last
    while received is not None and start_of_day(day, usage.zone_name) <= received:
        day += timedelta(days=_AFTER_THE_END)
        yield day
