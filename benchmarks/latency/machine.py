"""What the machine did meanwhile: processor time by program, load, how fast a commit reaches the disk.

By Linux's accounts in /proc; elsewhere processor times are left out of the report.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

_PROC = Path("/proc")
_COMMITS = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """Processor seconds so far: of each program, and of everything on the machine (None if unknown)."""

    at: float
    programs: Mapping[str, float]
    machine: float | None

    def since(self, earlier: Reading) -> Usage:
        seconds = self.at - earlier.at
        whole = None
        if self.machine is not None and earlier.machine is not None:
            whole = (self.machine - earlier.machine) / seconds
        used = {name: self.programs[name] - earlier.programs.get(name, 0.0) for name in self.programs}
        return Usage(seconds, used, whole)


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds by program over `seconds`, and how many processors were busy in all."""

    seconds: float
    programs: Mapping[str, float]
    processors_busy: float | None

    def ms_per(self, deals: int) -> dict[str, float]:
        """Processor milliseconds for each of `deals`."""
        return {name: round(1e3 * used / deals, 2) for name, used in self.programs.items()}

    @property
    def processors_busy_elsewhere(self) -> float | None:
        """How many processors were busy with what is none of ours."""
        if self.processors_busy is None:
            return None
        return round(max(0.0, self.processors_busy - sum(self.programs.values()) / self.seconds), 2)


def read(pids: Mapping[str, int]) -> Reading:
    """Of programs by process id; each with the children it has and had."""
    stats = _stats()
    used = {name: _seconds(pid, stats) for name, pid in pids.items()}
    return Reading(time.time(), used, _machine_seconds())


def described(url: str) -> dict[str, object]:
    """This machine, and the database at libpq's `url`."""
    with psycopg.connect(url, autocommit=True) as connection:
        version = connection.execute("SHOW server_version").fetchone()
        settings = connection.execute(
            "SELECT name, setting FROM pg_settings "
            "WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method')"
        ).fetchall()
        commit = _commit_ms(connection)
    return {
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "postgresql": version[0] if version else None,
        "postgresql_settings": dict(settings),
        "commit_to_disk_ms_p50": commit,
    }


def load_average() -> float:
    """Of the last minute."""
    return round(os.getloadavg()[0], 2)


def _commit_ms(connection: psycopg.Connection) -> float:
    connection.execute("CREATE TABLE IF NOT EXISTS public.latency_probe (at timestamptz)")
    taken: list[float] = []
    for _ in range(_COMMITS):
        started = time.perf_counter()
        connection.execute("INSERT INTO public.latency_probe VALUES (clock_timestamp())")
        taken.append(1e3 * (time.perf_counter() - started))
    connection.execute("DROP TABLE public.latency_probe")
    return round(median(taken), 2)


def _seconds(pid: int, stats: Mapping[int, list[str]]) -> float:
    """Of a process with the children that ended, and the same of all its living descendants."""
    ticks = sum(map(int, stats[pid][11:15])) if pid in stats else 0
    children = (child for child, each in stats.items() if int(each[1]) == pid)
    return ticks / _ticks_per_second() + sum(_seconds(child, stats) for child in children)


def _stats() -> dict[int, list[str]]:
    """Of all processes, what follows the name in parentheses, which may hold anything."""
    found: dict[int, list[str]] = {}
    for account in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            found[int(account.parent.name)] = account.read_text().rpartition(")")[2].split()
    return found


def _machine_seconds() -> float | None:
    with suppress(OSError):
        user, nice, system, _, _, irq, softirq = map(
            int, (_PROC / "stat").read_text().partition("\n")[0].split()[1:8]
        )
        return (user + nice + system + irq + softirq) / _ticks_per_second()
    return None


def _ticks_per_second() -> int:
    return os.sysconf("SC_CLK_TCK")
