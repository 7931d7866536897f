"""From moments to figures: one deal's way into the books, and what many of them come to.

Pure. Moments are epoch seconds of one machine's clock, figures are milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

GOAL_MS = 50.0
PROMISE_MS = 500.0
STAGES = (
    "extract",
    "raw_gate",
    "customers",
    "normalize",
    "deal_gate",
    "schedule",
    "document_gate",
    "post",
    "recognize",
)
_BETWEEN_STAGES = "claims, waiting for the batch before, settling"


@dataclass(frozen=True, slots=True)
class Spread:
    """Of many durations; a percentile is the smallest duration that so many per cent do not exceed."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, milliseconds: Iterable[float]) -> Spread:
        """Raises ValueError without any duration."""
        ordered = sorted(milliseconds)
        if not ordered:
            raise ValueError("there is nothing to measure: not one duration")
        return cls(
            count=len(ordered),
            mean=round(fmean(ordered), 2),
            p50=percentile(ordered, 50),
            p95=percentile(ordered, 95),
            p99=percentile(ordered, 99),
            max=round(ordered[-1], 2),
        )


def percentile(ordered: Sequence[float], per_cent: int) -> float:
    """By nearest rank, of durations in ascending order."""
    return round(ordered[max(0, math.ceil(len(ordered) * per_cent / 100) - 1)], 2)


@dataclass(frozen=True, slots=True)
class Batch:
    """What a worker did at one go; `stages` are seconds by name."""

    id: int
    started_at: float
    finished_at: float
    deals: int
    stages: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Way:
    """One deal: when it was to be closed and was, and what followed.

    `sent_at` is just before the webhook's first POST was written, `received_at` its insertion in the inbox,
    `acknowledged_at` the answer's arrival. `booked_at` is the commit timestamp of the transaction that holds
    the journal entry, which PostgreSQL takes just before it waits for the disk; `settled_at` is later than
    that wait. `batch` is None where a Dagster run did the work.
    """

    deal: str
    newcomer: bool
    intended_at: float
    sent_at: float
    received_at: float
    acknowledged_at: float
    booked_at: float
    settled_at: float
    batch: Batch | None

    @property
    def latency_ms(self) -> float:
        """From the webhook to the books, whatever came between."""
        return 1e3 * (self.settled_at - self.sent_at)


@dataclass(frozen=True, slots=True)
class Latencies:
    """`webhook_to_books` ends when all is settled, `webhook_to_commit` at the entry's commit timestamp.

    `intended_to_books` begins when the load was to close the deal, so that a CRM, or a load, that is late
    hides nothing.
    """

    webhook_to_books: Spread
    webhook_to_commit: Spread
    intended_to_books: Spread
    webhook_to_inbox: Spread
    webhook_to_acknowledgement: Spread
    newcomers_to_books: Spread | None
    share_within_50_ms: float
    share_within_500_ms: float

    @classmethod
    def of(cls, ways: Sequence[Way]) -> Latencies:
        books = [way.latency_ms for way in ways]
        newcomers = [way.latency_ms for way in ways if way.newcomer]
        return cls(
            webhook_to_books=Spread.of(books),
            webhook_to_commit=Spread.of(1e3 * (way.booked_at - way.sent_at) for way in ways),
            intended_to_books=Spread.of(1e3 * (way.settled_at - way.intended_at) for way in ways),
            webhook_to_inbox=Spread.of(1e3 * (way.received_at - way.sent_at) for way in ways),
            webhook_to_acknowledgement=Spread.of(1e3 * (way.acknowledged_at - way.sent_at) for way in ways),
            newcomers_to_books=Spread.of(newcomers) if newcomers else None,
            share_within_50_ms=_share(books, GOAL_MS),
            share_within_500_ms=_share(books, PROMISE_MS),
        )


def where_it_goes(ways: Sequence[Way]) -> dict[str, float]:
    """What a deal waits for, on average, in the order of its way; adds up to its mean latency.

    A deal waits for its whole batch, however many others are in it.
    """
    billed = [(way, way.batch) for way in ways if way.batch is not None]
    if not billed:
        return {}
    parts: dict[str, list[float]] = {"gateway, until it is in the inbox": [], "until a worker begins": []}
    parts |= {stage: [] for stage in STAGES} | {_BETWEEN_STAGES: []}
    for way, batch in billed:
        parts["gateway, until it is in the inbox"].append(way.received_at - way.sent_at)
        parts["until a worker begins"].append(batch.started_at - way.received_at)
        for stage in STAGES:
            parts[stage].append(batch.stages.get(stage, 0.0))
        rest = way.settled_at - batch.started_at - sum(batch.stages.values())
        parts[_BETWEEN_STAGES].append(rest)
    return {name: round(1e3 * fmean(seconds), 2) for name, seconds in parts.items()}


@dataclass(frozen=True, slots=True)
class Batches:
    """How the work was cut. `stage_ms` are means over batches."""

    count: int
    deals_mean: float
    deals_max: int
    wall_ms: Spread
    stage_ms: Mapping[str, float]

    @classmethod
    def of(cls, batches: Sequence[Batch]) -> Batches | None:
        if not batches:
            return None
        return cls(
            count=len(batches),
            deals_mean=round(fmean(batch.deals for batch in batches), 2),
            deals_max=max(batch.deals for batch in batches),
            wall_ms=Spread.of(1e3 * (batch.finished_at - batch.started_at) for batch in batches),
            stage_ms={
                stage: round(1e3 * fmean(batch.stages.get(stage, 0.0) for batch in batches), 2)
                for stage in STAGES
            },
        )


def throughput(ways: Sequence[Way]) -> float:
    """Deals booked a second, from the first webhook to the last settlement."""
    seconds = max(way.settled_at for way in ways) - min(way.sent_at for way in ways)
    return round(len(ways) / seconds, 1)


def lag_seconds(ways: Sequence[Way]) -> float:
    """How long after the last deal was to be closed everything was settled."""
    return round(max(way.settled_at for way in ways) - max(way.intended_at for way in ways), 2)


def _share(durations: Sequence[float], limit: float) -> float:
    return round(sum(each <= limit for each in durations) / len(durations), 4)
