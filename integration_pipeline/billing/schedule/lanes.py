"""Lanes: the billing periods of one recurring charge, and what lies in each of them.

Belongs here: cutting service into billing periods and their pieces. Does not belong here: what a piece costs
(`rates`, `amounts`), usage (`metered_slots`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from integration_pipeline.billing.custom import billing_of
from integration_pipeline.billing.cycles import Cycle
from integration_pipeline.billing.discounts.terms import Discount, discount_cuts
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.schedule.metered_slots import metered_slots
from integration_pipeline.billing.schedule.rates import Rate, rate_of
from integration_pipeline.billing.schedule.segments import Segment, pieces_of
from integration_pipeline.billing.schedule.slots import Planning, Slot, active, period_slot, single_slots
from integration_pipeline.billing.schedule.timeline import Stretch, Timeline, phases_of
from integration_pipeline.billing.versions import cycle_of


def slots_of(timeline: Timeline, planning: Planning) -> Iterator[Slot]:
    """Every slot, charge by charge, in the order of service."""
    for stretches in timeline.values():
        if not stretches:
            continue
        with billing_of(stretches[0].terms.contract_id, stretches[0].charge.charge_id):
            if stretches[0].charge.recurs:
                yield from _recurring(stretches, planning)
            else:
                for stretch in stretches:
                    yield from single_slots(stretch, planning)


def _recurring(stretches: Sequence[Stretch], planning: Planning) -> Iterator[Slot]:
    """Stretches of one frequency share billing periods; another frequency has periods of its own."""
    lane: list[Stretch] = []
    grid: Cycle | None = None
    restarted: date | None = None
    for stretch in stretches:
        if lane and lane[-1].charge.frequency != stretch.charge.frequency:
            restarted = stretch.start
        cycle = cycle_of(stretch.terms, stretch.charge, planning.policies, restarted)
        if lane and cycle != grid and grid is not None:
            yield from _lane(lane, grid, planning)
            lane = []
        lane.append(stretch)
        grid = cycle
    if lane and grid is not None:
        yield from _lane(lane, grid, planning)


def _lane(stretches: Sequence[Stretch], cycle: Cycle, planning: Planning) -> Iterator[Slot]:
    """The slots of stretches that share one grid of billing periods."""
    segments: Sequence[Segment] = [
        Segment(start, end, stretch, phase)
        for stretch in stretches
        for start, end, phase in phases_of(stretch)
    ]
    if any(stretch.charge.discounts for stretch in stretches):
        segments = list(_cut_by_discounts(segments))
    periods = planning.periods(cycle, stretches[0].start, stretches[-1].end)
    if stretches[0].charge.metric is not None:
        yield from metered_slots(segments, periods, planning)
        return
    rates: dict[tuple[int, tuple[Discount, ...]], Rate] = {}
    policies = planning.policies
    for index, (period, inside) in enumerate(pieces_of(segments, periods)):
        pieces: list[tuple[Period, Rate]] = []
        for position, piece in inside:
            stretch = segments[position].stretch
            discounts = active(stretch, piece.start, index) if stretch.charge.discounts else ()
            rate = rates.get((position, discounts))
            if rate is None:
                phase = segments[position].phase
                rate = rate_of(stretch, phase, planning.currency, policies, discounts)
                rates[position, discounts] = rate
            if pieces and pieces[-1][0].end == piece.start and pieces[-1][1].same_as(rate):
                pieces[-1] = Period(pieces[-1][0].start, piece.end), pieces[-1][1]
            else:
                pieces.append((piece, rate))
        if pieces:
            yield period_slot(pieces, period, policies)


def _cut_by_discounts(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Segments over which no discount begins or ends by its dates."""
    for start, end, stretch, phase in segments:
        charge_start = stretch.charge.start or stretch.terms.start
        opened = start
        for day in discount_cuts(stretch.charge.discounts, charge_start, Period(start, end)):
            yield Segment(opened, day, stretch, phase)
            opened = day
        yield Segment(opened, end, stretch, phase)
