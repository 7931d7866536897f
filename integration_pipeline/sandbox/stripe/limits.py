"""How many requests a second Stripe takes, of all and of each endpoint; counting only."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.stripe.errors import Limit

_Ceiling = Annotated[int, Field(ge=0)]


class Limits(BaseModel):
    """Requests a second; None switches a limit off. Defaults are those of an account in live mode.

    https://docs.stripe.com/rate-limits: 100 of all, 25 of each endpoint, 20 searches.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_second: _Ceiling | None = 100
    endpoint_per_second: _Ceiling | None = 25
    searches_per_second: _Ceiling | None = 20

    @classmethod
    def unlimited(cls) -> Limits:
        return cls(per_second=None, endpoint_per_second=None, searches_per_second=None)


class RateLimiter:
    """Rolling seconds of the sandbox's clock; a refused request counts for nothing."""

    def __init__(self, limits: Limits, clock: SandboxClock) -> None:
        self.limits = limits
        self._clock = clock
        self._all: deque[float] = deque()
        self._by_endpoint: defaultdict[str, deque[float]] = defaultdict(deque)

    def admit(self, endpoint: str) -> Limit | None:
        """Count a request, or name the limit that refuses it."""
        now = self._clock.monotonic()
        search = endpoint.endswith("/search")
        most = self.limits.searches_per_second if search else self.limits.endpoint_per_second
        if _full(self._all, self.limits.per_second, now):
            return Limit.GLOBAL_RATE
        if _full(self._by_endpoint[endpoint], most, now):
            return Limit.ENDPOINT_RATE
        self._all.append(now)
        self._by_endpoint[endpoint].append(now)
        return None

    def change(self, limits: Limits) -> None:
        """Other limits, counting from the start."""
        self.limits = limits
        self._all.clear()
        self._by_endpoint.clear()


def _full(window: deque[float], most: int | None, now: float) -> bool:
    while window and window[0] <= now - 1.0:
        window.popleft()
    return most is not None and len(window) >= most
