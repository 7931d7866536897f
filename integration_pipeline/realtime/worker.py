"""The worker: claims what waits, reads it from the CRM, runs the stages on it, settles it; and again.

Two batches are under way at a time: while one is in the stages the next is being read, since one waits for
the CRM and the other for the processor. A batch is whatever waits when a desk is free, so batches grow with
the load: latency rises, and nothing is lost, because the inbox holds what is not claimed yet.

Belongs here: the loop and what failures lead to. Does not belong here: starting a process (`process`), what
an event concerns (`reading`), what settles it (`settling`), how it is claimed (`inbox.claims`).
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import SimpleQueue

import psycopg

from integration_pipeline.inbox.claims import Claim, ClaimedEvent, claim, fail
from integration_pipeline.inbox.milestones import CLAIMED, COMMITTED, READ, reached
from integration_pipeline.inbox.receiving import CHANNEL
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.extract import Source
from integration_pipeline.pipeline.stages import WORKER_SESSION
from integration_pipeline.realtime.reading import Concerned, read_concerned
from integration_pipeline.realtime.settling import (
    OF_THE_CRM,
    PASSING,
    Attempt,
    StillOpen,
    by_record,
    in_short,
    run_stages_and_settle,
)

LARGEST_BATCH = 100
"""As many deals as one call to the CRM carries."""
_DESKS = 2
_IDLE_SECONDS = 1.0
# While little of what the CRM grants is used, nothing waits. Then batches of some five calls come apart far
# enough for HubSpot's 19 calls a second, and further the less is left.
_SPARE_LOAD = 0.3
_GATHERING_SECONDS = 0.3
_SCARCE_LOAD = 0.7
_SCARCE_SECONDS = 0.7
_BUSY_SECONDS = 0.02
_AFTER_SURPRISE_SECONDS = 1.0
_MOST_FAULTS = 10
_LONGEST_WAIT_SECONDS = 60.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Desk:
    """A connection for one claim at a time."""

    url: str
    _connection: psycopg.Connection | None = field(default=None, init=False)

    @property
    def connection(self) -> psycopg.Connection:
        """The one that holds the claim. Raises psycopg's OperationalError if it broke.

        Then its events are anybody's: to mark them on another connection may wait for the next who claimed
        them, and that may be this worker's other desk, which waits for this one.
        """
        if self._connection is None or self._connection.closed:
            raise psycopg.OperationalError("the session that held the claim is lost")
        return self._connection

    def open(self) -> psycopg.Connection:
        """A connection to claim on, a new one if the last one broke."""
        if self._connection is None or self._connection.closed:
            # An event marked as done need not reach the disk: lost in a crash of the machine, it is settled
            # once more and finds nothing to do.
            self._connection = psycopg.connect(self.url, **WORKER_SESSION)
        return self._connection

    def clear(self) -> None:
        """Give back what is claimed; a connection that cannot even do that is dropped."""
        if self._connection is not None:
            try:
                self._connection.rollback()
            except psycopg.Error:
                self.close()

    def close(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read, and the pipeline it was read for: it is billed by the same mapping and rules."""

    pipeline: Pipeline
    concerned: Concerned


@dataclass(frozen=True, slots=True)
class _Work:
    desk: _Desk
    started_at: datetime
    events: Sequence[ClaimedEvent]
    reading: _Reading | Exception


