"""The time a sandbox lives in: it starts now, may run faster than ours, and can be moved on.

Tokens, rate windows, idempotency keys and timestamps of a sandbox go by this clock, so that an hour of a
vendor's rules passes in seconds of a test. How a vendor writes a moment is that vendor's.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SandboxClock:
    """`speed` seconds pass in it during each of ours. Safe for threads; never goes back."""

    def __init__(self, speed: Decimal = Decimal(1)) -> None:
        self._lock = threading.Lock()
        self._origin_ns = time.time_ns()
        self._begun_ns = time.monotonic_ns()
        self._elapsed_ns = 0
        self.speed = speed

    def now(self) -> datetime:
        """The sandbox's moment, UTC."""
        return _EPOCH + timedelta(microseconds=self._now_ns() // 1_000)

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return self._now_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds of the sandbox since it was started, for windows and expiry."""
        with self._lock:
            return self._passed_ns() / 1e9

    def advance(self, seconds: Decimal) -> None:
        """Let so much time pass at once. Raises ValueError for less than none."""
        if seconds < 0:
            raise ValueError(f"time only moves forward, got {seconds} seconds")
        with self._lock:
            self._elapsed_ns += int(seconds * 1_000_000_000)

    def run_at(self, speed: Decimal) -> None:
        """From now on at another speed. Raises ValueError unless it is positive."""
        if speed <= 0:
            raise ValueError(f"the speed of time is positive, got {speed}")
        with self._lock:
            self._elapsed_ns = self._passed_ns()
            self._begun_ns = time.monotonic_ns()
            self.speed = speed

    def real_seconds(self, seconds: float) -> float:
        """How long we have to wait until so many seconds have passed in the sandbox."""
        return seconds / float(self.speed)

    def _now_ns(self) -> int:
        with self._lock:
            return self._origin_ns + self._passed_ns()

    def _passed_ns(self) -> int:
        return self._elapsed_ns + int((time.monotonic_ns() - self._begun_ns) * self.speed)
