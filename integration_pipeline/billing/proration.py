"""Which share of a billing period's price a part of the period costs.

Belongs here: day counts, and rounding a share. Does not belong here: the price of the full period
(`pricing`), dividing rounded money among parts (`splitting`), or which parts there are (`cycles`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from fractions import Fraction

from integration_pipeline.billing.money import RoundingMode, round_ratio
from integration_pipeline.billing.periods import BillingPeriod, Period, add_months
from integration_pipeline.billing.policies import DayCount, Policies


def share_of_period(part: Period, full: Period, policies: Policies) -> Fraction:
    """The share of `full`'s price that `part` costs, under the day count and fraction rounding of `policies`.

    Exact unless `fraction_places` says otherwise; 1 for the whole period. `part` may lie partly outside
    `full` (a stub that is longer than a period) and then costs more than 1 under counts of actual days.
    """
    return Fraction(*share_ratio(part, full, policies))


def share_ratio(part: Period, full: Period, policies: Policies) -> tuple[int, int]:
    """As `share_of_period`, as (numerator, denominator), not reduced: cheaper where it is only multiplied."""
    numerator, denominator = _counted(part, full, policies)
    if policies.fraction_places is None:
        return numerator, denominator
    scale = 10**policies.fraction_places
    return round_ratio(numerator * scale, denominator, RoundingMode.HALF_UP), scale


def share_of_periods(periods: Iterable[BillingPeriod], policies: Policies) -> Fraction:
    """How many full periods `periods` cost together: each its own share, a stub less than 1."""
    return sum((share_of_period(each.service, each.full, policies) for each in periods), Fraction(0))


def elapsed_share(part_start: datetime, part_end: datetime, start: datetime, end: datetime) -> Fraction:
    """The share of the time from `start` to `end` that lies between `part_start` and `part_end`.

    All four are aware instants. Raises `ValueError` if `end` is not after `start`, or an instant is naive.
    """
    if any(instant.tzinfo is None for instant in (part_start, part_end, start, end)):
        raise ValueError("an instant without a time zone is no instant; state its offset")
    whole = _microseconds(end - start)
    if whole <= 0:
        raise ValueError(f"a period ends after it starts, not {start}..{end}")
    return Fraction(_microseconds(part_end - part_start), whole)


def describe_share(part: Period, full: Period, policies: Policies) -> str:
    """For people: `15/31 days of 2026-01-01..2026-02-01`, or the words of another day count."""
    numerator, denominator = share_ratio(part, full, policies)
    match policies.day_count:
        case DayCount.CUSTOM if policies.custom.proration is not None:
            return f"{numerator}/{denominator} of {full} ({policies.custom.proration.label})"
        case DayCount.ACTUAL | DayCount.ELAPSED if policies.fraction_places is None:
            return f"{numerator}/{denominator} days of {full}"
        case DayCount.FULL | DayCount.FREE:
            return f"{numerator} ({policies.day_count}) of {full}"
        case _:
            return f"{numerator}/{denominator} of {full} ({policies.day_count})"


def _counted(part: Period, full: Period, policies: Policies) -> tuple[int, int]:
    months = _months_of(full)
    match policies.day_count:
        case DayCount.ACTUAL | DayCount.ELAPSED:
            # Between civil dates all days are equally long; instants are compared by `elapsed_share`.
            return part.days, full.days
        case DayCount.FULL:
            return 1, 1
        case DayCount.FREE:
            return int(part == full), 1
        case DayCount.CUSTOM:
            return policies.custom.share(part, full)
        case _ if months == 0:
            # The remaining counts speak of months; a period of weeks or days has none, and counts its days.
            return part.days, full.days
        case DayCount.ACTUAL_OVER_30:
            return part.days, 30 * months
        case DayCount.ACTUAL_365:
            return part.days * 12, 365 * months
        case DayCount.FIXED_MONTH:
            return fixed_month_days(part, policies.fixed_month_days), policies.fixed_month_days * months
        case DayCount.THIRTY_360:
            return _thirty_360_days(part), 30 * months
        case DayCount.MONTHS_THEN_DAYS:
            share = _months_then_days(part, full)
            return share.numerator, share.denominator * months


def fixed_month_days(part: Period, month_days: int) -> int:
    """Days of `part` where every month is `month_days` long: crossing its end counts a month as that long."""
    crossed = (part.end.year - part.start.year) * 12 + part.end.month - part.start.month
    return crossed * month_days + part.end.day - part.start.day


def _thirty_360_days(part: Period) -> int:
    """Days of a 360-day year, in which the last day of every month is its 30th."""
    last = part.end - timedelta(days=1)
    first = part.start
    months = (last.year - first.year) * 12 + last.month - first.month
    return months * 30 + _day_of_30(last) - _day_of_30(first) + 1


def _day_of_30(day: date) -> int:
    return 30 if (day + timedelta(days=1)).day == 1 else min(day.day, 30)


def _months_then_days(part: Period, full: Period) -> Fraction:
    """Months of `part` on the grid of `full`: a month it holds wholly is 1, another its share of days."""
    anchor = max(full.start.day, full.end.day)
    months = Fraction(0)
    index = (part.start.year - full.start.year) * 12 + part.start.month - full.start.month - 1
    opened = add_months(full.start, index, anchor)
    while opened < part.end:
        index += 1
        closed = add_months(full.start, index, anchor)
        days = (min(closed, part.end) - max(opened, part.start)).days
        if days > 0:
            months += Fraction(days, (closed - opened).days)
        opened = closed
    return months


def _months_of(full: Period) -> int:
    """How many whole months `full` is long; 0 if it is no whole number of them."""
    months = (full.end.year - full.start.year) * 12 + full.end.month - full.start.month
    anchor = max(full.start.day, full.end.day)
    return months if months > 0 and add_months(full.start, months, anchor) == full.end else 0


def _microseconds(length: timedelta) -> int:
    return length // timedelta(microseconds=1)
