"""Calls to a target that are under way: several at a time, and a bell that rings when one is answered.

Belongs here: the threads, the bell. Does not belong here: what is sent, what an answer leads to (`poster`).
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self, TypeAlias

import psycopg

from integration_pipeline.accounting.target import AccountingTarget, Outcome, Outgoing, Unsure
from integration_pipeline.posting.writer import Writer
from integration_pipeline.transport.failures import VendorFailure
from integration_pipeline.transport.withholding import asking

_log = logging.getLogger(__name__)

Answer: TypeAlias = Sequence[Outcome] | VendorFailure


class Bell:
    """Wakes one waiting thread: rung by any other, and by what the database tells on `ear`."""

    def __init__(self, ear: psycopg.Connection | None = None) -> None:
        self._ear = ear
        self._rope, self._clapper = socket.socketpair()
        self._rope.setblocking(False)
        self._clapper.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rope.close()
        self._clapper.close()

    def ring(self) -> None:
        """Safe for threads. A bell that rings already rings once; one that was taken down says nothing."""
        with contextlib.suppress(OSError):
            self._rope.send(b"!")

    def wait(self, seconds: float) -> None:
        """Until it rings, or so many seconds at most. Raises psycopg's errors if the ear is lost."""
        heard = [self._clapper] if self._ear is None else [self._clapper, self._ear]
        # What was told while this thread was elsewhere waits inside the connection, where `select` is deaf.
        if not self._told():
            select.select(heard, (), (), seconds)
            self._told()
        with contextlib.suppress(BlockingIOError):
            while self._clapper.recv(64):
                pass

    def _told(self) -> bool:
        return self._ear is not None and bool(list(self._ear.notifies(timeout=0)))


class CallsUnderWay:
    """Sends batches to `target` for its `writer`, `at_once` of them in a thread each, the others in turn.

    Each request asks once more whether the right to write is still there before it leaves.
    """

    def __init__(self, writer: Writer, target: AccountingTarget, at_once: int, bell: Bell) -> None:
        self._writer = writer
        self._target = target
        self._bell = bell
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix=f"send to {target.name}")
        self._under_way: dict[Future[Answer], Sequence[Outgoing]] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(self, batch: Sequence[Outgoing]) -> None:
        call = self._pool.submit(self._answer, batch)
        self._under_way[call] = batch
        call.add_done_callback(lambda _: self._bell.ring())

    def answered(self) -> list[tuple[Sequence[Outgoing], Answer]]:
        """Each batch whose call has ended since the last time, with what came of it."""
        ended = [call for call in self._under_way if call.done()]
        return [(self._under_way.pop(call), call.result()) for call in ended]

    def held_back(self) -> list[Outgoing]:
        """What waits for a thread, and will not get one any more."""
        waiting = [call for call in self._under_way if call.cancel()]
        return [item for call in waiting for item in self._under_way.pop(call)]

    def abandon(self) -> None:
        """Wait for none of them: what they bring will not be stored. Those not sent yet never are."""
        self._under_way.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _answer(self, batch: Sequence[Outgoing]) -> Answer:
        try:
            with asking(self._writer.require):
                return self._target.send(batch)
        except VendorFailure as failure:
            return failure
        except Exception as surprise:
            # A fault of ours after the call may have been answered: better asked than sent twice.
            _log.exception("%s: the answer to %d items was lost", self._target.name, len(batch))
            return [Unsure(f"{type(surprise).__name__} while its answer was read")] * len(batch)
