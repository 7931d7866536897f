"""How a service period is earned month by month, as whole-number weights.

Belongs here: periods given by instants, and the weights of their months under every `RevenueGranularity`.
Does not belong here: amounts and their rounding (`recognition`), or when an invoice is issued (`releases`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import accumulate, pairwise
from math import gcd, lcm

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import RoundingMode, round_ratio
from integration_pipeline.billing.periods import Period, add_months
from integration_pipeline.billing.policies import RevenueGranularity

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVERY_MONTH = lcm(28, 29, 30, 31)
"""A number that days of every month divide, so that shares of months of different lengths can be added."""


@dataclass(frozen=True, slots=True)
class ServiceSpan:
    """The time from `start` up to, not including, `end`; months are those of the time zone of `start`.

    Raises `InvalidTerms` for an instant without a zone and for a span that is empty.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        problems = [
            (name, f"{instant.isoformat()} has no time zone; write it as 2026-06-15T12:00Z")
            for name, instant in (("start", self.start), ("end", self.end))
            if instant.utcoffset() is None
        ]
        if not problems and _micros(self.end) <= _micros(self.start):
            problems = [("end", f"{self.end.isoformat()} is not after start {self.start.isoformat()}")]
        if problems:
            raise InvalidTerms(problems)

    def civil(self) -> Period:
        """Its days, the one on which it ends cut off; a span within one day is that day."""
        first = self.start.date()
        last = self.end.astimezone(self.start.tzinfo).date()
        return Period(first, max(last, first + timedelta(days=1)))


@dataclass(frozen=True, slots=True)
class MonthWeight:
    """The part of a calendar month that a period covers. `month` is the month's first day.

    The part runs from `opened` to `closed`, in day numbers or microseconds; `weight` of the curve's `whole`
    is earned in it, `upto` with all months before.
    """

    month: date
    opened: int
    closed: int
    weight: int
    upto: int


@dataclass(frozen=True, slots=True)
class EarningCurve:
    """The months of a period, by rising date, with what share of the whole is earned in each.

    `unit` names what the weights count if that is one thing ("days"), for formulas. `zone` is set if the
    months are cut by instants.
    """

    months: tuple[MonthWeight, ...]
    whole: int
    unit: str
    zone: tzinfo | None = None

    def position(self, day: date) -> tuple[int, int, int]:
        """How far `day` is: the number of months wholly served before it, and served and covered time of the
        month under way (day numbers or microseconds; 0 and 1 between months)."""
        mark = day.toordinal() if self.zone is None else _midnight(day, self.zone)
        for index, each in enumerate(self.months):
            if mark < each.closed:
                return index, max(mark - each.opened, 0), each.closed - each.opened
        return len(self.months), 0, 1

    def share_until(self, day: date) -> tuple[int, int]:
        """Numerator and denominator of what is earned before `day`, which rises from 0 to 1.

        Inside a month it rises evenly with the time that is served, whatever the month weighs.
        """
        index, served, covered = self.position(day)
        before = self.months[index - 1].upto if index else 0
        weight = self.months[index].weight if served else 0
        return before * covered + weight * served, self.whole * covered


@dataclass(frozen=True, slots=True)
class _Part:
    """What a period covers of a month whose full length is `length`; all in days, or all in microseconds."""

    month: date
    opened: int
    closed: int
    month_opened: int
    length: int

    @property
    def covered(self) -> int:
        return self.closed - self.opened


