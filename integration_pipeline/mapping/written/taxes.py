"""Tax rates as people write them.

Belongs here: names and percentages out of one text. Does not belong here: what is taxed how (`billing.tax`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from integration_pipeline.mapping.written.amounts import Unreadable, percentage_in_text

# A comma between digits is a decimal one.
_SEPARATOR = re.compile(r"[;\n]|,(?=\s*[^\d\s])")
_RATE = re.compile(
    r"(?P<name>[^%]*[^%\s+-])\s+(?P<percent>[+-]?[0-9.,]+\s*%)(?:\s+on\s+(?P<on>[^%]+))?", re.I
)
_EXAMPLE = "GST 5%; QST 9.975%"
_MOST_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class WrittenRate:
    """A tax of `percent`, taken of the net amount and of the taxes named in `on`."""

    name: str
    percent: Decimal
    on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RateList:
    """Taxes in the order in which they are computed."""

    rates: tuple[WrittenRate, ...]


def tax_rates_in_text(text: str) -> RateList:
    """`GST 5%; QST 9.975%`, `VAT 19 %`; a tax on a tax is `PST 7% on GST`. Raises `Unreadable`."""
    entries = [
        " ".join(entry.split()) for entry in _SEPARATOR.split(text[: _MOST_CHARACTERS + 1]) if entry.strip()
    ]
    rates = [_rate(entry) for entry in entries]
    if not rates or len(text) > _MOST_CHARACTERS:
        raise Unreadable(f"is not a list of taxes such as {_EXAMPLE!r}")
    return RateList(tuple(rates))


def _rate(entry: str) -> WrittenRate:
    match = _RATE.fullmatch(entry)
    percent = percentage_in_text(match["percent"]) if match else None
    if match is None or percent is None:
        raise Unreadable(f"has {entry[:40]!r} where a tax such as {_EXAMPLE.partition(';')[0]!r} is expected")
    on = tuple(name.strip() for name in re.split(r"\band\b|\+", match["on"] or "") if name.strip())
    return WrittenRate(match["name"].strip(), percent, on)
