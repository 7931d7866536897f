"""Which of several amounts add up to a sum: the only such choice, or none.

Belongs here: arithmetic over integers. Does not belong here: what the amounts are.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias

_Way: TypeAlias = "tuple[int, _Way] | None"
"""Indexes, the last one first."""
_MOST_SUMS = 25_000
"""So many sums are looked at in each half: all choices of 26 amounts at least, in some 50 ms."""


class Unclear(Enum):
    """Why there is no single choice."""

    NONE = "no choice of them adds up"
    SEVERAL = "more than one choice of them adds up"
    TOO_MANY = "there are too many to look through"


def only_subset(amounts: Sequence[int], total: int) -> tuple[int, ...] | Unclear:
    """Indexes of the amounts that add up to `total` (not zero), if exactly one choice of them does.

    Exact, never a guess: every sum of each half is counted with the number of ways to it, and the halves are
    put together. Two equal amounts are two ways. Amounts may be negative. Gives up (`TOO_MANY`) rather than
    look at a part only.
    """
    middle = len(amounts) // 2
    first = _sums(amounts, range(middle), total)
    second = None if first is None else _sums(amounts, range(middle, len(amounts)), total)
    if first is None or second is None:
        return Unclear.TOO_MANY
    found = 0
    chosen: tuple[int, ...] = ()
    for reached, (ways, way) in first.items():
        other_ways, other_way = second.get(total - reached, (0, None))
        if other_ways:
            found += ways * other_ways
            chosen = (*_indexes(way), *_indexes(other_way))
    if found == 1:
        return chosen
    return Unclear.SEVERAL if found else Unclear.NONE


def _sums(amounts: Sequence[int], half: range, total: int) -> dict[int, tuple[int, _Way]] | None:
    """Every sum of a half's amounts that others may bring to `total`: how many ways there are to it (2 stands
    for more), and one of them. None if there are too many.
    """
    # What those not looked at yet, the other half among them, may add at most and at least.
    above = sum(each for each in amounts if each > 0)
    below = sum(each for each in amounts if each < 0)
    sums: dict[int, tuple[int, _Way]] = {0: (1, None)}
    looked_at = 0
    for index in half:
        amount = amounts[index]
        above -= max(amount, 0)
        below -= min(amount, 0)
        extended: dict[int, tuple[int, _Way]] = {}
        for before, (ways, way) in sums.items():
            for reached, taken in ((before, way), (before + amount, (index, way))):
                if total - above <= reached <= total - below:
                    known = extended.get(reached)
                    extended[reached] = (ways, taken) if known is None else (2, known[1])
        looked_at += len(extended)
        if looked_at > _MOST_SUMS:
            return None
        sums = extended
    return sums


def _indexes(way: _Way) -> tuple[int, ...]:
    chosen: list[int] = []
    while way is not None:
        chosen.append(way[0])
        way = way[1]
    return tuple(reversed(chosen))
