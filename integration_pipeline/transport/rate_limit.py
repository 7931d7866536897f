"""A client-side limiter over several sliding windows, so that a vendor's limit is met before it is hit.

Belongs here: counting and waiting inside one process. Quotas shared by several processes are still met by the
vendor's 429, which narrows the windows here for a while.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from integration_pipeline.transport.clock import Clock, MonotonicClock

# What a 429 leaves of a window, and how much of the full limit every quiet window gives back.
_KEEP_ON_THROTTLE = 0.7
_REGAIN_PER_WINDOW = 0.1


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` calls in any `seconds`. With a `bucket` it counts only that bucket's calls, else all
    calls.
    """

    limit: int
    seconds: float
    bucket: str | None = None

    def __post_init__(self) -> None:
        if self.limit < 1 or self.seconds <= 0:
            raise ValueError(f"a window needs a limit of at least 1 and a positive span, got {self}")


@dataclass(slots=True)
class _Usage:
    window: Window
    in_flight: int = 0
    finished: deque[float] = field(default_factory=deque[float])
    share: float = 1.0
    narrowed_at: float = 0.0
    paused_until: float = 0.0

    def allowed(self, now: float) -> int:
        quiet_windows = (now - self.narrowed_at) / self.window.seconds
        share = min(1.0, self.share + _REGAIN_PER_WINDOW * max(0.0, quiet_windows))
        return max(1, int(self.window.limit * share))

    def wait(self, now: float) -> float | None:
        """Seconds until a slot is free, 0 if one is, None if that depends on a call still in flight."""
        while self.finished and self.finished[0] <= now - self.window.seconds:
            self.finished.popleft()
        pause = max(0.0, self.paused_until - now)
        surplus = self.in_flight + len(self.finished) + 1 - self.allowed(now)
        if surplus <= 0:
            return pause
        if surplus > len(self.finished):
            return None
        return max(pause, self.finished[surplus - 1] + self.window.seconds - now)

    def load(self, now: float) -> float:
        while self.finished and self.finished[0] <= now - self.window.seconds:
            self.finished.popleft()
        if now < self.paused_until:
            return 1.0
        return min(1.0, (self.in_flight + len(self.finished)) / self.allowed(now))

    def narrow(self, now: float, pause: float) -> None:
        # Calls already in flight come back refused together: that is one lesson, not twenty.
        if self.share == 1.0 or now - self.narrowed_at >= self.window.seconds:
            self.share = max(1, int(self.allowed(now) * _KEEP_ON_THROTTLE)) / self.window.limit
            self.narrowed_at = now
        self.paused_until = max(self.paused_until, now + pause)


class RateLimiter:
    """Blocks callers until every window that counts their call has a free slot. Safe for threads."""

    def __init__(self, windows: Sequence[Window] = (), clock: Clock | None = None) -> None:
        self._clock = clock or MonotonicClock()
        self._usages = [_Usage(window) for window in windows]
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
                    usage.in_flight -= 1
                    usage.finished.append(self._clock.now())
                self._changed.notify_all()

    def throttled(self, bucket: str | None = None, pause: float = 0.0) -> None:
        """Take a 429 to heart: narrow the windows that count this bucket and let nobody through for `pause`
        seconds.
        """
        with self._changed:
            now = self._clock.now()
            own = [usage for usage in self._usages if bucket is not None and usage.window.bucket == bucket]
            # A bucket with limits of its own was refused for those; the general window is not to blame.
            for usage in own or self._counting(bucket):
                usage.narrow(now, pause)

    def load(self, bucket: str | None = None) -> float:
        """How much of the fullest window that counts these calls is used; at 1 the next call waits."""
        with self._changed:
            now = self._clock.now()
            return max((usage.load(now) for usage in self._counting(bucket)), default=0.0)

    def _counting(self, bucket: str | None) -> list[_Usage]:
        return [usage for usage in self._usages if usage.window.bucket in (None, bucket)]

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
