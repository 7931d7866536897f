"""How much may be asked of a company: rolling windows on the sandbox's clock.

Counting only; a refused request counts for nothing. The answer to one is `responses.throttled`.
"""

from __future__ import annotations

from collections import deque

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.quickbooks.options import Limits

POLICIES = ("per_minute", "per_second", "batches_per_minute")


class RateLimiter:
    """One app's windows at each company."""

    def __init__(self, limits: Limits, clock: SandboxClock) -> None:
        self.limits = limits
        self._clock = clock
        self._windows: dict[tuple[str, str], deque[float]] = {}

    def admit(self, realm: str, *, batch: bool) -> str | None:
        """Count a request, or name the limit that refuses it."""
        windows: list[tuple[str, float, int | None]] = [
            ("per_minute", 60.0, self.limits.per_minute),
            ("per_second", 1.0, self.limits.per_second),
        ]
        if batch:
            windows.append(("batches_per_minute", 60.0, self.limits.batches_per_minute))
        now = self._clock.monotonic()
        counted: list[deque[float]] = []
        for name, seconds, ceiling in windows:
            if ceiling is None:
                continue
            window = self._windows.setdefault((realm, name), deque())
            while window and window[0] <= now - seconds:
                window.popleft()
            if len(window) >= ceiling:
                return name
            counted.append(window)
        for window in counted:
            window.append(now)
        return None

    def change(self, limits: Limits) -> None:
        """Replace the limits and start counting anew."""
        self.limits = limits
        self._windows.clear()
