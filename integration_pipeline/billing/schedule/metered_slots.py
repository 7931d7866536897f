"""Slots of metered charges: all of a charge at once, as levels carry over and late usage is made good later.

Does not belong here: adding up usage and rating it (`usage_rates`), minimums (`slots`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from integration_pipeline.billing.periods import BillingPeriod, Period
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.schedule.amounts import whole
from integration_pipeline.billing.schedule.rates import Rate
from integration_pipeline.billing.schedule.segments import Segment, pieces_of
from integration_pipeline.billing.schedule.slots import (
    Planning,
    Slot,
    active,
    issue_date_of,
    period_slot,
    true_up_of,
)
from integration_pipeline.billing.schedule.usage_rates import Adjustment, Piece, metered_pieces


def metered_slots(
    segments: Sequence[Segment], periods: Sequence[BillingPeriod], planning: Planning
) -> Iterator[Slot]:
    """One slot per billing period, then one for each later day that makes good what came after the last."""
    policies = planning.policies
    cut = [
        (period, _piece(segments[position], piece, period, index, policies))
        for index, (period, inside) in enumerate(pieces_of(segments, periods))
        for position, piece in inside
    ]
    metered = metered_pieces([piece for _, piece in cut], planning.currency, policies, planning.usage)
    by_period: dict[BillingPeriod, list[tuple[Period, Rate]]] = {}
    late: dict[BillingPeriod, list[Adjustment]] = {}
    for (period, piece), (rate, adjustments) in zip(cut, metered.pieces, strict=True):
        by_period.setdefault(period, []).append((piece.period, rate))
        late.setdefault(period, []).extend(adjustments)
    known: dict[Period, Slot] = {}
    for period, pieces in by_period.items():
        slot = period_slot(pieces, period, policies)
        known.update((piece, slot) for piece, _ in pieces)
        yield slot._replace(adjustments=_bounded(late[period], known, policies)) if late[period] else slot
    for day, adjustments in metered.after_the_end:
        charge = segments[-1].stretch.charge
        bounded = _bounded(adjustments, known, policies)
        if bounded:
            yield Slot((charge.charge_id, day, day), charge, None, None, day, (), adjustments=bounded)


def _piece(segment: Segment, days: Period, period: BillingPeriod, index: int, policies: Policies) -> Piece:
    charge = segment.stretch.charge
    return Piece(
        days,
        period.full,
        segment.stretch,
        segment.phase,
        active(segment.stretch, days.start, index),
        issue_date_of(charge, period.service, policies),
    )


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
        now = whole(adjustment.period, adjustment.now)
        parts = tuple(now if part.period == now.period else part for part in slot.parts)
        true_up = true_up_of(slot.charge, parts, now.rate.gross.currency, slot.full, policies)
        renewed = slot._replace(parts=parts, true_up=true_up)
        known.update((part.period, renewed) for part in parts)
        moved = true_up - slot.true_up
        if adjustment.minor + moved:
            bounded.append(replace(adjustment, minor=adjustment.minor + moved, true_up=moved))
    return tuple(bounded)
