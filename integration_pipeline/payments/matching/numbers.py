"""Document numbers and references in what people and banks write: spaces, dashes, an O for a 0.

Belongs here: reading text. Does not belong here: which documents there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

_LONGEST_TEXT = 2_000
_BETWEEN = r"[\W_]{0,3}"
"""What may stand between two characters of a prefix, and before the digits."""
_REFERENCE = re.compile(r"(?<![0-9A-Z])D[A-Z2-7]{10}(?![0-9A-Z])")


@dataclass(frozen=True, slots=True)
class Series:
    """What stands before the numbers (`US-INV-`) and how many digits they have at least."""

    prefix: str
    digits: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One document number as a text may mean it: (prefix, number) pairs, the likeliest first.

    `US-INV-001 234` may be number 1234, or number 1 followed by something else.
    """

    written: str
    meanings: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class NumberReader:
    """Finds numbers of known series in texts."""

    series: tuple[Series, ...]
    _patterns: tuple[tuple[Series, re.Pattern[str]], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # The longest first: where INV- and US-INV- both fit, the text says the latter.
        ordered = sorted(self.series, key=lambda each: (-len(each.prefix), each.prefix))
        object.__setattr__(self, "_patterns", tuple((each, _pattern(each)) for each in ordered))

    def read(self, text: str) -> Iterator[Reading]:
        """Numbers in `text`, in no particular order; a place that one series has read is not read again."""
        rest = text[:_LONGEST_TEXT].upper()
        for series, pattern in self._patterns:
            found = list(pattern.finditer(rest))
            for match in found:
                yield Reading(match.group(0).strip(), tuple(_meanings(series, match.group(1))))
            for match in found:
                rest = rest[: match.start()] + "\n" * len(match.group(0)) + rest[match.end() :]

    def read_all(self, texts: Iterable[str]) -> list[Reading]:
        """The different numbers in several texts."""
        by_meaning = {reading.meanings: reading for text in texts for reading in self.read(text)}
        return list(by_meaning.values())


def references_in(texts: Iterable[str]) -> list[str]:
    """What looks like the reference of a document (`D` and ten characters), each once."""
    return sorted({found for text in texts for found in _REFERENCE.findall(text[:_LONGEST_TEXT].upper())})


def _pattern(series: Series) -> re.Pattern[str]:
    written = [character for character in series.prefix.upper() if character.isalnum()]
    if sum(character.isalpha() for character in written) < 2:
        # `2026-` before a number looks like any date: only the very number counts.
        return re.compile(
            rf"(?<![0-9A-Z]){re.escape(series.prefix.upper())}([0-9]{{{series.digits},18}})(?![0-9A-Z])"
        )
    letters = ["[O0]" if character in "O0" else re.escape(character) for character in written]
    return re.compile(
        rf"(?<![0-9A-Z]){_BETWEEN.join(letters)}{_BETWEEN}"
        r"([0-9O]{1,18}(?:[ \-./][0-9O]{1,18}){0,5})(?![0-9A-Z])"
    )


def _meanings(series: Series, digits: str) -> Iterator[tuple[str, int]]:
    groups: Sequence[str] = re.split(r"[ \-./]", digits.replace("O", "0"))
    joined = groups[0]
    if len(joined) < series.digits:
        for group in groups[1:]:
            joined += group
            if len(joined) == series.digits:
                yield series.prefix, int(joined)
    yield series.prefix, int(groups[0])
