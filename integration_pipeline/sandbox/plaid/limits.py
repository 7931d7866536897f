"""How often Plaid may be asked: by one client, and about one item; counting only."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.plaid.errors import Limit

_Ceiling = Annotated[int, Field(ge=0)]
_MINUTE = 60.0


class Limits(BaseModel):
    """Calls a minute; None switches a limit off. Defaults are production's
    (https://plaid.com/docs/errors/rate-limit-exceeded).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sync_per_item: _Ceiling | None = 50
    per_client: _Ceiling | None = 2_500


class RateLimiter:
    """Rolling minutes of the sandbox's clock; a refused call counts for nothing."""

    def __init__(self, limits: Limits, clock: SandboxClock) -> None:
        self.limits = limits
        self._clock = clock
        self._client: deque[float] = deque()
        self._items: defaultdict[str, deque[float]] = defaultdict(deque)

    def admit(self) -> Limit | None:
        """Count a call, or name the limit that refuses it."""
        return None if self._counted(self._client, self.limits.per_client) else Limit.CLIENT

    def admit_sync(self, item_id: str) -> Limit | None:
        fits = self._counted(self._items[item_id], self.limits.sync_per_item)
        return None if fits else Limit.TRANSACTIONS_SYNC

    def change(self, limits: Limits) -> None:
        """Other limits, counting from the start."""
        self.limits = limits
        self._client.clear()
        self._items.clear()

    def _counted(self, window: deque[float], most: int | None) -> bool:
        now = self._clock.monotonic()
        while window and window[0] <= now - _MINUTE:
            window.popleft()
        if most is not None and len(window) >= most:
            return False
        window.append(now)
        return True
