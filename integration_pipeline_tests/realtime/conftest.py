"""A worker on a fresh database, with a CRM in memory behind it and an inbox to put announcements into."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import LiteralString

import psycopg
import pytest

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.inbox.receiving import keep
from integration_pipeline.pipeline.extract import Source
from integration_pipeline.realtime.worker import Worker
from integration_pipeline_tests.inbox.announcements import announced
from integration_pipeline_tests.pipeline.conftest import (
    Office,
    mapping,
    office,
    pipeline,
    portal,
    rules,
)

__all__ = ["mapping", "office", "pipeline", "portal", "rules"]

_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Inbox:
    """Announcements going in, and what became of them."""

    office: Office
    url: str
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def announce(
        self, *external_ids: str, kind: ObjectType = ObjectType.DEAL, source: str = "hubspot"
    ) -> None:
        """One event of each record, as the gateway keeps them, in one transaction."""
        events = [announced(f"e{next(self._numbers)}", each, kind, source=source) for each in external_ids]
        with psycopg.connect(self.url) as connection:
            keep(connection, events)

    def states(self) -> dict[str, int]:
        """How many events are in which state."""
        rows = self.office.rows("SELECT state, count(*) AS events FROM inbox.events GROUP BY state")
        return {row["state"]: row["events"] for row in rows}

    def wait_until_settled(self) -> None:
        self.wait_for("SELECT count(*) = 0 FROM inbox.events WHERE state = 'pending'")

    def wait_for(self, statement: LiteralString) -> None:
        """Until the statement answers true."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        with psycopg.connect(self.url, autocommit=True) as connection:
            while connection.execute(statement).fetchone() != (True,):
                assert time.monotonic() < deadline, f"never true: {statement}; {self.states()}"
                time.sleep(0.005)


@pytest.fixture
def inbox(office: Office) -> Inbox:
    url = office.pipeline.engine.url.set(drivername="postgresql")
    return Inbox(office, url.render_as_string(hide_password=False))


@contextmanager
def working(inbox: Inbox, source: Source, workers: int = 1) -> Generator[None]:
    """Workers in threads of this process, until the end of the block."""
    stop = threading.Event()
    threads = [
        threading.Thread(
            target=Worker(lambda: inbox.office.pipeline, source, inbox.url, name=f"worker {number}").run,
            args=(stop,),
        )
        for number in range(workers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        _wait_until_stopped(inbox, threads)


def _wait_until_stopped(inbox: Inbox, threads: list[threading.Thread]) -> None:
    """A worker that waits for events notices when it is told of some."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with psycopg.connect(inbox.url, autocommit=True) as bell:
        for thread in threads:
            while thread.is_alive():
                assert time.monotonic() < deadline, f"{thread.name} does not stop"
                bell.execute("NOTIFY inbox")
                thread.join(0.02)
