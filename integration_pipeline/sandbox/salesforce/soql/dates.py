"""Date literals of SOQL (`TODAY`, `LAST_N_DAYS:7`) as spans of days."""

from __future__ import annotations

from datetime import date, timedelta

_DAY = timedelta(days=1)


def span(word: str, today: date) -> tuple[date, date] | None:
    """First day and the day after the last; None for a word that is no date literal."""
    name, _, count = word.upper().partition(":")
    if count.isdigit():
        days = timedelta(days=int(count))
        match name:
            case "LAST_N_DAYS":
                return today - days, today + _DAY
            case "NEXT_N_DAYS":
                return today + _DAY, today + days + _DAY
            case _:
                return None
    first = today.replace(day=1)
    match name:
        case "TODAY":
            return today, today + _DAY
        case "YESTERDAY":
            return today - _DAY, today
        case "TOMORROW":
            return today + _DAY, today + 2 * _DAY
        case "THIS_MONTH":
            return first, _next_month(first)
        case "LAST_MONTH":
            return (first - _DAY).replace(day=1), first
        case "THIS_YEAR":
            return today.replace(month=1, day=1), today.replace(year=today.year + 1, month=1, day=1)
        case _:
            return None


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)
