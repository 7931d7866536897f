"""Xero's `where` filters as text.

Belongs here: quoting and composing. Does not belong here: which filter an endpoint gets (`api`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

_UNQUOTABLE = re.compile(r'["\\\x00-\x1f]')
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def equals(field: str, value: str) -> str:
    """`Reference=="D123"`. Raises ValueError for text that no filter can hold."""
    return f"{field}=={quoted(value)}"


def starts_with(field: str, value: str) -> str:
    """Of a field that may be empty: Xero fails on the method of a null."""
    return f"({field}!=null AND {field}.StartsWith({quoted(value)}))"


def is_id(field: str, value: str) -> str:
    """`InvoiceID==guid("...")`. Raises ValueError for what is no id of Xero's."""
    if not _GUID.fullmatch(value):
        raise ValueError(f"{value!r} is no id of Xero's")
    return f'{field}==guid("{value}")'


def between(field: str, first: date, last: date) -> str:
    """Both days included."""
    return f"{field}>={_day(first)} AND {field}<={_day(last)}"


def any_of(tests: Iterable[str]) -> str:
    return f"({' OR '.join(tests)})"


def all_of(*tests: str) -> str:
    return " AND ".join(tests)


def quoted(value: str) -> str:
    """Raises ValueError for a quote or a control character: how Xero would escape them is not documented."""
    if _UNQUOTABLE.search(value):
        raise ValueError(f"{value!r} cannot be looked for at Xero")
    return f'"{value}"'


def _day(day: date) -> str:
    return f"DateTime({day.year},{day.month:02},{day.day:02})"
