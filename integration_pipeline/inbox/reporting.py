"""What was settled outside Dagster and has yet to be told to it.

Belongs here: reading batches that nobody reported, adding up what they did, noting that it was told. Does not
belong here: how Dagster is told (`defs`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from integration_pipeline.pipeline.reports import StageReport

BATCHES_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Activity:
    """What some batches did. `months` are close months (first days); `reports` have one entry for each stage.

    `latencies_ms` run from an event's receipt to its deal's commit in the books, one of each event, sorted.
    """

    batch_ids: tuple[int, ...]
    workers: tuple[str, ...]
    events: int
    deals: int
    months: tuple[date, ...]
    reports: tuple[StageReport, ...]
    latencies_ms: tuple[int, ...]
    started_at: datetime
    finished_at: datetime

    def latency_ms(self, percent: int) -> int | None:
        """The latency that `percent` of the events did not exceed (nearest rank); None without events."""
        if not self.latencies_ms:
            return None
        rank = -(-percent * len(self.latencies_ms) // 100)
        return self.latencies_ms[max(rank, 1) - 1]

    def count(self, stage: str, name: str) -> int:
        """A count of one stage; 0 if the stage did not run."""
        return sum(report.counts[name] for report in self.reports if report.stage == stage)


def unreported(connection: Connection, *, worker: str | None = None) -> Activity | None:
    """What Dagster was not told yet, oldest first, up to 2,000 batches; None if it knows everything.

    `worker` restricts it to the batches of one.
    """
    rows = connection.execute(text(_UNREPORTED), {"limit": BATCHES_AT_ONCE, "worker": worker}).all()
    if not rows:
        return None
    return Activity(
        batch_ids=tuple(row.id for row in rows),
        workers=tuple(sorted({row.worker for row in rows})),
        events=sum(row.events for row in rows),
        deals=sum(row.deals for row in rows),
        months=tuple(sorted({month for row in rows for month in row.months})),
        reports=tuple(added_up(report for row in rows for report in row.reports)),
        latencies_ms=tuple(sorted(latency for row in rows for latency in row.latencies_ms)),
        started_at=min(row.started_at for row in rows),
        finished_at=max(row.finished_at for row in rows),
    )


def mark_reported(connection: Connection, batch_ids: Sequence[int]) -> None:
    """Note in the caller's transaction that Dagster knows of these batches."""
    connection.execute(text(_MARK), {"ids": list(batch_ids)})


def added_up(reports: Iterable[Mapping[str, Any]]) -> list[StageReport]:
    """Stage reports as plain data (`StageReport.as_json`), added up for each stage, in order."""
    stages: dict[str, StageReport] = {}
    for report in reports:
        stage = stages.setdefault(report["stage"], StageReport(report["stage"]))
        stage.counts += Counter(report["counts"])
        for name, by_currency in report["money_minor"].items():
            for currency, minor in by_currency.items():
                stage.money[name, currency] += minor
        stage.seconds += report["seconds"]
    return list(stages.values())


_UNREPORTED = """
    SELECT id, worker, started_at, finished_at, events, deals, months, reports, latencies_ms
    FROM inbox.batches
    WHERE reported_at IS NULL AND (CAST(:worker AS text) IS NULL OR worker = :worker)
    ORDER BY id
    LIMIT :limit
"""
_MARK = """
    UPDATE inbox.batches SET reported_at = clock_timestamp()
    WHERE id = ANY(CAST(:ids AS bigint[])) AND reported_at IS NULL
"""
