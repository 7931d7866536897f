"""Time as Xero writes and reads it. Stored are ISO dates (`2026-11-23`) and epoch milliseconds.

Civil dates are days at the organisation, without a zone; moments are UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1)
_MS_DATE = re.compile(r"^/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/$")


def ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment_date(at_ms: int) -> str:
    """`1552327126117` -> `/Date(1552327126117+0000)/`."""
    return f"/Date({at_ms}+0000)/"


def moment_text(at_ms: int) -> str:
    """As `UpdatedDateUTCString`: `2019-03-11 17:58:46+00:00`, the seconds cut."""
    return (_EPOCH + timedelta(seconds=at_ms // 1000)).isoformat(sep=" ")


def webhook_moment(at_ms: int) -> str:
    """As in webhooks: `2025-12-02T00:44:09.923`, UTC without saying so."""
    moment = (_EPOCH + timedelta(milliseconds=at_ms)).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds")


# Thousands of documents share a few hundred days.
@lru_cache(maxsize=4_096)
def day_date(day: str) -> str:
    """`2019-03-11` -> `/Date(1552262400000+0000)/`, its midnight in UTC."""
    return moment_date((date.fromisoformat(day) - _EPOCH_DAY).days * 86_400_000)


def day_text(day: str) -> str:
    """As `DateString`: `2019-03-11T00:00:00`."""
    return f"{day}T00:00:00"


@lru_cache(maxsize=4_096)
def read_day(text: str) -> str:
    """The ISO date in `2019-03-11`, `2019-03-11T00:00:00` or `/Date(1552262400000)/`. Raises ValueError."""
    written = _MS_DATE.match(text)
    if written is not None:
        return (_EPOCH_DAY + timedelta(milliseconds=int(written[1]))).isoformat()
    if len(text) == 10:
        return date.fromisoformat(text).isoformat()
    return datetime.fromisoformat(text).date().isoformat()


def read_moment(text: str) -> int:
    """Epoch milliseconds of ISO 8601 (no offset means UTC) or of an HTTP date. Raises ValueError."""
    moment = parsedate_to_datetime(text) if text[:1].isalpha() else datetime.fromisoformat(text)
    return ms(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)


def lock_text(day: str) -> str:
    """As validation messages say a lock date: `31-Jul-2013`."""
    return date.fromisoformat(day).strftime("%d-%b-%Y")
