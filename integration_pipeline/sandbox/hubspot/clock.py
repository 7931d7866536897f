"""Time as HubSpot shows it: UTC, milliseconds, trailing zero milliseconds left out.

Only conversions and the clock; what counts as a valid property value is `values`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE = _EPOCH.replace(tzinfo=None)


def now_ms() -> int:
    """Milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


# A record shows each of its times twice, as a property and beside its properties.
@lru_cache(maxsize=4_096)
def iso(ms: int) -> str:
    """`1583020800000` -> `2020-03-01T00:00:00Z`; `...678` -> `2020-03-01T00:00:00.678Z`."""
    moment = _EPOCH_WITHOUT_ZONE + timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds" if ms % 1000 else "seconds") + "Z"


def parse_iso(text: str) -> int | None:
    """Epoch milliseconds of an ISO 8601 date or timestamp (no offset means UTC), None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def parse_moment(text: str) -> int | None:
    """Epoch milliseconds from `1583020800000` or ISO 8601, the two forms HubSpot takes; None for others."""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit():
        return int(text) if len(digits) <= 14 else None
    # `2020-W10-1` is ISO 8601 to Python as well.
    return parse_iso(text) if len(text) >= 10 and text[4] == text[7] == "-" else None
