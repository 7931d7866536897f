"""Counting calls against Xero's limits, on the sandbox's clock. What a refusal looks like is `errors`.

Minutes roll, days are fixed windows that begin at another moment for each organisation. A call that is
refused counts for nothing; a replayed one counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from math import ceil

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.xero.errors import rate_limited
from integration_pipeline.sandbox.xero.options import Limits

PROBLEMS = ("concurrent", "minute", "day", "appminute")

_MINUTE = 60.0
_DAY = 86_400


@dataclass(slots=True)
class _Window:
    """The moments of the calls of the last minute."""

    calls: deque[float] = field(default_factory=deque[float])

    def used(self, now: float) -> int:
        while self.calls and self.calls[0] <= now - _MINUTE:
            self.calls.popleft()
        return len(self.calls)

    def free_in(self, now: float) -> int:
        return max(1, ceil(self.calls[0] + _MINUTE - now)) if self.calls else 1


@dataclass(slots=True)
class _Usage:
    """What one app has used at one organisation."""

    minute: _Window = field(default_factory=_Window)
    day: int = 0
    today: int = 0
    in_progress: int = 0


class RateLimiter:
    def __init__(self, limits: Limits, clock: SandboxClock) -> None:
        self.limits = limits
        self._clock = clock
        self._usage: dict[tuple[str, str], _Usage] = {}
        self._apps: dict[str, _Window] = {}

    @contextmanager
    def call(self, app: str, tenant: str) -> Generator[None]:
        """Count a call that is in progress inside. Raises the 429 naming the limit that refuses it."""
        now = self._clock.monotonic()
        usage, over_all = self._of(app, tenant)
        problem, retry_after = self._refusal(usage, over_all, tenant, now)
        if problem is not None:
            raise rate_limited(problem, self.headers(app, tenant), retry_after)
        usage.minute.calls.append(now)
        over_all.calls.append(now)
        usage.today += 1
        usage.in_progress += 1
        try:
            yield
        finally:
            usage.in_progress -= 1

    def headers(self, app: str, tenant: str) -> dict[str, str]:
        """What Xero adds to every answer; a limit that is off is not announced."""
        now = self._clock.monotonic()
        usage, over_all = self._of(app, tenant)
        left = {
            "X-DayLimit-Remaining": (self.limits.per_day, usage.today),
            "X-MinLimit-Remaining": (self.limits.per_minute, usage.minute.used(now)),
            "X-AppMinLimit-Remaining": (self.limits.app_per_minute, over_all.used(now)),
        }
        return {name: str(max(0, most - used)) for name, (most, used) in left.items() if most is not None}

    def change(self, limits: Limits) -> None:
        """Replace the limits and start counting anew."""
        self.limits = limits
        for usage in self._usage.values():
            usage.minute.calls.clear()
            usage.today = 0
        self._apps.clear()

    def _refusal(
        self, usage: _Usage, over_all: _Window, tenant: str, now: float
    ) -> tuple[str | None, int | None]:
        """The first limit that is reached, and in how many seconds it will be free."""
        limits = self.limits
        if limits.per_day is not None and usage.today >= limits.per_day:
            return "day", _DAY - self._into_day(tenant)
        if limits.app_per_minute is not None and over_all.used(now) >= limits.app_per_minute:
            return "appminute", over_all.free_in(now)
        if limits.per_minute is not None and usage.minute.used(now) >= limits.per_minute:
            return "minute", usage.minute.free_in(now)
        if limits.concurrent is not None and usage.in_progress >= limits.concurrent:
            return "concurrent", None
        return None, None

    def _of(self, app: str, tenant: str) -> tuple[_Usage, _Window]:
        usage = self._usage.setdefault((app, tenant), _Usage())
        day = self._seconds(tenant) // _DAY
        if day != usage.day:
            usage.day, usage.today = day, 0
        return usage, self._apps.setdefault(app, _Window())

    def _into_day(self, tenant: str) -> int:
        return self._seconds(tenant) % _DAY

    def _seconds(self, tenant: str) -> int:
        """Since a moment whose time of day is the organisation's own."""
        offset = int.from_bytes(blake2b(tenant.encode(), digest_size=4).digest()) % _DAY
        return self._clock.now_ms() // 1000 + offset
