"""Jobs that settle what the real-time worker did not: overdue events, and changes that no event announced.

Belongs here: the jobs, and telling Dagster of what they did. Does not belong here: the work
(`realtime.takeover`), when they run (`sensors`, the schedule in `jobs`).

They are ops and not assets: which close months an event concerns is known only when its deal was read, and a
run of the asset graph has to name its months before. What they did appears on the assets all the same, as
materializations of the run.
"""

# A file whose ops take a `context` has no `from __future__ import annotations`: Dagster 1.13 compares that
# annotation by identity and refuses its text.

# Dagster's annotations of jobs and repositories leave type arguments out.
# pyright: reportUnknownMemberType=false

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from integration_pipeline.defs.announcing import Graph, InRun, announce
from integration_pipeline.defs.in_force import InForce
from integration_pipeline.inbox.reporting import mark_reported, unreported
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.extract import Source
from integration_pipeline.quality import native

SETTLE_EVENTS = "settle_events"
FIND_MISSED_WEBHOOKS = "find_missed_webhooks"
_TAKE_OVER = "take_over_events"


class EventsLeft(dg.Failure):
    """Some events could not be settled; they stay open, and the next run or a person has to."""


class Events(dg.Config):
    """Ids in `inbox.events`."""

    event_ids: list[int]


def settle_config(event_ids: Sequence[int]) -> dict[str, Any]:
    """The run config of `settle_events` for these events."""
    return {"ops": {_TAKE_OVER: {"config": {"event_ids": list(event_ids)}}}}


def settle_events(force: InForce, graph: Graph) -> dg.JobDefinition:
    """The job that settles certain events."""

    @dg.op(
        name=_TAKE_OVER,
        # One reader per account: vendors count requests per app, whoever sends them.
        pool=force.crm_pool,
        description="Reads the records that the events name, and takes their deals from there to the ledger.",
    )
    def take_over_events(
        context: dg.OpExecutionContext,
        config: Events,
        pipeline: dg.ResourceParam[Pipeline],
        crm: dg.ResourceParam[Source],
    ) -> None:
        # Here and not above: httpx comes with it, and is not for whoever only loads definitions.
        from integration_pipeline.realtime.takeover import take_over

        taken = take_over(_judging_natively(pipeline), crm, config.event_ids, context.run_id)
        _tell(context, graph, pipeline, crm)
        context.add_output_metadata({"events_settled": taken.settled, "events_busy": taken.busy})
        if taken.failures:
            raise EventsLeft(
                f"{taken.settled} events were settled, others were not: {'; '.join(taken.failures[:5])}",
                metadata={"settled": taken.settled, "failures": dg.MetadataValue.json(taken.failures)},
                allow_retries=False,
            )

    @dg.job(
        name=SETTLE_EVENTS,
        description="Settles certain webhook events in place of the real-time worker: reads just their deals "
        "and takes them to the ledger. Launched by the sensor webhook_events. Safe to repeat.",
    )
    def job() -> None:
        take_over_events()

    return job


def find_missed_webhooks(force: InForce, graph: Graph) -> dg.JobDefinition:
    """The job that finds and settles what no event announced."""

    @dg.op(
        pool=force.crm_pool,
        description="Reads what changed in the CRM, notes which changes no webhook announced, and takes the "
        "deals concerned to the ledger.",
    )
    def settle_missed_changes(
        context: dg.OpExecutionContext,
        pipeline: dg.ResourceParam[Pipeline],
        crm: dg.ResourceParam[Source],
    ) -> None:
        from integration_pipeline.realtime.takeover import settle_missed

        looked = settle_missed(_judging_natively(pipeline), crm, context.run_id)
        if not looked.read_before:
            context.log.warning("the CRM was never read as a whole; run sync_deals over all months first")
            return
        _tell(context, graph, pipeline, crm)
        context.add_output_metadata({"deals_settled": looked.deals, "changes_missed": looked.missed})
        if looked.missed:
            context.log.warning("no webhook announced %s changes; they are settled now", looked.missed)

    @dg.job(
        name=FIND_MISSED_WEBHOOKS,
        description="Reads what changed in the CRM, and settles what no webhook announced. Safe to repeat.",
    )
    def job() -> None:
        settle_missed_changes()

    return job


def _judging_natively(pipeline: Pipeline) -> Pipeline:
    """Somebody waits, and Great Expectations takes seconds to import; both agree on verdicts."""
    return replace(pipeline, evaluate=native.evaluate)


def _tell(context: dg.OpExecutionContext, graph: Graph, pipeline: Pipeline, source: Source) -> None:
    """Should the run die before this, the sensor `realtime_activity` tells it."""
    from integration_pipeline.realtime.takeover import worker_of_run

    with pipeline.engine.connect() as connection:
        activity = unreported(connection, worker=worker_of_run(context.run_id))
    if activity is None:
        return
    run = InRun(context.run_id, context.job_name)
    announce(context.instance, graph(), pipeline.engine, activity, source.name, run)
    with pipeline.engine.begin() as connection:
        mark_reported(connection, activity.batch_ids)
