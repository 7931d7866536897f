"""Slots: what one charge bills for one billing period, one single day, or one milestone.

Belongs here: which slots a timeline has, their parts, amounts and normal issue dates. Does not belong here:
what earlier documents billed for a slot (`corrections`), the documents (`documents`), words (`wording`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.custom import billing_of
from integration_pipeline.billing.cycles import Cycle
from integration_pipeline.billing.discounts.terms import Discount, active_discounts, discount_cuts
from integration_pipeline.billing.money import round_ratio
from integration_pipeline.billing.periods import BillingPeriod, Period
from integration_pipeline.billing.policies import ArrearsIssueDay, DifferenceRounding, Policies
from integration_pipeline.billing.proration import share_ratio
from integration_pipeline.billing.schedule.amounts import Part, divided, whole
from integration_pipeline.billing.schedule.metering import Adjustment, UsageBook, metered_pieces
from integration_pipeline.billing.schedule.rates import Rate, rate_of
from integration_pipeline.billing.schedule.timeline import Stretch, Timeline, phases_of
from integration_pipeline.billing.terms import Charge, Milestone, Phase
from integration_pipeline.billing.versions import cycle_of

Segment = tuple[date, date, Stretch, Phase | None]
SlotKey = tuple[str, date, date]
"""Charge, and the full billing period; the day twice for what has none."""


class Slot(NamedTuple):
    """`parts` of the billing period `full`, all of one charge, normally invoiced on `issue_date`.

    `full` is None for a one-time charge, which may still have a service period. `true_up` (minor units)
    lifts the parts to the charge's minimum, or takes them down to its maximum. `adjustments` are for usage of
    earlier periods that came late.
    """

    key: SlotKey
    charge: Charge
    full: Period | None
    service: Period | None
    issue_date: date
    parts: tuple[Part, ...]
    true_up: int = 0
    milestone: Milestone | None = None
    adjustments: tuple[Adjustment, ...] = ()

    @property
    def minor(self) -> int:
        """Everything the slot bills, before tax and document discounts."""
        adjusted = sum(adjustment.minor for adjustment in self.adjustments)
        return sum(part.minor for part in self.parts) + self.true_up + adjusted


def slots_of(
    timeline: Timeline,
    currency: str,
    policies: Policies,
    usage: UsageBook | None,
    until: date | None = None,
) -> Iterator[Slot]:
    """Every slot, charge by charge, in the order of service; of periods that start before `until` only."""
    for stretches in timeline.values():
        if not stretches:
            continue
        with billing_of(stretches[0].terms.contract_id, stretches[0].charge.charge_id):
            if stretches[0].charge.recurs:
                yield from _recurring(stretches, currency, policies, usage, until or date.max)
            else:
                for stretch in stretches:
                    if until is None or stretch.start < until:
                        yield from _one_time(stretch, currency, policies)


def _one_time(stretch: Stretch, currency: str, policies: Policies) -> Iterator[Slot]:
    charge = stretch.charge
    rate = rate_of(stretch, None, currency, policies, _active(stretch, stretch.start, 0))
    service = None if charge.end is None else Period(stretch.start, charge.end)
    if charge.milestones:
        yield from _milestones(stretch, rate, service, policies)
        return
    day = stretch.start
    minor = round_ratio(rate.numerator, rate.denominator, policies.rounding)
    part = whole(service or Period(day, stretch.end), rate, minor)
    yield Slot((charge.charge_id, day, day), charge, None, service, day, (part,))


def _milestones(stretch: Stretch, rate: Rate, service: Period | None, policies: Policies) -> Iterator[Slot]:
    """Percentages are rounded as they add up, so that all milestones are the price; amounts are as stated."""
    charge = stretch.charge
    reached, billed = Fraction(0), 0
    for index, milestone in enumerate(charge.milestones):
        if milestone.percent is not None:
            reached += Fraction(milestone.percent) / 100
            upto = rate.numerator * reached.numerator, rate.denominator * reached.denominator
            total = round_ratio(*upto, policies.rounding)
            minor, billed = total - billed, total
        else:
            scale = 10 ** minor_unit_exponent(rate.gross.currency)
            exact = Fraction(milestone.amount or 0) * scale
            minor = round_ratio(exact.numerator, exact.denominator, policies.rounding)
        day = milestone.date
        part = whole(service or Period(day, day + timedelta(days=1)), rate, minor)
        key = (f"{charge.charge_id}#{index}", day, day)
        yield Slot(key, charge, None, service, day, (part,), milestone=milestone)


def _recurring(
    stretches: Sequence[Stretch],
    currency: str,
    policies: Policies,
    usage: UsageBook | None,
    until: date,
) -> Iterator[Slot]:
    """Stretches of one frequency share billing periods; another frequency has periods of its own."""
    lane: list[Stretch] = []
    grid: Cycle | None = None
    restarted: date | None = None
    for stretch in stretches:
        if lane and lane[-1].charge.frequency != stretch.charge.frequency:
            restarted = stretch.start
        cycle = cycle_of(stretch.terms, stretch.charge, policies, restarted)
        if lane and cycle != grid and grid is not None:
            yield from _lane(lane, grid, currency, policies, usage, until)
            lane = []
        lane.append(stretch)
        grid = cycle
    if lane and grid is not None:
        yield from _lane(lane, grid, currency, policies, usage, until)


def _lane(
    stretches: Sequence[Stretch],
    cycle: Cycle,
    currency: str,
    policies: Policies,
    usage: UsageBook | None,
    until: date,
) -> Iterator[Slot]:
    """The slots of stretches that share one grid of billing periods."""
    segments = [
        (start, end, stretch, phase) for stretch in stretches for start, end, phase in phases_of(stretch)
    ]
    if any(stretch.charge.discounts for stretch in stretches):
        segments = list(_cut_by_discounts(segments))
    periods = cycle.periods(stretches[0].start, stretches[-1].end, until)
    if stretches[0].charge.metric is not None:
        yield from _metered_lane(segments, tuple(periods), currency, policies, usage)
        return
    rates: dict[tuple[int, tuple[Discount, ...]], Rate] = {}
    first = 0
    for index, period in enumerate(periods):
        while segments[first][1] <= period.service.start:
            first += 1
        pieces: list[tuple[Period, Rate]] = []
        for position, piece in _inside(segments, first, period.service):
            _, _, stretch, phase = segments[position]
            discounts = _active(stretch, piece.start, index) if stretch.charge.discounts else ()
            rate = rates.get((position, discounts))
            if rate is None:
                rate = rate_of(stretch, phase, currency, policies, discounts)
                rates[position, discounts] = rate
            if pieces and pieces[-1][0].end == piece.start and pieces[-1][1].same_as(rate):
                pieces[-1] = Period(pieces[-1][0].start, piece.end), pieces[-1][1]
            else:
                pieces.append((piece, rate))
        if pieces:
            yield _slot(pieces, period, policies)


def _metered_lane(
    segments: Sequence[Segment],
    periods: Sequence[BillingPeriod],
    currency: str,
    policies: Policies,
    usage: UsageBook | None,
) -> Iterator[Slot]:
    """Quantities are known only together: a level carries over, what comes late is made good later."""
    cut: list[tuple[int, int, Period]] = []
    first = 0
    for index, period in enumerate(periods):
        while segments[first][1] <= period.service.start:
            first += 1
        cut.extend((index, position, piece) for position, piece in _inside(segments, first, period.service))
    stretches = [(segments[position][2], segments[position][3]) for _, position, _ in cut]
    issue_dates = [
        _issue_date(stretch.charge, periods[index].service, policies)
        for (index, _, _), (stretch, _) in zip(cut, stretches, strict=True)
    ]
    metered = metered_pieces(
        [piece for _, _, piece in cut], stretches, issue_dates, currency, policies, usage
    )
    by_period: dict[int, list[tuple[Period, Rate]]] = {}
    late: dict[int, list[Adjustment]] = {}
    for (index, _, piece), (rate, adjustments) in zip(cut, metered.pieces, strict=True):
        by_period.setdefault(index, []).append((piece, rate))
        late.setdefault(index, []).extend(adjustments)
    known: dict[Period, Slot] = {}
    for index, pieces in by_period.items():
        slot = _slot(pieces, periods[index], policies)
        known.update((piece, slot) for piece, _ in pieces)
        yield slot._replace(adjustments=_bounded(late[index], known, policies)) if late[index] else slot
    for day, adjustments in metered.after_the_end:
        charge = stretches[-1][0].charge
        bounded = _bounded(adjustments, known, policies)
        if bounded:
            yield Slot((charge.charge_id, day, day), charge, None, None, day, (), adjustments=bounded)


def _bounded(
    adjustments: Sequence[Adjustment], known: dict[Period, Slot], policies: Policies
) -> tuple[Adjustment, ...]:
    """The adjustments with what they do to minimums and maximums of their periods; those of nothing left out.

    `known` has the slot of every piece as billed so far, and is brought up to date.
    """
    bounded: list[Adjustment] = []
    for adjustment in adjustments:
        slot = known[adjustment.period]
        if slot.full is None or (slot.charge.minimum is None and slot.charge.maximum is None):
            bounded.append(adjustment)
            continue
        now = whole(adjustment.period, adjustment.now, adjustment.now.rounded(policies).minor)
        parts = tuple(now if part.period == now.period else part for part in slot.parts)
        true_up = _true_up(slot.charge, parts, now.rate.gross.currency, slot.full, policies)
        renewed = slot._replace(parts=parts, true_up=true_up)
        known.update((part.period, renewed) for part in parts)
        moved = true_up - slot.true_up
        if adjustment.minor + moved:
            bounded.append(replace(adjustment, minor=adjustment.minor + moved, true_up=moved))
    return tuple(bounded)


def _inside(segments: Sequence[Segment], first: int, service: Period) -> Iterable[tuple[int, Period]]:
    """The segments that meet `service`, from the one numbered `first`, each with the days they share."""
    start, end, _, _ = segments[first]
    if start <= service.start and end >= service.end:
        return ((first, service),)
    return _pieces(segments, first, service)


def _pieces(segments: Sequence[Segment], first: int, service: Period) -> Iterator[tuple[int, Period]]:
    for position in range(first, len(segments)):
        start, end, _, _ = segments[position]
        if start >= service.end:
            return
        whole_service = start <= service.start and end >= service.end
        yield position, service if whole_service else Period(max(start, service.start), min(end, service.end))


def _cut_by_discounts(segments: Sequence[Segment]) -> Iterator[Segment]:
    """Segments over which no discount begins or ends by its dates."""
    for start, end, stretch, phase in segments:
        charge_start = stretch.charge.start or stretch.terms.start
        opened = start
        for day in discount_cuts(stretch.charge.discounts, charge_start, Period(start, end)):
            yield opened, day, stretch, phase
            opened = day
        yield opened, end, stretch, phase


def _active(stretch: Stretch, day: date, index: int) -> tuple[Discount, ...]:
    charge = stretch.charge
    return active_discounts(charge.discounts, day, charge.start or stretch.terms.start, index)


def _slot(pieces: Sequence[tuple[Period, Rate]], period: BillingPeriod, policies: Policies) -> Slot:
    charge = pieces[-1][1].charge
    full = period.full
    if charge.metric is not None:
        parts = tuple(
            whole(piece, rate, round_ratio(rate.numerator, rate.denominator, policies.rounding))
            for piece, rate in pieces
        )
    elif len(pieces) == 1 and pieces[0][0] is full:
        rate = pieces[0][1]
        parts = (whole(full, rate, round_ratio(rate.numerator, rate.denominator, policies.rounding)),)
    else:
        parts = divided(pieces, full, policies)
    service = period.service if len(pieces) == 1 else Period(pieces[0][0].start, pieces[-1][0].end)
    true_up = 0
    if charge.minimum is not None or charge.maximum is not None:
        true_up = _true_up(charge, parts, pieces[0][1].gross.currency, full, policies)
    return Slot(
        key=(charge.charge_id, full.start, full.end),
        charge=charge,
        full=full,
        service=service,
        issue_date=_issue_date(charge, service, policies),
        parts=parts,
        true_up=true_up,
    )


def _true_up(charge: Charge, parts: Sequence[Part], currency: str, full: Period, policies: Policies) -> int:
    """What lifts the parts to the minimum (positive) or cuts them to the maximum (negative).

    Both are amounts for a full billing period; for the days served they are prorated as a price is.
    """
    scale = 10 ** minor_unit_exponent(currency)
    billed = sum(part.minor for part in parts)
    served = Fraction(0)
    for part in parts:
        served += Fraction(*share_ratio(part.period, full, policies))
    for bound, wanted in ((charge.minimum, 1), (charge.maximum, -1)):
        if bound is None:
            continue
        exact = Fraction(bound) * scale * served
        minor = round_ratio(exact.numerator, exact.denominator, policies.rounding)
        if policies.difference is DifferenceRounding.ROUNDED:
            rates = sum((Fraction(part.rate.numerator, part.rate.denominator) for part in parts), Fraction(0))
            gap = exact - rates
            if gap * wanted > 0:
                return round_ratio(gap.numerator, gap.denominator, policies.rounding)
        elif (minor - billed) * wanted > 0:
            return minor - billed
    return 0


def _issue_date(charge: Charge, service: Period, policies: Policies) -> date:
    if not charge.billed_after_service:
        return service.start
    match policies.arrears_issue_day:
        case ArrearsIssueDay.DAY_AFTER_PERIOD:
            return service.end
        case ArrearsIssueDay.LAST_DAY_OF_PERIOD:
            return service.end - timedelta(days=1)
