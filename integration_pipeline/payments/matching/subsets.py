"""Which of several amounts add up to a sum: the only such choice, or none.

Belongs here: arithmetic over integers. Does not belong here: what the amounts are.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias

_Way: TypeAlias = "tuple[int, _Way] | None"
_MOST_SUMS = 60_000
"""So many different sums are kept at most: about 30 ms of work."""


class Unclear(Enum):
    """Why there is no single choice."""

    NONE = "no choice of them adds up"
    SEVERAL = "more than one choice of them adds up"
    TOO_MANY = "there are too many to look through"


def only_subset(amounts: Sequence[int], total: int) -> tuple[int, ...] | Unclear:
    """Indexes of the amounts that add up to `total` (not zero), if exactly one choice of them does.

    Exact, never a guess: every sum that can be reached is counted with the number of ways to it. Two equal
    amounts are two ways. Amounts may be negative. Gives up (`TOO_MANY`) rather than look at a part only.
    """
    above = [0] * (len(amounts) + 1)
    below = [0] * (len(amounts) + 1)
    for index in range(len(amounts) - 1, -1, -1):
        above[index] = above[index + 1] + max(amounts[index], 0)
        below[index] = below[index + 1] + min(amounts[index], 0)
    # Sum -> ways to it (2 stands for more), and one of these ways as a chain of indexes.
    reached: dict[int, tuple[int, _Way]] = {0: (1, None)}
    for index, amount in enumerate(amounts):
        left = total - above[index + 1], total - below[index + 1]
        extended: dict[int, tuple[int, _Way]] = {}
        for before, (ways, way) in reached.items():
            for here, taken in ((before, way), (before + amount, (index, way))):
                if not left[0] <= here <= left[1]:
                    continue
                known = extended.get(here)
                extended[here] = (ways, taken) if known is None else (min(2, known[0] + ways), known[1])
        if len(extended) > _MOST_SUMS:
            return Unclear.TOO_MANY
        reached = extended
    ways, way = reached.get(total, (0, None))
    if ways != 1:
        return Unclear.SEVERAL if ways > 0 else Unclear.NONE
    chosen: list[int] = []
    while way is not None:
        chosen.append(way[0])
        way = way[1]
    return tuple(reversed(chosen))
