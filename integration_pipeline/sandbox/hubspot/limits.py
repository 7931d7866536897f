"""How much one account may ask: requests per ten seconds, per day, searches per second, sizes.

Counting only. Which request counts against which limit is decided in `app`; the answers are in `errors`.
The figures are HubSpot's for a private app on Professional or Enterprise.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from integration_pipeline.sandbox.hubspot.clock import now_ms
from integration_pipeline.sandbox.hubspot.errors import Policy

_DAY_MS = 86_400_000
_BURST = 190
_DAILY = 625_000
_Ceiling = Annotated[int, Field(ge=0)]


class Limits(BaseModel):
    """The sandbox's limits; None switches a request limit off.

    `search_results` is how deep a search may page before a 400. `search_lag_ms` hides records changed within
    that time from searches, as HubSpot's index does "for a few moments". `url_length` counts characters of
    path and query, beyond which the answer is 414.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_ten_seconds: _Ceiling | None = _BURST
    requests_per_day: _Ceiling | None = _DAILY
    searches_per_second: _Ceiling | None = 5
    search_results: _Ceiling = 10_000
    search_lag_ms: _Ceiling = 0
    url_length: _Ceiling = 16_000

    @classmethod
    def unlimited(cls) -> Limits:
        """No request limits, for loading data; the sizes stay HubSpot's."""
        return cls(requests_per_ten_seconds=None, requests_per_day=None, searches_per_second=None)


class RateLimiter:
    """Rolling windows over the requests that were let through; a refused request counts for nothing."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._requests: deque[float] = deque()
        self._searches: deque[float] = deque()
        self._day: int = now_ms() // _DAY_MS
        self._today = 0

    def admit(self, *, search: bool) -> Policy | None:
        """Count a request, or name the policy that refuses it. Searches have a window of their own."""
        self._turn_the_day()
        if self.limits.requests_per_day is not None and self._today >= self.limits.requests_per_day:
            return Policy.DAILY
        if search:
            window, seconds, ceiling = self._searches, 1.0, self.limits.searches_per_second
        else:
            window, seconds, ceiling = self._requests, 10.0, self.limits.requests_per_ten_seconds
        now = self._clock()
        while window and window[0] <= now - seconds:
            window.popleft()
        if ceiling is not None:
            if len(window) >= ceiling:
                return Policy.SECONDLY if search else Policy.TEN_SECONDLY
            window.append(now)
        self._today += 1
        return None

    def headers(self) -> dict[str, str]:
        """What HubSpot adds to every answer but a search's; a limit that is off is not announced."""
        headers: dict[str, str] = {}
        if (burst := self.limits.requests_per_ten_seconds) is not None:
            headers |= _burst_headers(burst, max(0, burst - len(self._requests)))
        if (daily := self.limits.requests_per_day) is not None:
            headers |= _daily_headers(daily, max(0, daily - self._today))
        return headers

    def exhausted_headers(self, policy: Policy) -> dict[str, str]:
        """`headers` as they read once `policy` has nothing left; HubSpot's figure where its limit is off."""
        if policy is Policy.DAILY:
            return self.headers() | _daily_headers(self.limits.requests_per_day or _DAILY, 0)
        return self.headers() | _burst_headers(self.limits.requests_per_ten_seconds or _BURST, 0)

    def change(self, limits: Limits) -> None:
        """Replace the limits and start counting anew."""
        self.limits = limits
        self._requests.clear()
        self._searches.clear()
        self._today = 0

    def _turn_the_day(self) -> None:
        today = now_ms() // _DAY_MS
        if today != self._day:
            self._day, self._today = today, 0


def _burst_headers(limit: int, remaining: int) -> dict[str, str]:
    return {
        "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        "X-HubSpot-RateLimit-Max": str(limit),
        "X-HubSpot-RateLimit-Remaining": str(remaining),
    }


def _daily_headers(limit: int, remaining: int) -> dict[str, str]:
    return {"X-HubSpot-RateLimit-Daily": str(limit), "X-HubSpot-RateLimit-Daily-Remaining": str(remaining)}
