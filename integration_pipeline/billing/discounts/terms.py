"""Discount terms of a contract or a charge, and the days on which they apply.

Does not belong here: what a discount takes off (`application`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from integration_pipeline.billing.custom import Parameters
from integration_pipeline.billing.periods import Period, add_months
from integration_pipeline.billing.term_model import TermsModel
from integration_pipeline.billing.term_values import Identifier, TermDate, TermDecimal, Text

Limit = Annotated[int, Field(strict=True, ge=1, le=40_000)]
"""Days in a century are the most that a contract can run for."""


class DiscountBase(StrEnum):
    """What a discount is taken off."""

    PRICE = "price"
    """The price of a charge, or the lines of a document, before tax."""
    GRAND_TOTAL = "grand_total"
    """The total of a document with its tax: tax stays as it is, the discount is booked by itself."""


class Discount(TermsModel):
    """`percent` of the price, or an `amount` in currency units per billing period (or per document).

    Or what the company's own discount `custom` makes of the price and its `parameters`. `percent_of` is
    another base for the percentage, in currency units. Without limits the discount applies as long as what it
    belongs to. `first_periods` counts billing periods from the start of the charge; `first_months` and
    `first_days` count from its start; `start` and `end` (exclusive) are civil dates. Of several limits all
    must hold.
    """

    name: Text | None = None
    percent: TermDecimal | None = None
    amount: TermDecimal | None = None
    percent_of: TermDecimal | None = None
    custom: Identifier | None = None
    parameters: Parameters = Parameters()
    base: DiscountBase = DiscountBase.PRICE
    first_periods: Limit | None = None
    first_months: Annotated[int, Field(strict=True, ge=1, le=1200)] | None = None
    first_days: Limit | None = None
    start: TermDate | None = None
    end: TermDate | None = None

    def impossibilities(self) -> Iterator[tuple[str, str]]:
        """Every (field, message) that contradicts this discount on its own."""
        if sum(value is not None for value in (self.percent, self.amount, self.custom)) != 1:
            yield "percent", "state one of percent, amount and custom"
        if self.custom is None and self.parameters.values:
            yield "parameters", "go with a custom discount"
        if self.percent is not None and not 0 <= self.percent <= 100:
            yield "percent", f"{self.percent} is outside 0..100"
        if self.amount is not None and self.amount < 0:
            yield "amount", f"{self.amount} is negative; a surcharge is a charge of its own"
        if self.percent_of is not None and (self.percent is None or self.percent_of < 0):
            yield "percent_of", "goes with a percentage, and is not negative"
        if self.start is not None and self.end is not None and self.end <= self.start:
            yield "end", f"{self.end} is not after start {self.start}; the end is the first day without it"

    def window(self, charge_start: date) -> tuple[date, date]:
        """The first day on which it applies and the first on which it no longer does, by its dates alone.

        The window is empty (its end not after its start) if the limits leave no day.
        """
        opens, closes = max(self.start or charge_start, charge_start), self.end or date.max
        if self.first_months is not None:
            closes = min(closes, add_months(charge_start, self.first_months))
        if self.first_days is not None:
            closes = min(closes, charge_start + timedelta(days=self.first_days))
        return opens, closes

    def applies(self, day: date, charge_start: date, period_index: int) -> bool:
        """On `day`, in the billing period numbered `period_index` (from 0) of a charge that starts then."""
        opens, closes = self.window(charge_start)
        return opens <= day < closes and (self.first_periods is None or period_index < self.first_periods)

    @property
    def label(self) -> str:
        """For people: `15 % (launch)`, `50.00 off (voucher)`, `loyalty {"per_year":"1"}`."""
        if self.custom is not None:
            figure = f"{self.custom} {self.parameters.text}"
        else:
            figure = f"{self.amount:,f}" if self.percent is None else f"{self.percent:f} %"
        base = "" if self.percent_of is None else f" of {self.percent_of:,f}"
        return f"{figure}{base} ({self.name})" if self.name else f"{figure}{base}"


def active_discounts(
    discounts: Sequence[Discount], day: date, charge_start: date, period_index: int
) -> tuple[Discount, ...]:
    """Those that apply on `day`, in the order stated; the same on all days between two of `discount_cuts`."""
    return tuple(item for item in discounts if item.applies(day, charge_start, period_index))


def discount_cuts(discounts: Sequence[Discount], charge_start: date, period: Period) -> tuple[date, ...]:
    """The days inside `period`, rising, on which a discount begins or ends: there its price must be cut.

    A quarter from 1 January 2024 with a discount for the first 90 days is cut on 31 March, its 91st day.
    """
    days = {
        day
        for discount in discounts
        for day in discount.window(charge_start)
        if period.start < day < period.end
    }
    return tuple(sorted(days))
