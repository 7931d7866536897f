"""Delivering: rounds of a target's poster, until nothing is due or until told to stop.

`deliver` is a stage, for runs and the command line; `Delivery` is for the process that is always there. Both
may be at work at once: a target has one writer, and the other waits or looks on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

import psycopg

from integration_pipeline.accounting.target import AccountingTarget
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.post import enlist
from integration_pipeline.pipeline.reports import StageReport, reporting
from integration_pipeline.pipeline.settlement_intents import enlist_settlements
from integration_pipeline.posting.calls import Bell
from integration_pipeline.posting.poster import Poster, Round
from integration_pipeline.posting.writer import Session, Writer, open_session, writing

CHANNEL = "posting"
_IDLE_SECONDS = 1.0
_TAKEOVER_SECONDS = 1.0
_LOST_SECONDS = 1.0
_AFTER_SURPRISE_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.1

_log = logging.getLogger(__name__)


def deliver(
    pipeline: Pipeline,
    targets: Sequence[AccountingTarget],
    *,
    patience: float = 60.0,
    longest_pause: float = 5.0,
) -> StageReport:
    """Send everything that is due to the targets, one after the other. Safe to repeat.

    Where another process is the target's writer, it is given `patience` seconds to do the same. A target that
    wants to be left alone for longer than `longest_pause` seconds keeps what is due for later. Counts, each
    after the target's name: `invoices_posted`, `credit_notes_posted`, `payments_posted`,
    `applications_posted`, `customers`, `waiting`, `rejected`, `uncertain`, `frozen`, `left` (still due).
    Money: `invoiced`, `credited`.
    """
    with reporting("deliver") as report:
        with pipeline.transaction() as connection:
            enlist(connection, pipeline.targets)
            enlist_settlements(connection, pipeline.targets)
        for target in targets:
            with open_session(pipeline.database_url, f"deliver {target.name}") as session:
                done = _all_due(session, target, patience, longest_pause)
                left = _left(session, target.name)
            for name, count in sorted(done.counts.items()):
                report.counts[f"{target.name} {name}"] += count
            for (what, currency), minor in done.money.items():
                report.money[f"{target.name} {what}", currency] += minor
            if left:
                report.counts[f"{target.name} left"] += left
    return report


def _all_due(session: Session, target: AccountingTarget, patience: float, longest_pause: float) -> Round:
    give_up = time.monotonic() + patience
    while True:
        with writing(session, target.name) as writer:
            if writer is not None:
                with Bell() as bell, Poster(writer, target, bell) as poster:
                    return _rounds(poster, writer, give_up, longest_pause)
        # Somebody else is at it.
        if time.monotonic() > give_up or not _left(session, target.name):
            return Round()
        time.sleep(_LOOK_AGAIN_SECONDS)


def _rounds(poster: Poster, writer: Writer, give_up: float, longest_pause: float) -> Round:
    """Until nothing is due, or what is has to wait for longer than this may take."""
    total = Round()
    while (pause := writer.paused_seconds()) <= longest_pause:
        if pause:
            time.sleep(pause)
        done = poster.round()
        _add(total, done)
        idle = done.idle and not poster.busy
        if idle and not _open(writer.connection, writer.target):
            break
        if time.monotonic() > give_up and (idle or done.counts["paused"]):
            break
        if idle:
            # Something is uncertain, and its look-up is not due yet.
            time.sleep(_LOOK_AGAIN_SECONDS)
    _add(total, poster.finish())
    return total


def _add(total: Round, done: Round) -> None:
    total.counts.update(done.counts)
    total.money.update(done.money)


def _open(session: Session, target: str) -> bool:
    """Whether something will be due within the next seconds."""
    with session.transaction():
        row = session.execute(_SOON, {"target": target}).fetchone()
    return bool(row and row[0])


def _left(session: Session, target: str) -> int:
    with session.transaction():
        row = session.execute(_LEFT, {"target": target}).fetchone()
    return int(row[0]) if row else 0


class Delivery:
    """Posts to one target for as long as it runs; one of several may, the others stand by to take over.

    `database_url` is libpq's. `done` is told of each round.
    """

    def __init__(
        self, target: AccountingTarget, database_url: str, *, done: Callable[[Round], None] | None = None
    ) -> None:
        self._target = target
        self._url = database_url
        self._done = done

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; what is under way then is finished. Outlives the database's absence."""
        while not stop.is_set():
            try:
                with open_session(self._url, f"poster {self._target.name}") as session:
                    self._write(session, stop)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                _log.warning(
                    "the poster of %s lost the database, next try in a second: %s",
                    self._target.name,
                    str(error).partition("\n")[0],
                )
                stop.wait(_LOST_SECONDS)
            except Exception:
                _log.exception("the poster of %s failed; it goes on in a while", self._target.name)
                stop.wait(_AFTER_SURPRISE_SECONDS)

    def _write(self, session: Session, stop: threading.Event) -> None:
        with psycopg.connect(self._url, autocommit=True) as ear:
            ear.execute(f"LISTEN {CHANNEL}")
            while not stop.is_set():
                with writing(session, self._target.name) as writer:
                    if writer is not None:
                        self._post(writer, ear, stop)
                stop.wait(_TAKEOVER_SECONDS)

    def _post(self, writer: Writer, ear: psycopg.Connection, stop: threading.Event) -> None:
        with Bell(ear) as bell, Poster(writer, self._target, bell) as poster:
            while not stop.is_set():
                if pause := writer.paused_seconds():
                    stop.wait(min(pause, _IDLE_SECONDS))
                    continue
                done = poster.round()
                self._tell(done)
                if done.idle and not poster.busy:
                    # What is told from here on is heard even if it was committed a moment ago.
                    bell.wait(_IDLE_SECONDS)
            self._tell(poster.finish())

    def _tell(self, done: Round) -> None:
        if self._done is not None:
            self._done(done)


_SOON = """
    SELECT EXISTS (
        SELECT FROM posting.intents
        WHERE target = %(target)s AND state IN ('pending', 'uncertain')
            AND retry_at BETWEEN clock_timestamp() - interval '1 second'
            AND clock_timestamp() + interval '10 seconds'
    )
"""
_LEFT = """
    SELECT count(*) FROM posting.intents
    WHERE target = %(target)s AND state IN ('pending', 'claimed', 'uncertain')
"""
