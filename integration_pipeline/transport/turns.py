"""Threads that want the same thing at the same time: one of them asks for all, first come, first served.

Belongs here: whose turn it is. Does not belong here: what is asked for.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

_MOST_AT_A_TIME = 32


@dataclass(slots=True, eq=False)
class Ticket:
    """One caller's turn: settled once it has a slot from `usable_at` (monotonic) on, or an error, or is to
    count by itself.
    """

    lease: int = field(default_factory=lambda: random.getrandbits(62))
    is_settled: bool = False
    usable_at: float = 0.0
    error: Exception | None = None
    counts_alone: bool = False


Ask: TypeAlias = Callable[[Sequence[Ticket]], tuple[Sequence[Ticket], float]]
"""Fills in the tickets it could settle, gives those and the seconds until the others may be asked for."""


class Turns:
    """The callers of one kind of slot. Safe for threads."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._waiting: deque[Ticket] = deque()
        self._changed = threading.Condition()
        self._is_asking = False
        self._ask_at = 0.0

    def take(self) -> Ticket:
        """Wait until this caller's turn is settled, asking for everybody's whenever nobody else does.

        Raises the error it was settled with.
        """
        mine = Ticket()
        with self._changed:
            self._waiting.append(mine)
        try:
            while (asking := self._to_ask_for(mine)) is not None:
                self._ask_for(asking)
        finally:
            with self._changed:
                # Somebody interrupted must not be waited for by those behind.
                if not mine.is_settled:
                    self._waiting.remove(mine)
        if mine.error is not None:
            raise mine.error
        return mine

    def look_now(self) -> None:
        """Something was given back: whoever waits need not wait as long as was said."""
        with self._changed:
            self._ask_at = 0.0
            self._changed.notify_all()

    def _to_ask_for(self, mine: Ticket) -> list[Ticket] | None:
        """Wait until it is up to this thread to ask; None once its own turn is settled."""
        with self._changed:
            while not mine.is_settled:
                wait = self._ask_at - time.monotonic()
                if not self._is_asking and wait <= 0:
                    self._is_asking = True
                    return list(self._waiting)[:_MOST_AT_A_TIME]
                self._changed.wait(None if self._is_asking else wait)
            return None

    def _ask_for(self, asking: Sequence[Ticket]) -> None:
        settled: Sequence[Ticket] = ()
        again = 0.0
        try:
            settled, again = self._ask(asking)
        finally:
            with self._changed:
                for ticket in settled:
                    ticket.is_settled = True
                    if ticket in self._waiting:
                        self._waiting.remove(ticket)
                self._ask_at = time.monotonic() + again
                self._is_asking = False
                self._changed.notify_all()
