from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from integration_pipeline.transport.turns import Ticket, Turns


class Desk:
    """Whoever asks waits here until let go; `sizes` tells how many were asked for together."""

    def __init__(self, *, gives: int = 100, again: float = 0.0) -> None:
        self.sizes: list[int] = []
        self.asked = threading.Event()
        self.go = threading.Event()
        self._gives = gives
        self._again = again

    def ask(self, asking: Sequence[Ticket]) -> tuple[Sequence[Ticket], float]:
        self.sizes.append(len(asking))
        self.asked.set()
        self.go.wait()
        return asking[: self._gives], self._again


def started(turns: Turns, count: int, taken: list[Ticket]) -> list[threading.Thread]:
    threads = [threading.Thread(target=lambda: taken.append(turns.take())) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


class Queueing(Turns):
    """Knows when all that are expected have come."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.ask)

    def wait_for(self, count: int) -> None:
        with self._changed:
            while len(self._waiting) < count:
                self._changed.wait(0.001)


def test_those_who_come_while_somebody_asks_are_asked_for_together() -> None:
    desk, taken = Desk(), list[Ticket]()
    turns = Queueing(desk)
    threads = started(turns, 1, taken)
    desk.asked.wait()
    threads += started(turns, 7, taken)
    turns.wait_for(8)

    desk.go.set()
    for thread in threads:
        thread.join()

    assert desk.sizes == [1, 7]
    assert len({ticket.lease for ticket in taken}) == 8


def test_those_not_settled_are_asked_for_again() -> None:
    desk, taken = Desk(gives=2), list[Ticket]()
    desk.go.set()
    turns = Turns(desk.ask)

    for thread in started(turns, 9, taken):
        thread.join()

    assert len(taken) == 9


def test_what_was_given_back_cuts_the_wait_short() -> None:
    desk, taken = Desk(gives=0, again=3_600.0), list[Ticket]()
    turns = Turns(desk.ask)
    [thread] = started(turns, 1, taken)
    desk.go.set()
    while not taken:
        desk.asked.wait()
        desk._gives = 1  # pyright: ignore[reportPrivateUsage]
        turns.look_now()
        thread.join(0.001)

    assert len(taken) == 1


def test_who_asks_in_vain_is_not_waited_for_by_the_others() -> None:
    calls: list[int] = []

    def ask(asking: Sequence[Ticket]) -> tuple[Sequence[Ticket], float]:
        calls.append(len(asking))
        if len(calls) == 1:
            raise KeyboardInterrupt
        return asking, 0.0

    turns = Turns(ask)
    with pytest.raises(KeyboardInterrupt):
        turns.take()

    turns.take()

    assert calls == [1, 1]
