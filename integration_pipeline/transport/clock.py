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

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
