"""What a vendor allows, and what every limiter offers to the client that has to keep to it.

Belongs here: the limits' shapes, the `Limiter` protocol. Does not belong here: counting, in one process
(`rate_limit`) or over several (`shared_limit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

# Nobody sleeps until a window this long has room again: it is a quota, to be told of and run again later.
LONGEST_WAIT = 3_600.0
# How long one 429 may hold everybody back.
LONGEST_PAUSE = 60.0
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` calls in any `seconds`. With a `bucket` it counts only that bucket's calls, else all
    calls.

    A window of more than an hour is a quota: a used-up one raises `QuotaSpentError` instead of waiting.
    `resets`: a quota of civil days starts again at midnight UTC, others roll. `slack`: by how many seconds
    the way of one call to the vendor's counter may differ from another's; a shared limiter keeps a slot that
    much longer than the window (None: 2 % of it and 20 ms, 4 % and 2 s at most). `whole_app`: counted over
    all accounts of the vendor.
    """

    limit: int
    seconds: float
    bucket: str | None = None
    name: str = ""
    slack: float | None = None
    resets: Literal["rolling", "utc day"] = "rolling"
    whole_app: bool = False

    def __post_init__(self) -> None:
        if self.limit < 1 or self.seconds <= 0:
            raise ValueError(f"a window needs a limit of at least 1 and a positive span, got {self}")
        if self.resets == "utc day" and self.seconds != DAY:
            raise ValueError(f"a window that starts again at midnight is a day long, got {self}")

    @property
    def label(self) -> str:
        """Its name, told or made up from its span: `60s`, `search 1s`."""
        return self.name or " ".join(filter(None, (self.bucket, f"{self.seconds:g}s")))

    @property
    def is_quota(self) -> bool:
        return self.seconds > LONGEST_WAIT


@dataclass(frozen=True, slots=True)
class AtOnce:
    """At most `limit` calls under way at a time.

    `lease_seconds`: when a slot nobody gave back is free again, so that a dead process does not keep it. Has
    to be longer than any call.
    """

    limit: int
    bucket: str | None = None
    name: str = "at once"
    lease_seconds: float = 150.0
    whole_app: bool = False

    def __post_init__(self) -> None:
        if self.limit < 1 or self.lease_seconds <= 0:
            raise ValueError(f"at least one call has to be possible at once, for some time, got {self}")

    @property
    def label(self) -> str:
        return self.name


Limit: TypeAlias = Window | AtOnce


class QuotaSpentError(Exception):
    """A quota has nothing left. `free_in` is in seconds, None where nobody knows."""

    def __init__(self, label: str, free_in: float | None) -> None:
        super().__init__(f"the quota {label!r} is used up")
        self.label = label
        self.free_in = free_in


class Limiter(Protocol):
    """Lets calls through as fast as a vendor allows. Safe for threads."""

    def slot(self, bucket: str | None = None) -> AbstractContextManager[float]:
        """Hold a slot for one call; gives the seconds spent waiting for it.

        Raises `QuotaSpentError` at once, and as long as it holds, when a quota is used up.
        """
        ...

    def throttled(self, bucket: str | None = None, pause: float = 0.0) -> None:
        """The vendor refused a call for its rate: hold the next ones back for `pause` seconds."""
        ...

    def exhausted(self, bucket: str | None = None, free_in: float | None = None) -> None:
        """The vendor says a quota is used up, for `free_in` seconds if it told."""
        ...

    def observed(self, window: str, remaining: int) -> None:
        """The vendor said how many calls it has left in the window of this label; others may use it, too."""
        ...

    def load(self, bucket: str | None = None) -> float:
        """How much of the fullest limit that counts these calls is used; at 1 the next call waits."""
        ...


def counting(limits: Sequence[Limit], bucket: str | None) -> list[Limit]:
    """The limits that count a call of this bucket."""
    return [limit for limit in limits if limit.bucket in (None, bucket)]


def blamed(limits: Sequence[Limit], bucket: str | None) -> list[Limit]:
    """The limits a refusal of this bucket was for: its own where it has some, else those of all calls."""
    own = [limit for limit in limits if bucket is not None and limit.bucket == bucket]
    return own or counting(limits, bucket)
