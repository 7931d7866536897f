"""A client-side limiter over several sliding windows, so that a vendor's limit is met before it is hit.

Belongs here: counting and waiting inside one process. Quotas shared by several processes: `shared_limit`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from integration_pipeline.transport.clock import Clock, MonotonicClock
from integration_pipeline.transport.limits import (
    LONGEST_PAUSE,
    Limit,
    QuotaSpentError,
    Window,
    blamed,
    counting,
)

# What a 429 leaves of a window, and how much of the full limit every quiet window gives back.
_KEEP_ON_THROTTLE = 0.7
_REGAIN_PER_WINDOW = 0.1


@dataclass(slots=True)
class _Usage:
    limit: Limit
    in_flight: int = 0
    finished: deque[float] = field(default_factory=deque[float])
    share: float = 1.0
    narrowed_at: float = 0.0
    paused_until: float = 0.0
    spent_until: float = 0.0

    @property
    def seconds(self) -> float:
        return self.limit.seconds if isinstance(self.limit, Window) else 0.0

    @property
    def is_quota(self) -> bool:
        return isinstance(self.limit, Window) and self.limit.is_quota

    def allowed(self, now: float) -> int:
        if self.share == 1.0 or self.seconds == 0.0:
            return self.limit.limit
        quiet_windows = (now - self.narrowed_at) / self.seconds
        share = min(1.0, self.share + _REGAIN_PER_WINDOW * max(0.0, quiet_windows))
        return max(1, int(self.limit.limit * share))

    def wait(self, now: float) -> float | None:
        """Seconds until a slot is free, 0 if one is, None if that depends on a call still in flight."""
        self._forget(now)
        if now < self.spent_until:
            raise QuotaSpentError(self.limit.label, self.spent_until - now)
        pause = max(0.0, self.paused_until - now)
        surplus = self.in_flight + len(self.finished) + 1 - self.allowed(now)
        if surplus <= 0:
            return pause
        if surplus > len(self.finished):
            return None
        wait = max(pause, self.finished[surplus - 1] + self.seconds - now)
        if self.is_quota:
            raise QuotaSpentError(self.limit.label, wait)
        return wait

    def load(self, now: float) -> float:
        self._forget(now)
        if now < max(self.paused_until, self.spent_until):
            return 1.0
        return min(1.0, (self.in_flight + len(self.finished)) / self.allowed(now))

    def used(self, now: float) -> int:
        self._forget(now)
        return self.in_flight + len(self.finished)

    def narrow(self, now: float, pause: float) -> None:
        # Calls already in flight come back refused together: that is one lesson, not twenty.
        if self.share == 1.0 or now - self.narrowed_at >= self.seconds:
            self.share = max(1, int(self.allowed(now) * _KEEP_ON_THROTTLE)) / self.limit.limit
            self.narrowed_at = now
        self.paused_until = max(self.paused_until, now + pause)

    def release(self, now: float) -> None:
        self.in_flight -= 1
        if self.seconds > 0:
            self.finished.append(now)

    def correct(self, now: float, remaining: int) -> None:
        """Take over what other users of the same quota left; ours under way may not be in it yet."""
        missing = self.limit.limit - remaining - self.in_flight - len(self.finished)
        self.finished.extend([now] * max(0, missing))

    def _forget(self, now: float) -> None:
        while self.finished and self.finished[0] <= now - self.seconds:
            self.finished.popleft()


def scaled(limit: Limit, share: float) -> Limit:
    """The same limit with a share of its calls, one at least."""
    return replace(limit, limit=max(1, int(limit.limit * share)))


class RateLimiter:
    """Blocks callers until every limit that counts their call has a free slot. Safe for threads."""

    def __init__(self, limits: Sequence[Limit] = (), clock: Clock | None = None) -> None:
        self._clock = clock or MonotonicClock()
        self._limits = tuple(limits)
        self._usages = {limit: _Usage(limit) for limit in self._limits}
        self._changed = threading.Condition()

    @contextmanager
    def slot(self, bucket: str | None = None) -> Generator[float]:
        """Hold a slot for one call; gives the seconds spent waiting for it.

        The slot stays taken until the window's length has passed since the *end* of the call. The vendor
        counted the call somewhere between its start and its end, so whatever the network did to it, no
        window of the vendor's can hold one call too many.
        """
        usages = self._counting(bucket)
        waited = self._acquire(usages)
        try:
            yield waited
        finally:
            with self._changed:
                for usage in usages:
                    usage.release(self._clock.now())
                self._changed.notify_all()

    def throttled(self, bucket: str | None = None, pause: float = 0.0) -> None:
        """Take a 429 to heart: narrow the windows that count this bucket and let nobody through for `pause`
        seconds, a minute at most: a vendor's header must not stop everybody for a day.
        """
        with self._changed:
            now = self._clock.now()
            for usage in self._blamed(bucket):
                if not usage.is_quota:
                    usage.narrow(now, min(pause, LONGEST_PAUSE))

    def exhausted(self, bucket: str | None = None, free_in: float | None = None) -> None:
        """Let nobody through for `free_in` seconds, an hour where the vendor did not tell."""
        with self._changed:
            now = self._clock.now()
            blamed_ones = self._blamed(bucket)
            for usage in [usage for usage in blamed_ones if usage.is_quota] or blamed_ones:
                usage.spent_until = now + (3_600.0 if free_in is None else free_in)

    def observed(self, window: str, remaining: int) -> None:
        with self._changed:
            for usage in self._usages.values():
                if usage.limit.label == window and usage.seconds > 0:
                    usage.correct(self._clock.now(), remaining)

    def load(self, bucket: str | None = None) -> float:
        """How much of the fullest limit that counts these calls is used; at 1 the next call waits."""
        with self._changed:
            now = self._clock.now()
            return max((usage.load(now) for usage in self._counting(bucket)), default=0.0)

    def used(self) -> dict[str, int]:
        """How many calls each window counts just now, by its label."""
        with self._changed:
            now = self._clock.now()
            return {
                limit.label: usage.used(now) for limit, usage in self._usages.items() if usage.seconds > 0
            }

    def _counting(self, bucket: str | None) -> list[_Usage]:
        return [self._usages[limit] for limit in counting(self._limits, bucket)]

    def _blamed(self, bucket: str | None) -> list[_Usage]:
        return [self._usages[limit] for limit in blamed(self._limits, bucket)]

    def _acquire(self, usages: list[_Usage]) -> float:
        started = self._clock.now()
        while True:
            with self._changed:
                now = self._clock.now()
                waits = [usage.wait(now) for usage in usages]
                if not any(wait != 0 for wait in waits):
                    for usage in usages:
                        usage.in_flight += 1
                    return now - started
                known = [wait for wait in waits if wait is not None]
                if len(known) < len(waits):
                    self._changed.wait()
                    continue
            self._clock.sleep(max(known))
