"""The monotonic clock that retries and rate limits wait by, as a parameter so that tests never wait.

Not for civil dates or record timestamps: those come from the vendor or the database.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds that only move forward, and a way to let some of them pass."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class MonotonicClock:
    """The process's monotonic clock: unaffected by time zone changes and by NTP steps."""

    speed: float = 1.0

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class SpedUpClock(MonotonicClock):
    """The clock of a vendor whose time runs `speed` times as fast as ours, as a sandbox's may."""

    def __init__(self, speed: float) -> None:
        if speed <= 0:
            raise ValueError(f"time needs a positive speed, got {speed}")
        self.speed = speed

    def now(self) -> float:
        return time.monotonic() * self.speed

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.speed)
