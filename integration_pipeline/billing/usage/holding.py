"""Units that are held for a part of a period: seats that come and go.

Belongs here: for which share of the period each change of a running level counts. Does not belong here: what
the units cost (`prorated_tiers`), or the level as such (`aggregation`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from integration_pipeline.billing.civil import civil_day
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import CancellationDay, Policies
from integration_pipeline.billing.proration import share_ratio
from integration_pipeline.billing.usage.aggregation import NOTHING_CARRIED, Carried, bucketed, carry
from integration_pipeline.billing.usage.events import UsageEvent
from integration_pipeline.billing.usage.metrics import Aggregation, Metric

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class HeldUnits:
    """`units` more (fewer, if negative) for `share` = (numerator, denominator) of the full period.

    The share is not reduced, since 15/30 says more than 1/2.
    """

    units: Decimal
    share: tuple[int, int]

    @staticmethod
    def of_prorated(units: Decimal, prorated: Decimal) -> HeldUnits:
        """`units`, of which `prorated` are charged. Raises `ValueError` for prorated units of none."""
        if not units and not prorated:
            return HeldUnits(units, (0, 1))
        if not units:
            raise ValueError(f"{prorated} prorated units need full units that they are a share of, not 0")
        share = Fraction(prorated) / Fraction(units)
        return HeldUnits(units, (share.numerator, share.denominator))

    @property
    def prorated(self) -> Fraction:
        """Units × share."""
        return Fraction(self.units) * Fraction(*self.share)


def full_units(held: Iterable[HeldUnits]) -> Fraction:
    """The level that is reached in the end, by which a volume tier is chosen."""
    return sum((Fraction(change.units) for change in held), Fraction(0))


def prorated_units(held: Iterable[HeldUnits]) -> Fraction:
    """What is charged of all changes together: the quantity to which a price per unit applies."""
    return sum((change.prorated for change in held), Fraction(0))


def held_for_rest(
    changes: Sequence[tuple[date, Decimal]],
    service: Period,
    full: Period,
    policies: Policies,
    carried: Decimal = Decimal(0),
) -> tuple[HeldUnits, ...]:
    """Every change counts from its day (inclusive) to the end of `service`, as a share of `full`.

    Day 10 of a 30-day month is 21/30. What was `carried` over, or changed before `service`, counts for all of
    it; later changes are passed over. In the order given.
    """
    held = [HeldUnits(carried, share_ratio(service, full, policies))] if carried else []
    for day, units in changes:
        if day < service.end:
            rest = Period(max(day, service.start), service.end)
            held.append(HeldUnits(units, share_ratio(rest, full, policies)))
    return tuple(held)


def held_units(
    metric: Metric,
    events: Iterable[UsageEvent],
    service: Period,
    full: Period,
    zone_name: str,
    policies: Policies,
    opening: Carried = NOTHING_CARRIED,
) -> tuple[HeldUnits, ...]:
    """What a recurring metric starts `service` with, and its changes within it, in the order they occurred.

    A sum counts each change from its day. A unique_count counts each value for its stay, whose last day is
    charged or not as `policies.cancellation_day` says, and then frees its place in the tiers. Raises
    `ValueError` for a metric that is not a recurring sum or unique_count; otherwise as `aggregate`.
    """
    if not metric.recurring or metric.aggregation not in (Aggregation.SUM, Aggregation.UNIQUE_COUNT):
        raise ValueError(
            f"metric {metric.metric[:80]!r} is no running level of a sum or unique_count: "
            "nothing of it is held for a part of a period"
        )
    (bucket,) = bucketed(metric, events, (service,), zone_name)
    carried = carry(metric, opening, bucket.before)
    dated = [(civil_day(event.occurred_at, zone_name), event) for event in bucket.within]
    if metric.aggregation is Aggregation.UNIQUE_COUNT:
        return _stays(metric, dated, service, full, policies, carried)
    changes = [(day, event.quantity) for day, event in dated]
    return held_for_rest(changes, service, full, policies, carried.level)


def _stays(
    metric: Metric,
    dated: Sequence[tuple[date, UsageEvent]],
    service: Period,
    full: Period,
    policies: Policies,
    carried: Carried,
) -> tuple[HeldUnits, ...]:
    whole = share_ratio(service, full, policies)
    held: list[HeldUnits] = []
    present: dict[str, tuple[int, date]] = {}
    for value in sorted(carried.values):
        present[value] = (len(held), service.start)
        held.append(HeldUnits(Decimal(1), whole))
    for day, event in dated:
        value = event.properties.get(metric.property or "")
        if value is None:
            continue
        if event.quantity >= 0 and value not in present:
            present[value] = (len(held), day)
            held.append(HeldUnits(Decimal(1), share_ratio(Period(day, service.end), full, policies)))
        elif event.quantity < 0 and value in present:
            index, since = present.pop(value)
            is_last_day_charged = policies.cancellation_day is not CancellationDay.NOT_BILLED
            until = day + _ONE_DAY if is_last_day_charged else day
            share = share_ratio(Period(since, until), full, policies) if until > since else (0, 1)
            held[index] = replace(held[index], share=share)
            held.append(HeldUnits(Decimal(-1), (0, 1)))
    return tuple(held)
