"""Settling in one go, for a driver that is no worker: a Dagster run that takes events over, or finds missed
ones.

Belongs here: the order of work within such a run. Does not belong here: Dagster (`defs`), which events are
overdue (`inbox.takeover`), what was missed (`inbox.missed`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg

from integration_pipeline.inbox.claims import ClaimedEvent, fail
from integration_pipeline.inbox.missed import find_missed, mark_settled, newest_record, was_read
from integration_pipeline.inbox.takeover import TAKEOVERS, claim_requested, credit_run
from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.extract import Source, extract
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.realtime.reading import Concerned, deals_landed, read_concerned
from integration_pipeline.realtime.settling import (
    OF_THE_CRM,
    PASSING,
    Attempt,
    StillOpen,
    by_record,
    in_short,
    run_stages_and_settle,
)

_log = logging.getLogger(__name__)

_EVENTS_AT_ONCE = 100
_DEALS_AT_ONCE = 1_000
_RETRY_SECONDS = 60.0
_GOES = 5
_BETWEEN_GOES_SECONDS = 1.0


@dataclass(slots=True)
class TakenOver:
    """What became of the events a run was asked for. `busy` ones are in somebody else's hands.

    `failures` have one line for each group of events that stays open, without its records' contents.
    """

    settled: int = 0
    busy: int = 0
    failures: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look for missed changes came to; `missed` of the `deals` it settled were never announced."""

    read_before: bool
    missed: int
    deals: int


class DealsLeft(RuntimeError):  # noqa: N818 - reads as the statement it makes
    """Some deals could not be settled, others were."""


def worker_of_run(run_id: str) -> str:
    """The name under which a run's work is in `inbox.batches`."""
    return f"dagster run {run_id}"


def take_over(pipeline: Pipeline, source: Source, event_ids: Sequence[int], run_id: str) -> TakenOver:
    """Settle these events as a worker would, those that are still open and nobody else's. Safe to repeat.

    One record's fault does not hold up the others: they are tried singly then. What fails stays open for the
    next takeover, or for a person after the last. Raises only if the database itself is lost.
    """
    taken = TakenOver()
    with _connected(pipeline) as connection:
        for chunk in chunked(event_ids, _EVENTS_AT_ONCE):
            claimed = claim_requested(connection, chunk)
            taken.busy += claimed.busy
            if claimed.events:
                _settle_events(_Desk(pipeline, source, connection, run_id), claimed.events, taken)
            connection.commit()
    return taken


def settle_missed(pipeline: Pipeline, source: Source, run_id: str) -> Looked:
    """Read what changed in the CRM, note what no event announced, and settle all that was read.

    That is the deals read, and those of line items, companies and contacts that were. Only missed changes of
    deals and line items are noted, so a company's that was not settled waits for the run over everything.

    Before the CRM was first read as a whole it does nothing: that is for a run over everything. Raises what
    reading raises, and `DealsLeft` if some deals could not be settled, after the others were; what landed
    stays, and what was missed is settled by the next look.
    """
    engine = pipeline.engine
    with engine.connect() as connection:
        read_before = was_read(connection, source.name)
        before = newest_record(connection)
    if not read_before:
        return Looked(read_before=False, missed=0, deals=0)
    started_at = datetime.now(UTC)
    report = extract(pipeline, source)
    with engine.begin() as connection:
        missed = find_missed(connection, source.name)
    deal_keys = sorted(deals_landed(pipeline, source, before))
    look = _Look(pipeline, run_id, started_at, [report])
    for chunk in chunked(deal_keys, _DEALS_AT_ONCE):
        look.settle(chunk)
    if look.failures:
        raise DealsLeft(
            f"{len(look.failures)} of {len(deal_keys)} deals could not be settled: "
            f"{', '.join(look.failures[:5])}; the next look tries those again whose change nobody announced"
        )
    return Looked(read_before=True, missed=missed, deals=len(deal_keys))


@dataclass(slots=True)
class _Look:
    """`reports` are kept with the first deals that are settled."""

    pipeline: Pipeline
    run_id: str
    started_at: datetime
    reports: list[StageReport]
    failures: list[str] = field(default_factory=list[str])

    def settle(self, deal_keys: Sequence[str]) -> None:
        try:
            self._settle_together(deal_keys)
        except OF_THE_CRM:
            raise
        except Exception as failure:
            # Whatever it is, it must not keep the changes of other deals from being settled.
            if len(deal_keys) == 1:
                _log.exception("deal %s could not be settled", deal_keys[0])
                self.failures.append(f"{deal_keys[0]} ({type(failure).__name__})")
                return
            for deal_key in deal_keys:
                self.settle([deal_key])

    def _settle_together(self, deal_keys: Sequence[str]) -> None:
        """A worker may have some of these deals in hand for a moment: it was told of their next change."""
        concerned = Concerned(set(deal_keys), self.reports)
        worker = worker_of_run(self.run_id)
        for left in reversed(range(_GOES)):
            try:
                with _connected(self.pipeline) as connection:
                    attempt = Attempt(connection, worker, self.started_at)
                    run_stages_and_settle(self.pipeline, attempt, (), concerned)
            except StillOpen:
                if not left:
                    raise
                time.sleep(_BETWEEN_GOES_SECONDS)
            else:
                break
        self.reports = []
        with self.pipeline.engine.begin() as connection:
            mark_settled(connection, deal_keys, self.run_id)


@dataclass(frozen=True, slots=True)
class _Desk:
    pipeline: Pipeline
    source: Source
    connection: psycopg.Connection
    run_id: str

    def settle(self, events: Sequence[ClaimedEvent]) -> None:
        started_at = datetime.now(UTC)
        concerned = read_concerned(self.pipeline, self.source, events)
        ids = [event.id for event in events]
        attempt = Attempt(self.connection, worker_of_run(self.run_id), started_at)
        # What fails in the midst of marking must leave the claim as it was.
        with self.connection.transaction():
            run_stages_and_settle(self.pipeline, attempt, ids, concerned)
            credit_run(self.connection, ids, self.run_id)

    def put_off(self, events: Sequence[ClaimedEvent], failure: Exception) -> str:
        is_its_own = not isinstance(failure, PASSING)
        fail(
            self.connection,
            events,
            in_short(failure),
            seconds=_RETRY_SECONDS,
            most_faults=TAKEOVERS if is_its_own else None,
            keep_failed=is_its_own,
        )
        return f"{len(events)} events from {events[0].id} on: {type(failure).__name__}"


def _settle_events(desk: _Desk, events: Sequence[ClaimedEvent], taken: TakenOver) -> None:
    try:
        desk.settle(events)
    except Exception as failure:
        # Whatever it is, it must not cost the events of other records.
        groups = by_record(events)
        if len(groups) == 1 or isinstance(failure, OF_THE_CRM):
            taken.failures.append(desk.put_off(events, failure))
            return
        for group in groups:
            _settle_events(desk, group, taken)
    else:
        taken.settled += len(events)


@contextmanager
def _connected(pipeline: Pipeline) -> Generator[psycopg.Connection]:
    with psycopg.connect(pipeline.database_url) as connection:
        yield connection
