"""`maintenance`: once a day what nobody will ask for any more is deleted.

Ticks are not among it: Dagster prunes them by itself, as its home folder says (`instance`).
"""

# A file whose ops take a `context` has no `from __future__ import annotations`: Dagster 1.13 compares that
# annotation by identity and refuses its text.
# Dagster annotates the statuses of a filter with a bare sequence.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.dagster_run import FINISHED_STATUSES

from integration_pipeline.defs.settling import FIND_MISSED_WEBHOOKS, SETTLE_EVENTS
from integration_pipeline.inbox.pruning import prune
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.settings import Settings

MAINTENANCE = "maintenance"
_FREQUENT = (SETTLE_EVENTS, FIND_MISSED_WEBHOOKS, MAINTENANCE)
_RUNS_AT_ONCE = 100


def maintenance(settings: Callable[[], Settings], sync_job: str) -> dg.JobDefinition:
    """The job. `sync_job` is the one whose runs materialize every month."""

    @dg.op(description="Deletes settled webhook events and reported batches older than INBOX_RETENTION_DAYS.")
    def prune_inbox(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
        gone = prune(pipeline.engine, settings().inbox_retention_days)
        context.add_output_metadata({"events": gone.events, "batches": gone.batches, "missed": gone.missed})

    @dg.op(description="Deletes frequent runs older than RUN_RETENTION_DAYS from Dagster.")
    def prune_runs(context: dg.OpExecutionContext) -> None:
        before = datetime.now(UTC) - timedelta(days=settings().run_retention_days)
        context.add_output_metadata({"runs": delete_runs(context.instance, sync_job, before)})

    @dg.job(
        name=MAINTENANCE,
        description="Deletes old webhook events that were settled, and Dagster's records of frequent runs.",
    )
    def job() -> None:
        prune_inbox()
        prune_runs()

    return job


def delete_runs(instance: dg.DagsterInstance, sync_job: str, before: datetime) -> int:
    """Delete finished runs of the frequent jobs created before that moment; how many.

    A run takes its materializations with it. So none goes that is younger than the newest successful run of
    `sync_job` over all months: that one materialized them all again.
    """
    superseded = _newest_over_all_months(instance, sync_job)
    if superseded is None:
        return 0
    deleted = 0
    for job in _FREQUENT:
        old = dg.RunsFilter(
            job_name=job, statuses=list(FINISHED_STATUSES), created_before=min(before, superseded)
        )
        while records := instance.get_run_records(old, limit=_RUNS_AT_ONCE):
            for record in records:
                instance.delete_run(record.dagster_run.run_id)
            deleted += len(records)
    return deleted


def _newest_over_all_months(instance: dg.DagsterInstance, sync_job: str) -> datetime | None:
    succeeded = dg.RunsFilter(job_name=sync_job, statuses=[dg.DagsterRunStatus.SUCCESS])
    for record in instance.get_run_records(succeeded, limit=_RUNS_AT_ONCE):
        if "dagster/asset_partition_range_start" in record.dagster_run.tags:
            return record.create_timestamp
    return None