class Worker:
    """Settles events until told to stop. Several may share a database, in one process or in many.

    `database_url` is libpq's, of the database that the pipeline's engine is connected to; `pipeline` is asked
    for before each batch, so that other rules hold from the next batch on.
    """

    def __init__(
        self, pipeline: Callable[[], Pipeline], source: Source, database_url: str, *, name: str | None = None
    ) -> None:
        self._pipeline = pipeline
        self._source = source
        self._url = database_url
        self._name = name or f"{socket.gethostname()}:{os.getpid()}"

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what is under way then is finished. Outlives the database's absence."""
        while not stop.is_set():
            try:
                self._work(stop)
            except psycopg.OperationalError as error:
                _log.warning("the database cannot be reached, next try in a second: %s", in_short(error))
                stop.wait(1.0)

    def _work(self, stop: threading.Event) -> None:
        with psycopg.connect(self._url, autocommit=True) as ear, self._settler(stop) as (desks, to_settle):
            ear.execute(f"LISTEN {CHANNEL}")
            while not stop.is_set():
                desk = desks.get()
                stop.wait(self._gathering_seconds())
                claimed = self._claim(desk)
                if claimed.events:
                    to_settle.put(self._read(desk, claimed.events))
                    continue
                desk.clear()
                desks.put(desk)
                # What is announced from here on is heard even if it was committed a moment ago.
                pause = _BUSY_SECONDS if claimed.busy else _IDLE_SECONDS
                for _ in ear.notifies(timeout=pause, stop_after=1):
                    pass

    def _gathering_seconds(self) -> float:
        """How long to let events gather into a larger batch, so that what the CRM grants lasts.

        A batch costs as many calls for one deal as for fifty. Spent on small ones, a window's calls would be
        gone in seconds, and then nothing would move until it has passed.
        """
        load = self._source.load
        if load < _SPARE_LOAD:
            return 0.0
        return _GATHERING_SECONDS + _SCARCE_SECONDS * max(0.0, load - _SCARCE_LOAD) / (1.0 - _SCARCE_LOAD)

    @contextmanager
    def _settler(
        self, stop: threading.Event
    ) -> Generator[tuple[SimpleQueue[_Desk], SimpleQueue[_Work | None]]]:
        """A thread that settles what it is handed and frees the desk."""
        desks: SimpleQueue[_Desk] = SimpleQueue()
        to_settle: SimpleQueue[_Work | None] = SimpleQueue()
        all_desks = [_Desk(self._url) for _ in range(_DESKS)]
        for desk in all_desks:
            desks.put(desk)

        def settle_all() -> None:
            while (work := to_settle.get()) is not None:
                try:
                    self._settle(work)
                except Exception:
                    _log.exception("a batch could not be settled; its events are claimed again")
                    stop.wait(_AFTER_SURPRISE_SECONDS)
                finally:
                    work.desk.clear()
                    desks.put(work.desk)

        settler = threading.Thread(target=settle_all, name="settler")
        settler.start()
        try:
            yield desks, to_settle
        finally:
            to_settle.put(None)
            settler.join()
            for desk in all_desks:
                desk.close()

    def _claim(self, desk: _Desk) -> Claim:
        try:
            claimed = claim(desk.open(), LARGEST_BATCH)
        except psycopg.OperationalError:
            desk.close()
            raise
        if claimed.events:
            reached(CLAIMED)
        return claimed

    def _read(self, desk: _Desk, events: Sequence[ClaimedEvent]) -> _Work:
        started_at = datetime.now(UTC)
        try:
            pipeline = self._pipeline()
            reading: _Reading | Exception = _Reading(pipeline, read_concerned(pipeline, self._source, events))
            reached(READ)
        except Exception as failure:
            # It is weighed where batches are settled.
            reading = failure
        return _Work(desk, started_at, events, reading)

    def _settle(self, work: _Work) -> None:
        failure = self._bill(work)
        if failure is not None:
            self._recover(work, failure)
        work.desk.connection.commit()
        reached(COMMITTED)

    def _recover(self, work: _Work, failure: Exception) -> None:
        """One record's fault must not hold up the others: if it may be one, the records are tried singly."""
        groups = by_record(work.events)
        if len(groups) == 1 or isinstance(failure, OF_THE_CRM):
            self._put_off(work.desk, work.events, failure)
            return
        for number, events in enumerate(groups):
            own = self._bill(self._read(work.desk, events))
            if isinstance(own, OF_THE_CRM):
                left = [event for group in groups[number:] for event in group]
                self._put_off(work.desk, left, own)
                return
            if own is not None:
                self._put_off(work.desk, events, own)

    def _bill(self, work: _Work) -> Exception | None:
        """What kept the events from being settled, None if they are."""
        if isinstance(work.reading, Exception):
            return work.reading
        attempt = Attempt(work.desk.connection, self._name, work.started_at)
        ids = [event.id for event in work.events]
        try:
            run_stages_and_settle(work.reading.pipeline, attempt, ids, work.reading.concerned)
        except Exception as failure:
            return failure
        return None

    def _put_off(self, desk: _Desk, events: Sequence[ClaimedEvent], failure: Exception) -> None:
        attempt = 1 + max(event.attempts for event in events)
        first = 0.1 if isinstance(failure, StillOpen) else 0.5
        seconds = min(_LONGEST_WAIT_SECONDS, first * 2.0 ** min(attempt - 1, 10))
        said = in_short(failure)
        _log.warning(
            "attempt %d on %d events failed, next in %.1f s: %s", attempt, len(events), seconds, said
        )
        most_faults = None if isinstance(failure, PASSING) else _MOST_FAULTS
        fail(desk.connection, events, said, seconds=seconds, most_faults=most_faults)
