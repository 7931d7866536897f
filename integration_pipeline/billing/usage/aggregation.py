"""Adding up: the usage events of a metric become one exact quantity per period.

Belongs here: `aggregate`, the levels that carry over, why a quantity is what it is. Does not belong here: the
terms of a metric (`metrics`), what was known when (`late`), prices.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Clamped, Context, Decimal, Inexact, InvalidOperation, Overflow, Rounded, Subnormal
from fractions import Fraction

from integration_pipeline.billing.civil import civil_day, start_of_day
from integration_pipeline.billing.money import round_ratio
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.pricing.wording import counted
from integration_pipeline.billing.usage.events import UsageEvent, distinct_events
from integration_pipeline.billing.usage.metrics import Aggregation, Metric, Weight

# Terms have 27 digits at most, so sums stay exact far beyond any number of events; if not, it says so.
_EXACT = Context(prec=100, traps=[Inexact, Rounded, InvalidOperation, Overflow, Subnormal, Clamped])
_MICROSECOND = timedelta(microseconds=1)
_LISTED_LEVELS = 12


@dataclass(frozen=True, slots=True)
class Carried:
    """What a period hands to the next one: the level it ended on, and the values that unique_count holds."""

    level: Decimal = Decimal(0)
    values: frozenset[str] = frozenset()


NOTHING_CARRIED = Carried()


@dataclass(frozen=True, slots=True)
class Level:
    """`units` held from `since` for `weight` parts of the period (microseconds or days)."""

    units: Decimal
    since: datetime
    weight: int


@dataclass(frozen=True, slots=True)
class Aggregated:
    """The usage of one period. `quantity` is exact, or rounded as the metric says.

    `events` were counted, the first and last of them in UTC. `levels` are those of a weighted sum, in order,
    and `weight` is that of the whole period.
    """

    metric: Metric
    period: Period
    quantity: Fraction
    events: int
    first: datetime | None
    last: datetime | None
    opening: Carried
    closing: Carried
    levels: tuple[Level, ...] = ()
    weight: int = 1

    @property
    def formula(self) -> str:
        """For people: `75 carried over + 20 in 1 event = 95`."""
        result = counted(self.quantity)
        if self.metric.aggregation is Aggregation.WEIGHTED_SUM:
            return f"{self._weighted_text()} = {result}"
        number = f"{self.events} {'event' if self.events == 1 else 'events'}"
        match self.metric.aggregation:
            case Aggregation.SUM if self.metric.recurring:
                change = Fraction(self.closing.level) - Fraction(self.opening.level)
                carried = counted(Fraction(self.opening.level))
                return f"{carried} carried over {_signed(change)} in {number} = {result}"
            case Aggregation.COUNT:
                return number
            case Aggregation.UNIQUE_COUNT:
                carried = f"{len(self.opening.values)} carried over, " if self.metric.recurring else ""
                return f"{carried}{result} different values of {self.metric.property} in {number}"
            case Aggregation.MAX | Aggregation.LAST:
                which = "greatest" if self.metric.aggregation is Aggregation.MAX else "latest"
                carried = f" and {counted(Fraction(self.opening.level))} carried over"
                return f"{which} of {number}{carried if self.metric.recurring else ''} = {result}"
            case _:
                return f"sum of {number} = {result}"

    def _weighted_text(self) -> str:
        unit = "days" if self.metric.weighted_by is Weight.DAYS else "s"
        scale = 1 if self.metric.weighted_by is Weight.DAYS else 1_000_000
        held = [
            f"{counted(Fraction(level.units))} × {counted(Fraction(level.weight, scale))} {unit}"
            for level in self.levels[:_LISTED_LEVELS]
        ]
        if further := len(self.levels) - len(held):
            held.append(f"{further} further levels")
        return f"({' + '.join(held)}) / {counted(Fraction(self.weight, scale))} {unit}"


def aggregate(
    metric: Metric,
    events: Iterable[UsageEvent],
    period: Period,
    zone_name: str,
    opening: Carried = NOTHING_CARRIED,
) -> Aggregated:
    """The usage of `metric` in `period`, whose days are those of `zone_name`; as `aggregate_periods`."""
    (only,) = aggregate_periods(metric, events, (period,), zone_name, opening)
    return only


def aggregate_periods(
    metric: Metric,
    events: Iterable[UsageEvent],
    periods: Sequence[Period],
    zone_name: str,
    opening: Carried = NOTHING_CARRIED,
) -> tuple[Aggregated, ...]:
    """The usage of `metric` in each of `periods`, which follow one another (gaps are possible).

    `events` are all of one customer or contract; those of other metrics are passed over. A recurring metric
    starts from `opening`, to which events before the first period are added, and carries its level from
    period to period; any other starts each period from nothing. Raises `InvalidEvents` if events contradict
    each other, `ValueError` if periods overlap or the zone is unknown.
    """
    return aggregate_buckets(metric, bucketed(metric, events, periods, zone_name), zone_name, opening)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The events of one period, and those before it that belong to no period."""

    period: Period
    before: Sequence[UsageEvent]
    within: Sequence[UsageEvent]


