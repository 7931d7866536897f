"""Group commit: requests that are in flight together share a transaction.

While one transaction is written to disk the next ones gather, so that load makes transactions larger instead
of more. PostgreSQL's own group commit would not help here: transactions that NOTIFY commit one after the
other, each waiting for its disk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from integration_pipeline.crm.webhooks import WebhookEvent
from integration_pipeline.gateway.metrics import Metrics
from integration_pipeline.gateway.session import DatabaseUnavailable, Session, Unstorable
from integration_pipeline.inbox.receiving import KEEP, NUDGING, Kept, as_batch

_MAX_GROUP: Final = 2_000
"""Events in a transaction, unless one request has more."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    events: Sequence[WebhookEvent]
    stored: asyncio.Future[None]


class Committer:
    """Keeps events in the inbox; `keep` returns when they are on disk."""

    def __init__(self, session: Session, metrics: Metrics) -> None:
        self._session = session
        self._metrics = metrics
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def keep(self, events: Sequence[WebhookEvent], seconds: float) -> None:
        """Keep events, each once. Raises `Unstorable`, and `DatabaseUnavailable` after `seconds` at most.

        After `DatabaseUnavailable` they may be kept all the same; keeping them again does no harm.
        """
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(events, stored)
        self._waiting.append(waiting)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        try:
            await asyncio.wait_for(stored, seconds)
        except TimeoutError:
            raise DatabaseUnavailable(f"not committed within {seconds:.1f} seconds") from None
        finally:
            # Nobody counts their memory any more.
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    async def close(self) -> None:
        """Wait for what is being written, and disconnect."""
        if self._writing is not None:
            await self._writing
        await self._session.close()

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._store(self._next_group())
        finally:
            self._writing = None

    def _next_group(self) -> list[_Waiting]:
        """The oldest requests; those that nobody waits for any more are left out, and come again."""
        group: list[_Waiting] = []
        room = _MAX_GROUP
        while self._waiting and (not group or len(self._waiting[0].events) <= room):
            oldest = self._waiting.pop(0)
            if not oldest.stored.done():
                room -= len(oldest.events)
                group.append(oldest)
        return group

    async def _store(self, group: Sequence[_Waiting]) -> None:
        if not group:
            return
        began = time.perf_counter()
        try:
            row = await self._session.row(
                KEEP,
                {
                    "batch": as_batch([event for each in group for event in each.events]),
                    "nudging": NUDGING,
                },
            )
        except Unstorable as error:
            if len(group) == 1:
                _answer(group, error)
                return
            # One of them is to blame; the others must not suffer for it.
            for each in group:
                await self._store([each])
        except DatabaseUnavailable as error:
            _answer(group, error)
        else:
            self._metrics.committed(
                Kept(new=row[0], ignored=row[1], known=row[2]), time.perf_counter() - began
            )
            _answer(group, None)


def _answer(group: Sequence[_Waiting], error: Exception | None) -> None:
    for each in group:
        if each.stored.done():
            continue
        if error is None:
            each.stored.set_result(None)
        else:
            each.stored.set_exception(error)
