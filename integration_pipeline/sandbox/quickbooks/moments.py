"""Times as a company writes them: whole seconds, its own offset from UTC. `2026-10-01T09:30:00-07:00`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache


@lru_cache(maxsize=4_096)
def written(seconds: int, offset: str) -> str:
    """A moment, seconds since 1970, at an offset such as `-08:00`."""
    return datetime.fromtimestamp(seconds, _zone(offset)).isoformat(timespec="seconds")


def civil_date(seconds: int, offset: str) -> str:
    """The day it is there."""
    return datetime.fromtimestamp(seconds, _zone(offset)).date().isoformat()


def read(text: str, offset: str) -> int | None:
    """Seconds since 1970 of an ISO 8601 date or time, None for others; without an offset the company's."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_zone(offset))
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


@lru_cache(maxsize=64)
def _zone(offset: str) -> timezone:
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    distance = timedelta(hours=hours, minutes=minutes)
    return timezone(-distance if offset[0] == "-" else distance)