def bucketed(
    metric: Metric, events: Iterable[UsageEvent], periods: Sequence[Period], zone_name: str
) -> tuple[Bucket, ...]:
    """The events that `metric` selects, each once, sorted into periods. Raises as `aggregate_periods`."""
    selected = distinct_events(event for event in events if metric.selects(event))
    occurred = [event.occurred_at for event in selected]
    buckets: list[Bucket] = []
    reached, closed = 0, date.min
    for period in periods:
        if period.start < closed:
            raise ValueError(f"period {period} starts before the one before it ends on {closed}")
        first = bisect_left(occurred, start_of_day(period.start, zone_name))
        behind = bisect_left(occurred, start_of_day(period.end, zone_name))
        buckets.append(Bucket(period, selected[reached:first], selected[first:behind]))
        reached, closed = behind, period.end
    return tuple(buckets)


def aggregate_buckets(
    metric: Metric, buckets: Iterable[Bucket], zone_name: str, opening: Carried = NOTHING_CARRIED
) -> tuple[Aggregated, ...]:
    """As `aggregate_periods`, of events that are sorted into periods already."""
    carried = opening if metric.recurring else NOTHING_CARRIED
    results: list[Aggregated] = []
    for bucket in buckets:
        carried = carry(metric, carried, bucket.before)
        result = _aggregate(metric, bucket.within, bucket.period, zone_name, carried)
        results.append(result)
        carried = result.closing
    return tuple(results)


def carry(metric: Metric, carried: Carried, events: Sequence[UsageEvent]) -> Carried:
    """What is carried on once `events` have happened: nothing of a metric that does not recur."""
    if not events or not metric.recurring:
        return carried
    match metric.aggregation:
        case Aggregation.UNIQUE_COUNT:
            held = set(carried.values)
            for event in events:
                value = event.properties.get(metric.property or "")
                if value is not None and event.quantity < 0:
                    held.discard(value)
                elif value is not None:
                    held.add(value)
            return Carried(Decimal(len(held)), frozenset(held))
        case Aggregation.SUM | Aggregation.WEIGHTED_SUM:
            return Carried(_sum(events, carried.level))
        case _:
            return Carried(events[-1].quantity)


def _aggregate(
    metric: Metric, events: Sequence[UsageEvent], period: Period, zone_name: str, opening: Carried
) -> Aggregated:
    levels: tuple[Level, ...] = ()
    weight = 1
    match metric.aggregation:
        case Aggregation.SUM:
            quantity = Fraction(_sum(events, opening.level))
        case Aggregation.COUNT:
            quantity = Fraction(len(events))
        case Aggregation.MAX:
            readings = [event.quantity for event in events]
            readings += [opening.level] if metric.recurring or not events else []
            quantity = Fraction(max(readings))
        case Aggregation.LAST:
            quantity = Fraction(events[-1].quantity if events else opening.level)
        case Aggregation.UNIQUE_COUNT:
            quantity = Fraction(len(_values(metric, events, opening)))
        case Aggregation.WEIGHTED_SUM:
            levels, weight = _levels(metric, events, period, zone_name, opening)
            quantity = Fraction(_total_weight(levels)) / weight
    if metric.rounding is not None:
        scale = 10**metric.rounding.decimals
        rounded = round_ratio(quantity.numerator * scale, quantity.denominator, metric.rounding.mode)
        quantity = Fraction(rounded, scale)
    first, last = (events[0].occurred_at, events[-1].occurred_at) if events else (None, None)
    closing = carry(metric, opening, events)
    return Aggregated(metric, period, quantity, len(events), first, last, opening, closing, levels, weight)


def _sum(events: Sequence[UsageEvent], opening: Decimal) -> Decimal:
    total = opening
    for event in events:
        total = _EXACT.add(total, event.quantity)
    return total


def _values(metric: Metric, events: Sequence[UsageEvent], opening: Carried) -> set[str]:
    """Every value that was held at some time of the period, given up within it or not."""
    held = {
        value
        for event in events
        if event.quantity >= 0 and (value := event.properties.get(metric.property or "")) is not None
    }
    return held | opening.values


def _levels(
    metric: Metric, events: Sequence[UsageEvent], period: Period, zone_name: str, opening: Carried
) -> tuple[tuple[Level, ...], int]:
    """Every level of the period with its weight, and the weight of the whole period."""
    start, end = start_of_day(period.start, zone_name), start_of_day(period.end, zone_name)
    by_days = metric.weighted_by is Weight.DAYS

    def weight_at(instant: datetime) -> int:
        """How much of the period lies before `instant`, or before its day."""
        if by_days:
            return (civil_day(instant, zone_name) - period.start).days
        return (instant - start) // _MICROSECOND

    whole = period.days if by_days else weight_at(end)
    levels: list[Level] = []
    units, since, reached = opening.level, start, 0
    for event in events:
        upto = weight_at(event.occurred_at)
        if upto > reached:
            levels.append(Level(units, since, upto - reached))
            since, reached = event.occurred_at, upto
        units = _EXACT.add(units, event.quantity)
    levels.append(Level(units, since, whole - reached))
    return tuple(levels), whole


def _total_weight(levels: Sequence[Level]) -> Decimal:
    total = Decimal(0)
    for level in levels:
        total = _EXACT.fma(level.units, Decimal(level.weight), total)
    return total


def _signed(change: Fraction) -> str:
    return f"− {counted(-change)}" if change < 0 else f"+ {counted(change)}"
