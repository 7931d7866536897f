"""Ramps: prices that rise (or fall) over the first months of a contract, as people write them.

Belongs here: the text of a ramp as steps. Does not belong here: the phases that follow (`first_months`).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from integration_pipeline.mapping.written.amounts import Unreadable, percentage_in_text, price_in_text
from integration_pipeline.mapping.written.spans import Span, entries_in_text, span_in_text

_EXAMPLE = "months 1-3: 50%"
_MONTHS = r"months?|mos?|m"
_FREE = frozenset({"free", "free of charge", "no charge"})
_LONGEST_MONTHS = 1200


@dataclass(frozen=True, slots=True)
class RampStep:
    """Months of the contract, counted from 1, both included (`last_month` None: to the end).

    In them either `percent` of the price is paid, or `price` per unit and billing period; 0 % is free.
    """

    first_month: int
    last_month: int | None
    percent: Decimal | None
    price: Decimal | None

    @property
    def label(self) -> str:
        """`months 1-3`, `month 4`, `months 7+`."""
        if self.last_month is None:
            return f"months {self.first_month}+"
        if self.last_month == self.first_month:
            return f"month {self.first_month}"
        return f"months {self.first_month}-{self.last_month}"


@dataclass(frozen=True, slots=True)
class Ramp:
    """Steps in the order of their months; in a month without a step the full price is paid."""

    steps: tuple[RampStep, ...]

    @property
    def states_prices(self) -> bool:
        """Whether any step is a price, which only one line item can have."""
        return any(step.price is not None for step in self.steps)


def ramp_in_text(text: str) -> Ramp:
    """`months 1-3: 50%; months 4-6: 75%` (what is paid of the price) or `1-3: 300.00; 4-6: 600.00`.

    `20% off` says what is not paid. Months rise and do not overlap. Raises `Unreadable`.
    """
    steps: list[RampStep] = []
    for months, paid in entries_in_text(text, _EXAMPLE):
        step = _step(span_in_text(months, _MONTHS, _EXAMPLE), months, paid)
        before = steps[-1] if steps else None
        if before is not None and before.last_month is None:
            raise Unreadable(f"has {before.label} without an end before {step.label}")
        if before is not None and before.last_month is not None and step.first_month <= before.last_month:
            raise Unreadable(f"has {step.label} after {before.label}: months must rise and not overlap")
        steps.append(step)
    return Ramp(tuple(steps))


def _step(span: Span, months: str, paid: str) -> RampStep:
    first, last = int(span.first), None if span.last is None else int(span.last)
    if first != span.first or last != span.last or not 1 <= first <= (last or first) <= _LONGEST_MONTHS:
        raise Unreadable(f"has {months[:40]!r} where whole months from 1 on are expected, first to last")
    percent, price = _paid(paid)
    return RampStep(first, last, percent, price)


def _paid(text: str) -> tuple[Decimal | None, Decimal | None]:
    lowered = text.lower()
    if lowered in _FREE:
        return Decimal(0), None
    off = percentage_in_text(lowered.removesuffix("off").removesuffix("discount"))
    percent = percentage_in_text(text)
    if percent is None and off is not None:
        percent = 100 - off
    if percent is None:
        return None, price_in_text(text)
    if not 0 <= percent <= 100:
        raise Unreadable(f"has {text[:40]!r} outside 0..100 %: write the price of these months instead")
    return percent, None
