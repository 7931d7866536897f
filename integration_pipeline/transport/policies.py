"""How long a call may take, and how often it is repeated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds. `answer` bounds a whole call: `read` alone lets a server drip one byte at a time for ever."""

    connect: float = 5.0
    read: float = 30.0
    answer: float = 120.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a repeatable call is repeated.

    The wait before repetition n is drawn from [0, min(cap, base * 2^n)] ("full jitter": clients that failed
    together do not come back together). A `Retry-After` is a lower bound to it. `total_seconds` bounds
    everything.
    """

    attempts: int = 6
    base_seconds: float = 0.5
    cap_seconds: float = 15.0
    total_seconds: float = 90.0
