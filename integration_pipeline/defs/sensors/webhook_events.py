"""`webhook_events`: the second net. What no worker settled in time is settled by a run.

With `REALTIME=off` there is no worker, and every event is left to runs.
"""

# Dagster annotates the statuses of a filter with a bare sequence.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from integration_pipeline.defs.sensors.database import NotThereYet, looking_at, skipped
from integration_pipeline.defs.settling import SETTLE_EVENTS, settle_config
from integration_pipeline.inbox.takeover import request_run
from integration_pipeline.settings import Settings

_INTERVAL_SECONDS = 10
EVENTS_TAG = "pipeline/events"
ATTEMPT_TAG = "pipeline/attempt"


def webhook_events(settings: Callable[[], Settings]) -> dg.SensorDefinition:
    """Launch `settle_events` for overdue events, one run at a time."""

    @dg.sensor(
        name="webhook_events",
        job_name=SETTLE_EVENTS,
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Launches a run for webhook events that the real-time worker has not settled in time: "
        "because it is down, because they failed, or because real time is switched off.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        under_way = dg.RunsFilter(job_name=SETTLE_EVENTS, statuses=NOT_FINISHED_STATUSES)
        if runs := context.instance.get_runs(under_way, limit=1):
            return dg.SkipReason(f"run {runs[0].run_id} settles events; the next comes after it")
        chosen = settings()
        patience = chosen.inbox_patience_seconds if chosen.realtime == "on" else 0
        try:
            with looking_at(chosen) as engine, engine.begin() as connection:
                request = request_run(connection, patience)
        except NotThereYet as reason:
            return skipped(reason)
        if request is None:
            return dg.SkipReason("no event is overdue")
        return dg.RunRequest(
            run_key=request.run_key,
            run_config=settle_config(request.event_ids),
            tags={EVENTS_TAG: str(len(request.event_ids)), ATTEMPT_TAG: str(request.attempt)},
        )

    return sensor
