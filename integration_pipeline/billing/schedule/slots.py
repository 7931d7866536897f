"""Slots: what one charge bills for one billing period, one single day, or one milestone.

Belongs here: the slot, its normal issue date, minimums and maximums, charges that do not recur. Does not
belong here: billing periods (`lanes`), usage (`metered_slots`), what earlier documents billed for a slot
(`corrections`), the documents (`documents`), words (`wording`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.cycles import Cycle
from integration_pipeline.billing.discounts.terms import Discount, active_discounts
from integration_pipeline.billing.money import round_ratio
from integration_pipeline.billing.periods import BillingPeriod, Period
from integration_pipeline.billing.policies import ArrearsIssueDay, DifferenceRounding, Policies
from integration_pipeline.billing.proration import share_ratio
from integration_pipeline.billing.schedule.amounts import Part, divided, whole
from integration_pipeline.billing.schedule.rates import Rate, rate_of
from integration_pipeline.billing.schedule.timeline import Stretch
from integration_pipeline.billing.schedule.usage_rates import Adjustment, UsageBook
from integration_pipeline.billing.terms import Charge, Milestone

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


@dataclass(frozen=True, slots=True)
class Planning:
    """What all slots of one contract are planned with; periods that start on `until` or later are not.

    `grids` keeps the billing periods that charges of one cycle share.
    """

    currency: str
    policies: Policies
    usage: UsageBook | None
    until: date
    grids: dict[tuple[Cycle, date, date], tuple[BillingPeriod, ...]] = field(
        default_factory=dict[tuple[Cycle, date, date], tuple[BillingPeriod, ...]]
    )

    def periods(self, cycle: Cycle, start: date, end: date) -> tuple[BillingPeriod, ...]:
        """The billing periods of service from `start` to `end`."""
        key = cycle, start, end
        periods = self.grids.get(key)
        if periods is None:
            periods = self.grids[key] = tuple(cycle.periods(start, end, self.until))
        return periods


def single_slots(stretch: Stretch, planning: Planning) -> Iterator[Slot]:
    """The slot of a one-time charge, or one per milestone of it."""
    charge, day = stretch.charge, stretch.start
    if day >= planning.until:
        return
    rate = rate_of(stretch, None, planning.currency, planning.policies, active(stretch, day, 0))
    service = None if charge.end is None else Period(day, charge.end)
    if charge.milestones:
        yield from _milestones(stretch, rate, service, planning.policies)
        return
    part = whole(service or Period(day, stretch.end), rate)
    yield Slot((charge.charge_id, day, day), charge, None, service, day, (part,))


def period_slot(pieces: Sequence[tuple[Period, Rate]], period: BillingPeriod, policies: Policies) -> Slot:
    """The slot of one billing period, whose `pieces` do not overlap, in the order of service."""
    full = period.full
    charge = pieces[-1][1].stretch.charge
    bounded = charge.minimum is not None or charge.maximum is not None
    if len(pieces) == 1:
        service, rate = pieces[0]
        if service is full and not bounded:
            key = charge.charge_id, full.start, full.end
            issued = issue_date_of(charge, full, policies)
            return Slot(key, charge, full, full, issued, (whole(full, rate),))
        only_whole = service is full or charge.metric is not None
        parts = (whole(service, rate),) if only_whole else divided(pieces, full, policies)
    else:
        service = Period(pieces[0][0].start, pieces[-1][0].end)
        if charge.metric is None:
            parts = divided(pieces, full, policies)
        else:
            parts = tuple(whole(piece, rate) for piece, rate in pieces)
    true_up = 0
    if bounded:
        true_up = true_up_of(charge, parts, pieces[0][1].gross.currency, full, policies)
    key = charge.charge_id, full.start, full.end
    return Slot(key, charge, full, service, issue_date_of(charge, service, policies), parts, true_up)


def active(stretch: Stretch, day: date, index: int) -> tuple[Discount, ...]:
    """The line discounts of a charge on `day`, in its billing period numbered `index` from 0."""
    charge = stretch.charge
    if not charge.discounts:
        return ()
    return active_discounts(charge.discounts, day, charge.start or stretch.terms.start, index)


def issue_date_of(charge: Charge, service: Period, policies: Policies) -> date:
    """The day on which service is normally invoiced."""
    if not charge.billed_after_service:
        return service.start
    match policies.arrears_issue_day:
        case ArrearsIssueDay.DAY_AFTER_PERIOD:
            return service.end
        case ArrearsIssueDay.LAST_DAY_OF_PERIOD:
            return service.end - timedelta(days=1)


def true_up_of(charge: Charge, parts: Sequence[Part], currency: str, full: Period, policies: Policies) -> int:
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
            gap = exact - sum((_exact_price(part) for part in parts), Fraction(0))
            if gap * wanted > 0:
                return round_ratio(gap.numerator, gap.denominator, policies.rounding)
        elif (minor - billed) * wanted > 0:
            return minor - billed
    return 0


def _exact_price(part: Part) -> Fraction:
    """Minor units before rounding: of usage its whole price, of anything else the price of its days."""
    return Fraction(*part.share) * Fraction(part.rate.numerator, part.rate.denominator)


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
        part = Part(service or Period(day, day + timedelta(days=1)), rate, minor, (1, 1))
        key = (f"{charge.charge_id}#{index}", day, day)
        yield Slot(key, charge, None, service, day, (part,), milestone=milestone)
