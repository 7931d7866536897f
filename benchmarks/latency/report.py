"""What comes of a benchmark: figures as JSON, a table for the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.latency.series import Series
from benchmarks.latency.sustained import Sustained

_HEADINGS = (
    *("series", "deals", "booked/s", "p50", "p95", "p99", "max", "<=50 ms", "<=500 ms"),
    *("deals a batch", "CRM calls a deal"),
)


@dataclass(frozen=True, slots=True)
class Proof:
    """That every closed deal is in the books, once. `problems` are those of `verify`.

    `documents_before` are the history's.
    """

    documents_before: int
    deals_closed: int
    documents: int
    entries_verified: int
    trial_balance_minor: Mapping[str, int]
    problems: Sequence[str]

    @property
    def holds(self) -> bool:
        return (
            self.documents == self.documents_before + self.deals_closed
            and not self.problems
            and not any(self.trial_balance_minor.values())
        )


@dataclass(frozen=True, slots=True)
class Report:
    """Field names are those of the JSON. `series` are without limits of CRM calls.

    `failure` says why the rest is missing; the proof does not hold then.
    """

    measured_at: str
    commit: str | None
    machine: Mapping[str, object]
    series: Sequence[Series]
    under_hubspot_limits: Sequence[Series]
    sensor_only: Series | None
    highest_rate_sustained: Sustained | None
    failure: str | None
    proof: Proof

    def write(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=2) + "\n")

    def table(self) -> str:
        """Latencies from the webhook to the books, in milliseconds, and where they come from."""
        rows = [_HEADINGS, *(_row(each.name, each) for each in self.series)]
        rows += [_row(f"{each.name}, HubSpot's limits", each) for each in self.under_hubspot_limits]
        if self.sensor_only is not None:
            rows.append(_row("sensor only", self.sensor_only))
        lines = _aligned(rows)
        if self.highest_rate_sustained is not None:
            lines += ["", f"highest rate sustained: {self.highest_rate_sustained.deals_per_second} deals/s"]
        lines += ["", "what a deal waits for, mean ms"]
        parts = list(dict.fromkeys(part for each in self.series for part in each.where_the_time_goes_ms))
        lines += _aligned(
            [
                ("", *(each.name for each in self.series)),
                *(
                    (part, *(f"{each.where_the_time_goes_ms.get(part, 0.0):.1f}" for each in self.series))
                    for part in parts
                ),
            ]
        )
        lines += ["", "processor ms a deal"]
        programs = list(dict.fromkeys(name for each in self.series for name in each.cpu_ms_per_deal))
        lines += _aligned(
            [
                ("", *(each.name for each in self.series)),
                *(
                    (name, *(f"{each.cpu_ms_per_deal.get(name, 0.0):.1f}" for each in self.series))
                    for name in programs
                ),
                ("busy elsewhere", *(f"{each.processors_busy_elsewhere}" for each in self.series)),
            ]
        )
        return "\n".join(lines) + "\n"


def _row(name: str, series: Series) -> tuple[str, ...]:
    spread = series.latencies_ms.webhook_to_books
    batches = series.batches
    return (
        name,
        str(series.deals),
        f"{series.booked_per_second:.1f}",
        *(f"{each:.0f}" for each in (spread.p50, spread.p95, spread.p99, spread.max)),
        f"{series.latencies_ms.share_within_50_ms:.1%}",
        f"{series.latencies_ms.share_within_500_ms:.1%}",
        f"{batches.deals_mean:.1f}" if batches else "",
        f"{series.crm_calls_per_deal:.2f}",
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
