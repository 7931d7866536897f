"""Instants and the civil days they fall on.

Belongs here: the pydantic types of instants and time zones, and which civil day an instant is in a zone. Does
not belong here: whose zone is asked (`DayZone`), or periods of days (`periods`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from integration_pipeline.billing.term_values import FIRST_YEAR, LAST_YEAR


def civil_day(instant: datetime, zone_name: str) -> date:
    """The day that the clocks of `zone_name` show at `instant`: 2023-02-08T05:00Z is 7 Feb in Los Angeles.

    Raises `ValueError` for an instant without an offset, or a name outside the IANA time zone database.
    """
    if instant.utcoffset() is None:
        raise ValueError(f"{instant.isoformat()} has no UTC offset; no civil day follows from it")
    return instant.astimezone(_zone(zone_name)).date()


def start_of_day(day: date, zone_name: str) -> datetime:
    """The first instant of `day` in `zone_name`, in UTC: where clocks skip midnight, what they show instead.

    So `[start_of_day(d), start_of_day(d + 1))` is all of day `d`, whether it has 23, 24 or 25 hours. Raises
    `ValueError` for a name outside the IANA time zone database.
    """
    # In a gap, fold 0 takes the offset before it, which is the very instant of the transition.
    return datetime(day.year, day.month, day.day, tzinfo=_zone(zone_name)).astimezone(UTC)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A folder of the database ("America") is an OSError, a path out of it a ValueError.
        raise ValueError(
            f"time zone {name[:80]!r} is not in the IANA database; write one such as Europe/Berlin"
        ) from None


def _instant(value: object) -> datetime:
    if isinstance(value, str):
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("write an instant with its offset, as 2026-01-31T08:00:00Z") from None
    elif isinstance(value, datetime):
        instant = value
    else:
        # ValueError: pydantic reports it as a problem of the field, a TypeError would escape.
        raise ValueError("write an instant with its offset, as 2026-01-31T08:00:00Z")  # noqa: TRY004
    if instant.utcoffset() is None:
        raise ValueError(
            "has no UTC offset, so nobody knows which instant is meant; write 08:00:00Z or +01:00"
        )
    if not FIRST_YEAR < instant.year < LAST_YEAR:
        raise ValueError(f"the year must lie within {FIRST_YEAR + 1}..{LAST_YEAR - 1}")
    return instant.astimezone(UTC)


def _known_zone(name: str) -> str:
    _zone(name)
    return name


Instant = Annotated[
    datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""An instant, given with an offset, kept in UTC."""

ZoneName = Annotated[str, AfterValidator(_known_zone)]
"""A name of the IANA time zone database: `America/Los_Angeles`."""