@lru_cache(maxsize=4096)
def earning_curve(period: Period | ServiceSpan, granularity: RevenueGranularity) -> EarningCurve:
    """The curve of `period` under `granularity`. One object per argument pair: lines share periods."""
    zone = None
    if isinstance(period, Period):
        parts = _parts_by_day(period)
    elif granularity in _BY_ELAPSED_TIME and period.start.tzinfo is not None:
        zone = period.start.tzinfo
        parts = _parts_by_instant(period, zone)
    else:
        parts = _parts_by_day(period.civil())
    if granularity is RevenueGranularity.EVEN_MONTHS_CUT:
        parts = _without_cut_month(parts)
    weights = _WEIGHTS[granularity](parts)
    unit = None if zone else _UNITS.get(granularity)
    if unit is None:
        common = gcd(*weights)
        weights = [weight // common for weight in weights]
    months = tuple(
        MonthWeight(part.month, part.opened, part.closed, weight, upto)
        for part, weight, upto in zip(parts, weights, accumulate(weights), strict=True)
    )
    return EarningCurve(months, sum(weights), unit or "parts", zone)


def _micros(instant: datetime) -> int:
    # By way of UTC: two instants of one zone subtract as clock readings, which forgets an hour twice a year.
    return (instant.astimezone(UTC) - _EPOCH) // _MICROSECOND


def _midnight(day: date, zone: tzinfo) -> int:
    return _micros(datetime(day.year, day.month, day.day, tzinfo=zone))


def _parts_by_day(period: Period) -> list[_Part]:
    return _parts(period.start, period.end.toordinal(), period.start.toordinal(), date.toordinal)


def _parts_by_instant(span: ServiceSpan, zone: tzinfo) -> list[_Part]:
    return _parts(span.start.date(), _micros(span.end), _micros(span.start), lambda day: _midnight(day, zone))


def _parts(first: date, end: int, opened: int, mark: Callable[[date], int]) -> list[_Part]:
    parts: list[_Part] = []
    month = first.replace(day=1)
    while opened < end:
        following = add_months(month, 1)
        month_opened, month_closed = mark(month), mark(following)
        closed = min(month_closed, end)
        parts.append(_Part(month, opened, closed, month_opened, month_closed - month_opened))
        month, opened = following, closed
    return parts


def _covered(parts: Sequence[_Part]) -> list[int]:
    return [part.covered for part in parts]


def _even(parts: Sequence[_Part]) -> list[int]:
    return [1] * len(parts)


def _without_cut_month(parts: list[_Part]) -> list[_Part]:
    """Without a last month that the period does not fill, unless it is the only one."""
    last = parts[-1]
    ends_early = last.closed < last.month_opened + last.length
    return parts[:-1] if ends_early and len(parts) > 1 else parts


def _even_in_the_middle(parts: Sequence[_Part]) -> list[int]:
    middle = len(parts) - 2
    if middle < 1:
        return _covered(parts)
    first, last = parts[0].covered, parts[-1].covered
    between = sum(part.covered for part in parts) - first - last
    return [first * middle, *[between] * middle, last * middle]


def _weighted(parts: Sequence[_Part]) -> list[int]:
    return [part.covered * (_EVERY_MONTH // part.length) for part in parts]


def _tenths(parts: Sequence[_Part]) -> list[int]:
    """ERPNext's `calculate_monthly_amount`, which counts days between the first and the last day served."""
    first, last = parts[0], parts[-1]
    elapsed = last.closed - 1 - first.opened
    around = last.month_opened + last.length - 1 - first.month_opened
    whole = round_ratio(10 * len(parts) * elapsed, around, RoundingMode.HALF_EVEN)
    if len(parts) == 1 or whole == 0:
        return [0] * (len(parts) - 1) + [1]
    started = 10
    if first.opened != first.month_opened:
        started = round_ratio(10 * (first.covered - 1), first.length - 1, RoundingMode.HALF_EVEN)
    reached = list(accumulate([started] + [10] * (len(parts) - 2), initial=0))
    reached = [min(each, whole) for each in reached] + [whole]
    return [upto - before for before, upto in pairwise(reached)]


_WEIGHTS: dict[RevenueGranularity, Callable[[Sequence[_Part]], list[int]]] = {
    RevenueGranularity.DAY: _covered,
    RevenueGranularity.EVEN_MONTHS: _even,
    RevenueGranularity.EVEN_MONTHS_CUT: _even,
    RevenueGranularity.EVEN_MIDDLE_MONTHS: _even_in_the_middle,
    RevenueGranularity.WEIGHTED_MONTHS: _weighted,
    RevenueGranularity.TENTHS_OF_MONTHS: _tenths,
    RevenueGranularity.INSTANT: _covered,
}
_UNITS = {
    RevenueGranularity.DAY: "days",
    RevenueGranularity.EVEN_MONTHS: "months",
    RevenueGranularity.EVEN_MONTHS_CUT: "months",
    RevenueGranularity.TENTHS_OF_MONTHS: "tenths of a month",
    RevenueGranularity.INSTANT: "days",
}
"""What weights count; the others are ratios, brought to their lowest terms so that they can be retyped."""
_BY_ELAPSED_TIME = frozenset({RevenueGranularity.INSTANT, RevenueGranularity.EVEN_MIDDLE_MONTHS})
