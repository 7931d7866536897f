"""Phases of a charge: stretches in which quantity, price or discount differ (ramps, free periods).

Belongs here: the shape of a phase, and when phases contradict each other. Does not belong here: pricing a
billing period that a phase ends in the middle of (`schedule`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from integration_pipeline.billing.periods import add_months
from integration_pipeline.billing.pricing.models import PriceModel
from integration_pipeline.billing.term_model import Problem, TermsModel
from integration_pipeline.billing.term_values import Identifier, TermDate, TermDecimal

Count = Annotated[int, Field(strict=True, ge=0, le=40_000)]
Length = Annotated[int, Field(strict=True, ge=1, le=40_000)]


class Phase(TermsModel):
    """What differs from `start` (a date, or days or months after the charge's start) to the phase's end.

    The end is a date (the first day after it), a length in days or months, or the start of the next phase.
    What a phase does not state is the charge's own, as it is outside all phases. `free` costs nothing.
    """

    name: Identifier | None = None
    start: TermDate | None = None
    after_days: Count | None = None
    after_months: Annotated[int, Field(strict=True, ge=0, le=1200)] | None = None
    end: TermDate | None = None
    days: Length | None = None
    months: Annotated[int, Field(strict=True, ge=1, le=1200)] | None = None
    quantity: TermDecimal | None = None
    unit_price: TermDecimal | None = None
    price: PriceModel | None = None
    discount_percent: TermDecimal | None = None
    free: bool = False

    def starts(self, charge_start: date) -> date:
        """The first day of the phase; without a stated start, that of the charge."""
        if self.start is not None:
            return self.start
        if self.after_months is not None:
            return add_months(charge_start, self.after_months)
        return charge_start + timedelta(days=self.after_days or 0)

    def stated_end(self, charge_start: date) -> date | None:
        """The first day after the phase, if the phase itself says so."""
        if self.end is not None:
            return self.end
        if self.months is not None:
            # Months count from the charge's start where the phase does, so that 31 Jan + 1 + 1 is 31 March.
            if self.after_months is not None:
                return add_months(charge_start, self.after_months + self.months)
            return add_months(self.starts(charge_start), self.months)
        if self.days is not None:
            return self.starts(charge_start) + timedelta(days=self.days)
        return None

    def impossibilities(self) -> Iterator[Problem]:
        """Every (field, message) that contradicts this phase on its own."""
        starts = [self.start, self.after_days, self.after_months]
        if sum(value is not None for value in starts) > 1:
            yield "start", "state one of start, after_days and after_months"
        if sum(value is not None for value in (self.end, self.days, self.months)) > 1:
            yield "end", "state one of end, days and months"
        if self.quantity is not None and self.quantity < 0:
            yield "quantity", f"{self.quantity} is negative; credit with a negative unit_price instead"
        if self.discount_percent is not None and not 0 <= self.discount_percent <= 100:
            yield "discount_percent", f"{self.discount_percent} is outside 0..100"
        if self.unit_price is not None and self.price is not None:
            yield "price", "state unit_price or price, not both"
        if self.price is not None:
            for field, message in self.price.impossibilities():
                yield f"price.{field}", message
        if self.free and (self.unit_price is not None or self.price is not None):
            yield "free", "a free phase has no price"


def phase_stretches(
    phases: Sequence[Phase], charge_start: date, end: date
) -> Iterator[tuple[date, date, Phase | None]]:
    """(from, to, phase) that cover `[charge_start, end)` without gap; None where no phase applies.

    Phases without an end of their own last until the next one starts.
    """
    ordered = sorted(phases, key=lambda phase: phase.starts(charge_start))
    reached = charge_start
    for index, phase in enumerate(ordered):
        starts = max(phase.starts(charge_start), reached)
        following = ordered[index + 1].starts(charge_start) if index + 1 < len(ordered) else end
        ends = min(phase.stated_end(charge_start) or following, end)
        if ends <= starts:
            continue
        if reached < starts:
            yield reached, starts, None
        yield starts, ends, phase
        reached = ends
    if reached < end:
        yield reached, end, None


def phase_problems(
    phases: Sequence[Phase], charge_start: date, charge_end: date | None
) -> Iterator[tuple[int, str, str]]:
    """(index, field, message) of phases that overlap, are empty, or lie outside the charge."""
    ordered = sorted(range(len(phases)), key=lambda index: phases[index].starts(charge_start))
    for position, index in enumerate(ordered):
        phase = phases[index]
        starts, ends = phase.starts(charge_start), phase.stated_end(charge_start)
        if starts < charge_start:
            yield index, "start", f"{starts} is before the charge starts on {charge_start}"
        if charge_end is not None and starts >= charge_end:
            yield index, "start", f"{starts} is not before the charge ends on {charge_end}"
        if ends is not None and ends <= starts:
            yield index, "end", f"{ends} is not after start {starts}; the end is the first day not served"
        if charge_end is not None and ends is not None and ends > charge_end:
            yield index, "end", f"{ends} is after the charge ends on {charge_end}"
        if position + 1 < len(ordered):
            following = phases[ordered[position + 1]].starts(charge_start)
            if following == starts or (ends is not None and ends > following):
                other = ordered[position + 1]
                yield index, "end", f"overlaps phase {other}, which starts on {following}; end it there"
