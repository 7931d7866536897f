"""What a part of a billing period costs.

Belongs here: day counts, and dividing a period's price so that its parts add up. Does not belong here: the
price of the full period (`pricing`), or which parts there are (`periods`, `schedule`).
"""

from __future__ import annotations

from integration_pipeline.billing.money import Money, round_ratio
from integration_pipeline.billing.periods import BillingPeriod
from integration_pipeline.billing.policies import DayCount, Policies
from integration_pipeline.billing.pricing import ExactPrice


def price_of_part(price: ExactPrice, period: BillingPeriod, policies: Policies) -> Money:
    """The share of `price`, the price of `period.full`, that falls on `period.service`.

    However a full period is cut, its parts add up to its rounded price, and all parts up to any day add up
    to the rounded price up to that day.
    """
    whole = days_of_full_period(period, policies.day_count)
    after_start = (period.service.start - period.full.start).days
    upto_end = (period.service.end - period.full.start).days
    denominator = price.denominator * whole
    minor = round_ratio(price.numerator * upto_end, denominator, policies.rounding) - round_ratio(
        price.numerator * after_start, denominator, policies.rounding
    )
    return Money(minor, price.currency)


def days_of_full_period(period: BillingPeriod, day_count: DayCount) -> int:
    """The denominator of a stub's share: in how many days the price of the full period is earned."""
    match day_count:
        case DayCount.ACTUAL:
            return period.full.days
        case _:
            raise NotImplementedError(day_count)
