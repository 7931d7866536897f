"""The highest rate that is kept up: every deal within the promise, and none left over at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

from benchmarks.latency.figures import PROMISE_MS
from benchmarks.latency.series import Series

_STRIDE = 1.3
_CLOSE = 1.1
_LAG_SECONDS = 1.0
_OF_THE_LOAD = 0.97


@dataclass(frozen=True, slots=True)
class Sustained:
    """`deals_per_second` is None where even the lowest rate tried was too high; `tried` have all that was."""

    deals_per_second: float | None
    p99_ms: float | None
    tried: Sequence[Series]


def is_sustained(series: Series) -> bool:
    """99 of 100 deals within half a second, all of them within a second of the last, the load not held up."""
    return (
        series.latencies_ms.webhook_to_books.p99 <= PROMISE_MS
        and series.settled_after_last_seconds <= _LAG_SECONDS
        and series.closed_per_second >= _OF_THE_LOAD * series.deals_per_second
    )


def highest(known: Sequence[Series], attempt: Callable[[float], Series], steps: int) -> Sustained:
    """The highest rate, to a tenth, that is kept up, after `steps` attempts at most.

    Between the highest rate known to be kept up and the lowest known not to be, the search halves the gap by
    ratio; while one of them is not known, it climbs or descends.
    """
    best = max(filter(is_sustained, known), key=lambda each: each.deals_per_second, default=None)
    # One bad moment of the machine at a low rate says nothing about higher ones that went well.
    floor = best.deals_per_second if best else 0.0
    too_high = min(
        (each.deals_per_second for each in known if each.deals_per_second > floor and not is_sustained(each)),
        default=None,
    )
    tried: list[Series] = []
    for _ in range(steps):
        if best is None:
            rate = (too_high or 1.0) / _STRIDE
        elif too_high is None:
            rate = best.deals_per_second * _STRIDE
        elif too_high < best.deals_per_second * _CLOSE:
            break
        else:
            rate = sqrt(best.deals_per_second * too_high)
        series = attempt(round(rate, 1))
        tried.append(series)
        if is_sustained(series):
            best = series
        else:
            too_high = series.deals_per_second
    return Sustained(
        best.deals_per_second if best else None,
        best.latencies_ms.webhook_to_books.p99 if best else None,
        tried,
    )
