"""What a stage says about its work, in one shape for the terminal, Dagster and the logs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from integration_pipeline.quality.rules import Verdict


@dataclass(slots=True)
class StageReport:
    """Counts by name, money by (name, currency) in minor units, verdicts of the suites that were asked.

    `seconds` is wall time.
    """

    stage: str
    counts: Counter[str] = field(default_factory=Counter[str])
    money: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    seconds: float = 0.0

    def as_json(self) -> dict[str, object]:
        """Plain data with stable names, keys sorted."""
        money: dict[str, dict[str, int]] = {}
        for (name, currency), minor in sorted(self.money.items()):
            money.setdefault(name, {})[currency] = minor
        return {
            "stage": self.stage,
            "counts": dict(sorted(self.counts.items())),
            "money_minor": money,
            "quarantined_now": sum(len(verdict.failed_row_ids) for verdict in self.verdicts),
            "seconds": round(self.seconds, 4),
        }


@contextmanager
def reporting(stage: str) -> Generator[StageReport]:
    """A report that times the block it is used in."""
    report = StageReport(stage)
    started = time.perf_counter()
    try:
        yield report
    finally:
        report.seconds = time.perf_counter() - started
