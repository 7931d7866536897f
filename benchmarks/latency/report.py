"""What comes of a benchmark: figures as JSON, a table for the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.latency.series import Series
from benchmarks.latency.sustained import Sustained

Row = tuple[str, ...]

_HEADINGS: Row = (
    *("", "deals", "p50", "p95", "p99", "max", "within 50 ms", "within 500 ms"),
    *("booked a second", "deals a batch", "CRM calls a deal"),
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

    def tables(self) -> dict[str, list[Row]]:
        """By title; the first row has the headings. Durations are milliseconds from webhook to books."""
        latencies = [_HEADINGS, *(_latencies(each.name, each) for each in self.series)]
        latencies += [
            _latencies(f"{each.name}, HubSpot's limits", each) for each in self.under_hubspot_limits
        ]
        if self.sensor_only is not None:
            latencies.append(_latencies("sensor only", self.sensor_only))
        names = tuple(each.name for each in self.series)
        waits = [each.where_the_time_goes_ms for each in self.series]
        processors = [
            {**each.cpu_ms_per_deal, "all of them": sum(each.cpu_ms_per_deal.values())}
            for each in self.series
        ]
        elsewhere = tuple(str(each.processors_busy_elsewhere) for each in self.series)
        return {
            "from webhook to books, ms": latencies,
            "what a deal waits for, mean ms": [("", *names), *_by_part(waits)],
            "processor ms a deal": [
                ("", *names),
                *_by_part(processors),
                ("processors busy elsewhere", *elsewhere),
            ],
        }

    def text(self) -> str:
        """The tables for a terminal."""
        lines: list[str] = []
        for title, rows in self.tables().items():
            lines += [title, *_aligned(rows), ""]
        return "\n".join(lines) + self._rate() + "\n"

    def markdown(self) -> str:
        """The tables for a document."""
        lines: list[str] = []
        for title, (headings, *rows) in self.tables().items():
            ruler = ("---", *("---:" for _ in headings[1:]))
            lines += [f"{title}:", "", *(f"| {' | '.join(row)} |" for row in (headings, ruler, *rows)), ""]
        return "\n".join(lines) + self._rate() + "\n"

    def _rate(self) -> str:
        found = self.highest_rate_sustained
        return f"highest rate sustained: {found.deals_per_second} deals/s" if found else ""


def _by_part(columns: Sequence[Mapping[str, float]]) -> list[Row]:
    parts = dict.fromkeys(part for column in columns for part in column)
    return [(part, *(f"{column.get(part, 0.0):.1f}" for column in columns)) for part in parts]


def _latencies(name: str, series: Series) -> Row:
    spread = series.latencies_ms.webhook_to_books
    batches = series.batches
    return (
        name,
        f"{series.deals:,}",
        *(f"{each:,.0f}" for each in (spread.p50, spread.p95, spread.p99, spread.max)),
        f"{series.latencies_ms.share_within_50_ms:.1%}",
        f"{series.latencies_ms.share_within_500_ms:.1%}",
        f"{series.booked_per_second:.1f}",
        f"{batches.deals_mean:.1f}" if batches else "",
        f"{series.crm_calls_per_deal:.1f}",
    )


def _aligned(rows: Sequence[Row]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
