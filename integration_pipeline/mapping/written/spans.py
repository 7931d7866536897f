"""Lists of spans as people write them: `1-3: 50%; 4-6: 75%`, one entry per semicolon or line.

Belongs here: cutting such a list, reading what stands before each colon. Does not belong here: what the spans
are of, or what stands behind the colon (`ramps`, `tiers`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from integration_pipeline.mapping.written.amounts import Unreadable, currency_in_text

_ENTRY_END = re.compile(r"[;\n]")
_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
_RANGE = re.compile(rf"(?P<first>{_NUMBER})\s*(?:-|–|—|to|bis)\s*(?P<last>{_NUMBER})")
_FROM = re.compile(rf"(?P<first>{_NUMBER})\s*(?:\+|and (?:more|up)|on(?:wards)?)|from (?P<from>{_NUMBER})")
_OVER = re.compile(rf"(?:>|over|above|more than)\s*(?P<above>{_NUMBER})")
_UP_TO = re.compile(rf"(?:<=|≤|up to|first)\s*(?P<last>{_NUMBER})")
_SINGLE = re.compile(_NUMBER)
_MOST_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Span:
    """From `first` to `last`, both included; without `last` it is open."""

    first: Decimal
    last: Decimal | None


def entries_in_text(text: str, example: str) -> Iterator[tuple[str, str]]:
    """(what stands before the colon, what stands behind it) of each entry."""
    if len(text) > _MOST_CHARACTERS:
        raise Unreadable(f"is longer than {_MOST_CHARACTERS} characters")
    found = False
    for entry in filter(str.strip, _ENTRY_END.split(text)):
        before, colon, behind = entry.partition(":")
        if not colon or not behind.strip():
            raise Unreadable(f"has {_shown(entry)} where an entry such as {example!r} is expected")
        found = True
        yield before.strip(), behind.strip()
    if not found:
        raise Unreadable(f"holds no entry such as {example!r}")


def span_in_text(text: str, units: str, example: str) -> Span:
    """`1-3`, `4+`, `from 4`, `up to 50`, `over 50` or one number; `units` is a pattern of words to skip."""
    bare = " ".join(re.sub(rf"(?<![a-z])(?:{units})(?![a-z])\.?", " ", text.lower()).split())
    if match := _RANGE.fullmatch(bare):
        return Span(Decimal(match["first"]), Decimal(match["last"]))
    if match := _FROM.fullmatch(bare):
        return Span(Decimal(match["first"] or match["from"]), None)
    if match := _OVER.fullmatch(bare):
        return Span(Decimal(match["above"]) + 1, None)
    if match := _UP_TO.fullmatch(bare):
        return Span(Decimal(1), Decimal(match["last"]))
    if _SINGLE.fullmatch(bare):
        return Span(Decimal(bare), Decimal(bare))
    raise Unreadable(f"has {_shown(text)} where a span such as {example!r} is expected")


def currencies_in_text(text: str) -> Iterator[str]:
    """The currencies that the amounts of such a list name."""
    for part in re.split(r"[;:+\n]", text):
        if (currency := currency_in_text(part)) is not None:
            yield currency


def _shown(text: str) -> str:
    return repr(text.strip()[:40])
