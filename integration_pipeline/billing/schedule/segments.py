"""Segments: stretches cut where the terms of their days change, laid over billing periods.

Does not belong here: why they are cut (`timeline`, `lanes`), what the pieces cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from integration_pipeline.billing.periods import BillingPeriod, Period
from integration_pipeline.billing.schedule.timeline import Stretch
from integration_pipeline.billing.terms import Phase


class Segment(NamedTuple):
    """Days `[start, end)` of a stretch on which nothing changes."""

    start: date
    end: date
    stretch: Stretch
    phase: Phase | None


def pieces_of(
    segments: Sequence[Segment], periods: Iterable[BillingPeriod]
) -> Iterator[tuple[BillingPeriod, Iterable[tuple[int, Period]]]]:
    """Each billing period with the segments that meet its service, by number, and the days they share.

    Segments and periods are in order and do not overlap; a period in a gap has no pieces. A piece that is all
    of the service is that very object.
    """
    first = 0
    for period in periods:
        service = period.service
        while segments[first].end <= service.start:
            first += 1
        start, end, _, _ = segments[first]
        if start <= service.start and end >= service.end:
            yield period, ((first, service),)
        else:
            yield period, _pieces(segments, first, service)


def _pieces(segments: Sequence[Segment], first: int, service: Period) -> Iterator[tuple[int, Period]]:
    for position in range(first, len(segments)):
        start, end, _, _ = segments[position]
        if start >= service.end:
            return
        yield position, Period(max(start, service.start), min(end, service.end))
