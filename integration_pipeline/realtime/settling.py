"""What settles events, for the worker and for a Dagster run alike: the stages, then the mark.

Belongs here: one go at some events, and what its failure means. Does not belong here: when which events are
tried again (`worker`, `takeover`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from sqlalchemy.exc import InterfaceError, OperationalError

from integration_pipeline.inbox.claims import Batch, ClaimedEvent, settle
from integration_pipeline.inbox.milestones import BEFORE_SETTLING, SETTLED, STAGE_DONE, reached
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import after_extraction
from integration_pipeline.realtime.reading import Concerned
from integration_pipeline.transport.failures import Throttled, Transient, Unauthorized


class StillOpen(RuntimeError):  # noqa: N818 - reads as the statement it makes
    """Somebody else has a document of these deals in hand; what is left is done once more."""


OF_THE_CRM = (Transient, Throttled, Unauthorized)
"""The CRM gives nothing just now: no smaller question would change that."""

PASSING = (*OF_THE_CRM, OperationalError, InterfaceError, psycopg.OperationalError, StillOpen)
"""Nothing about the event is wrong, so no number of attempts makes it one for a person. Lost sessions,
deadlocks and time-outs are operational errors; values that the database refuses are not."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One go at some events, by a worker or a run of this name; `connection` holds their claim."""

    connection: psycopg.Connection
    worker: str
    started_at: datetime


def run_stages_and_settle(
    pipeline: Pipeline, attempt: Attempt, event_ids: Sequence[int], concerned: Concerned
) -> None:
    """Bill the deals concerned and mark the events as done, in the claim's transaction.

    Raises `StillOpen` if another driver is about to post one of their documents, and whatever a stage raises;
    then nothing is marked, and what the stages did stays.
    """
    scope = Scope.deals(concerned.deal_keys)
    reports = list(concerned.reports)
    for report in after_extraction(pipeline, scope):
        reports.append(report)
        reached(STAGE_DONE)
    if waiting := sum(report.counts["deals_waiting"] for report in reports):
        raise StillOpen(f"{waiting} deals have a document that is being posted")
    reached(BEFORE_SETTLING)
    batch = Batch(
        worker=attempt.worker,
        started_at=attempt.started_at,
        deals=len(concerned.deal_keys),
        reports=[report.as_json() for report in reports],
    )
    # A savepoint: if this fails, the claim still stands, and the failure can be noted.
    with attempt.connection.transaction():
        still_open = settle(
            attempt.connection,
            event_ids,
            batch,
            deal_keys=sorted(concerned.deal_keys),
            days=pipeline.days_by_entity(),
        )
    if still_open:
        raise StillOpen(f"documents of {', '.join(still_open[:5])} are planned and not posted yet")
    reached(SETTLED)


def by_record(events: Sequence[ClaimedEvent]) -> list[list[ClaimedEvent]]:
    """Events in groups that can be tried apart from each other."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[ClaimedEvent]] = {}
    for event in events:
        groups.setdefault((event.source, event.object_type, event.external_ids), []).append(event)
    return list(groups.values())


def in_short(failure: Exception) -> str:
    """A failure on one line, for logs and for the event."""
    return f"{type(failure).__name__}: {str(failure).partition(chr(10))[0][:300]}"
