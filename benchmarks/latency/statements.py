"""Which statements the database spends its time on, by its own log: for finding what is slow.

PostgreSQL logs the durations of parsing, binding (planning is part of it) and executing apart. Writing all of
them down costs time itself, so a run with this says nothing about latency.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

LOG_SETTINGS: Mapping[str, str] = MappingProxyType(
    {"log_min_duration_statement": "0", "log_parameter_max_length": "0"}
)
_LOGGED = re.compile(
    r"LOG:  duration: (?P<ms>[0-9.]+) ms  (?P<phase>parse|bind|execute|statement)(?: \S+)?: (?P<text>.*)"
)
_SHOWN = 110


@dataclass(slots=True)
class Cost:
    """Of one statement, in all its executions."""

    executions: int = 0
    ms: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def total(self) -> float:
        return sum(self.ms.values())


def read_log(file: Path, start: int = 0) -> dict[str, Cost]:
    """Costs by statement, from byte `start` of a server's log on."""
    with file.open(errors="replace") as log:
        log.seek(start)
        lines = log.read().splitlines()
    costs: dict[str, Cost] = defaultdict(Cost)
    place = 0
    while place < len(lines):
        found = _LOGGED.search(lines[place])
        place += 1
        if found is None:
            continue
        words = [found["text"]]
        while place < len(lines) and lines[place].startswith("\t"):
            words.append(lines[place])
            place += 1
        cost = costs[" ".join(" ".join(words).split())]
        cost.ms[found["phase"]] += float(found["ms"])
        cost.executions += found["phase"] in {"execute", "statement"}
    return dict(costs)


def table(costs: Mapping[str, Cost], deals: int) -> str:
    """The costliest statements first; milliseconds for each of `deals`."""
    whole = sum(cost.total for cost in costs.values())
    lines = [f"{whole / deals:.2f} ms a deal in all; of each statement: ms, parse + bind + execute, times"]
    for statement, cost in sorted(costs.items(), key=lambda each: -each[1].total):
        if cost.total < whole / 200:
            break
        phases = [cost.ms[phase] / deals for phase in ("parse", "bind")]
        executed = (cost.ms["execute"] + cost.ms["statement"]) / deals
        lines.append(
            f"{cost.total / deals:6.2f}  {phases[0]:5.2f} + {phases[1]:5.2f} + {executed:5.2f}  "
            f"{cost.executions / deals:5.2f}x  {statement[:_SHOWN]}"
        )
    return "\n".join(lines) + "\n"
