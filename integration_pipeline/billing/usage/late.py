"""Events that come after their period was invoiced.

Belongs here: which usage an invoice could know, and what later invoices must make good for it. Does not
belong here: what the difference costs (`pricing`), or on what kind of document it appears (`Correction`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import pairwise

from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.usage.aggregation import (
    NOTHING_CARRIED,
    Aggregated,
    Bucket,
    Carried,
    aggregate_buckets,
    bucketed,
)
from integration_pipeline.billing.usage.events import UsageEvent
from integration_pipeline.billing.usage.metrics import Metric


@dataclass(frozen=True, slots=True)
class LateUsage:
    """What an invoice makes good for an earlier period: `now` is known of it, `before` was invoiced."""

    before: Aggregated
    now: Aggregated

    @property
    def period(self) -> Period:
        """The service period whose usage changed."""
        return self.now.period

    @property
    def change(self) -> Fraction:
        """Units to be billed in addition; negative where events took units back."""
        return self.now.quantity - self.before.quantity

    @property
    def formula(self) -> str:
        """For people: `sum of 3 events = 120; invoiced before: sum of 2 events = 100`."""
        return f"{self.now.formula}; invoiced before: {self.before.formula}"


@dataclass(frozen=True, slots=True)
class InvoicedUsage:
    """The usage on one invoice: of its own period, if it has one, and of earlier ones what came late."""

    cutoff: datetime
    current: Aggregated | None
    late: tuple[LateUsage, ...]


def invoiced_usage(
    metric: Metric,
    events: Iterable[UsageEvent],
    periods: Sequence[Period],
    cutoffs: Sequence[datetime],
    zone_name: str,
    opening: Carried = NOTHING_CARRIED,
) -> tuple[InvoicedUsage, ...]:
    """The usage of every invoice: invoice k bills period k with the events received before its cut-off k.

    An event received after its period was invoiced is made good by the first invoice whose cut-off lies
    after it was received; cut-offs beyond the last period do only that. So an invoice depends on nothing
    received after its cut-off: asked daily or once at the end, it is the same. Quantities of a period add
    up over all invoices to what is known of it at the last. Raises `ValueError` if there are fewer cut-offs
    than periods or they fall; otherwise as `aggregate_periods`.
    """
    if len(cutoffs) < len(periods):
        raise ValueError(f"{len(periods)} periods need as many cut-offs, not {len(cutoffs)}")
    if any(later < earlier for earlier, later in pairwise(cutoffs)):
        raise ValueError("cut-offs must rise, as the usage of an earlier invoice is known to a later one")
    buckets = bucketed(metric, events, periods, zone_name)
    known: tuple[Aggregated, ...] = ()
    invoices: list[InvoicedUsage] = []
    for index, cutoff in enumerate(cutoffs):
        received = (_received_before(cutoff, bucket) for bucket in buckets[: index + 1])
        now = aggregate_buckets(metric, received, zone_name, opening)
        late = tuple(
            LateUsage(before, after)
            for before, after in zip(known, now, strict=False)
            if before.quantity != after.quantity
        )
        invoices.append(InvoicedUsage(cutoff, now[index] if index < len(periods) else None, late))
        known = now
    return tuple(invoices)


def _received_before(cutoff: datetime, bucket: Bucket) -> Bucket:
    before, within = (
        [event for event in events if event.received_at < cutoff] for events in (bucket.before, bucket.within)
    )
    return Bucket(bucket.period, before, within)
