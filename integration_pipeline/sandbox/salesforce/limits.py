"""The allowance of API requests in 24 hours, counted on the sandbox's clock."""

from __future__ import annotations

from collections import deque

from integration_pipeline.sandbox.clock import SandboxClock

_DAY = 86_400.0
_SLOTS = 96


class Allowance:
    """Requests of the last 24 hours, in quarters of an hour."""

    def __init__(self, clock: SandboxClock, most: int) -> None:
        self._clock = clock
        self.most = most
        self._slots: deque[tuple[int, int]] = deque()

    def admit(self) -> bool:
        """Count a request, unless none are left."""
        if self.used() >= self.most:
            return False
        slot = self._slot()
        if self._slots and self._slots[-1][0] == slot:
            self._slots[-1] = (slot, self._slots[-1][1] + 1)
        else:
            self._slots.append((slot, 1))
        return True

    def used(self) -> int:
        oldest = self._slot() - _SLOTS
        while self._slots and self._slots[0][0] <= oldest:
            self._slots.popleft()
        return sum(count for _, count in self._slots)

    def change(self, most: int) -> None:
        """Another allowance, counting from nothing."""
        self.most = most
        self._slots.clear()

    def header(self) -> dict[str, str]:
        return {"Sforce-Limit-Info": f"api-usage={self.used()}/{self.most}"}

    def _slot(self) -> int:
        return int(self._clock.monotonic() / _DAY * _SLOTS)
