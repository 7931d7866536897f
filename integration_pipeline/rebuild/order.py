"""Acts of the past in as few rounds as keep their outcome.

Two acts that touch nothing in common may be repeated in any order, also together. So a ledger that was filled
deal by deal is repeated in rounds of many deals, each round the phases of a pipeline run in their order.

Belongs here: the order, from moments and what is touched: no I/O. Does not belong here: what acts there were
(`acts`), doing them again (`replay`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Generic, TypeVar

Thing = tuple[str, ...]
"""What an act touches: `("deal", "hubspot:123")`."""


class Phase(IntEnum):
    """The parts of a round, in the order in which a pipeline run does them."""

    LAND = 0
    COMPANIES = 1
    CONTACTS = 2
    RAW_GATE = 3
    NORMALIZE = 4
    DEAL_GATE = 5
    DECIDE = 6
    USAGE = 7
    SCHEDULE = 8
    DOCUMENT_GATE = 9
    POST = 10
    SETTLE = 11
    RECOGNIZE = 12


@dataclass(frozen=True, slots=True)
class Touch:
    """How an act touches a thing. Acts that touch it in the same `manner` do not mind each other.

    Those `in_turn` must not overtake each other; those `alone` cannot even be done together.
    """

    thing: Thing
    manner: str
    in_turn: bool = False
    alone: bool = False


_Work = TypeVar("_Work")


@dataclass(frozen=True, slots=True)
class Act(Generic[_Work]):
    """Something that was done: `moment` says when, `work` what, for whoever does it again."""

    moment: datetime
    phase: Phase
    touches: tuple[Touch, ...]
    work: _Work


def alone(*thing: str) -> Touch:
    """Changes a thing, or depends on everything that was done to it."""
    return Touch(thing, "alone", alone=True)


def reads(*thing: str) -> Touch:
    """Depends on a thing as it is."""
    return Touch(thing, "reads")


def writes(*thing: str) -> Touch:
    """Changes a thing in a way that others, who change it as well, do not depend on."""
    return Touch(thing, "writes")


def in_rounds(acts: Iterable[Act[_Work]]) -> Iterator[tuple[Phase, Sequence[Act[_Work]]]]:
    """The acts in parts to be done together, part by part; inside a part by their moments.

    An act comes after everything that came before it and touched the same thing in another manner.
    """
    rounds: dict[int, list[Act[_Work]]] = defaultdict(list)
    latest: dict[Thing, dict[str, int]] = defaultdict(dict)
    for act in sorted(acts, key=lambda each: (each.moment, each.phase)):
        earliest = 0
        for touch in act.touches:
            for manner, place in latest[touch.thing].items():
                if manner != touch.manner or touch.alone:
                    earliest = max(earliest, place + 1)
                elif touch.in_turn:
                    earliest = max(earliest, place)
        place = earliest + (act.phase - earliest) % len(Phase)
        for touch in act.touches:
            places = latest[touch.thing]
            places[touch.manner] = max(place, places.get(touch.manner, 0))
        rounds[place].append(act)
    for place in sorted(rounds):
        yield Phase(place % len(Phase)), rounds[place]
