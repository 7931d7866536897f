"""Moments as Salesforce writes them: whole seconds, UTC, with an offset that differs between its APIs."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def in_rest(ms: int) -> str:
    """`2026-03-10T12:00:00.000+0000`, in JSON."""
    return f"{_iso(ms)}+0000"


def in_bulk(ms: int) -> str:
    """`2026-03-10T12:00:00.000Z`, in CSV and XML."""
    return f"{_iso(ms)}Z"


def moment_ms(text: str) -> int | None:
    """Milliseconds since 1970 of a date and time with its offset; None for anything else."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)
    except ValueError:
        return None


def civil_date(text: str) -> date | None:
    """A date as `2026-03-10`; None for anything else."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _iso(ms: int) -> str:
    return (_EPOCH + timedelta(milliseconds=ms)).replace(tzinfo=None).isoformat(timespec="milliseconds")
