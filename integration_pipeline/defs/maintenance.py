"""`maintenance`: once a day what nobody will ask for any more is deleted.

Ticks are not among it: Dagster prunes them by itself, as its home folder says (`instance`).
"""

# A file whose ops take a `context` has no `from __future__ import annotations`: Dagster 1.13 compares that
# annotation by identity and refuses its text.
# Dagster annotates the statuses of a filter with a bare sequence.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.instance.utils import RUNLESS_RUN_ID
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from sqlalchemy import select

from integration_pipeline.inbox.pruning import prune
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.settings import Settings

MAINTENANCE = "maintenance"
_RUNS_AT_ONCE = 100
_RUNLESS = (dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION)


def maintenance(settings: Callable[[], Settings], sync_job: str, frequent: Sequence[str]) -> dg.JobDefinition:
    """The job. `sync_job` is the one whose runs materialize every month; those of `frequent` go in time."""

    @dg.op(description="Deletes settled webhook events and reported batches older than INBOX_RETENTION_DAYS.")
    def prune_inbox(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
        gone = prune(pipeline.engine, settings().inbox_retention_days)
        context.add_output_metadata({"events": gone.events, "batches": gone.batches, "missed": gone.missed})

    @dg.op(
        description="Deletes frequent runs, and what real time reported without a run, from Dagster once "
        "they are older than RUN_RETENTION_DAYS."
    )
    def prune_dagster(context: dg.OpExecutionContext) -> None:
        before = datetime.now(UTC) - timedelta(days=settings().run_retention_days)
        context.add_output_metadata(
            {
                "runs": delete_runs(context.instance, sync_job, frequent, before),
                "events": delete_runless_events(context.instance, sync_job, before),
            }
        )

    @dg.job(
        name=MAINTENANCE,
        description="Deletes old webhook events that were settled, and Dagster's records of frequent runs.",
    )
    def job() -> None:
        prune_inbox()
        prune_dagster()

    return job


def delete_runs(
    instance: dg.DagsterInstance, sync_job: str, frequent: Sequence[str], before: datetime
) -> int:
    """Delete finished runs of the frequent jobs created before that moment; how many.

    A run takes its materializations with it. So none goes that is younger than the newest successful run of
    `sync_job` over all months: that one materialized them all again.
    """
    superseded = _newest_over_all_months(instance, sync_job)
    if superseded is None:
        return 0
    deleted = 0
    for job in frequent:
        old = dg.RunsFilter(
            job_name=job, statuses=list(FINISHED_STATUSES), created_before=min(before, superseded)
        )
        while records := instance.get_run_records(old, limit=_RUNS_AT_ONCE):
            for record in records:
                instance.delete_run(record.dagster_run.run_id)
            deleted += len(records)
    return deleted


def delete_runless_events(instance: dg.DagsterInstance, sync_job: str, before: datetime) -> int:
    """Delete materializations and check results that belong to no run, written before that moment; how many.

    Dagster keeps them for good and has no way of its own to delete them; under constant load real time leaves
    some 50,000 a day. As with runs, none goes that a run over all months has not replaced.
    """
    # Here and not above: Alembic comes with it, and is not for whoever only loads definitions.
    from dagster._core.storage.event_log.schema import (
        AssetCheckExecutionsTable,
        AssetEventTagsTable,
        SqlEventLogStorageTable,
    )
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

    superseded = _newest_over_all_months(instance, sync_job)
    storage = instance.event_log_storage
    if superseded is None or not isinstance(storage, SqlEventLogStorage):
        return 0
    # Dagster's columns of time are in UTC without saying so.
    until = min(before, superseded).replace(tzinfo=None)
    events, tags, checks = SqlEventLogStorageTable.c, AssetEventTagsTable.c, AssetCheckExecutionsTable.c
    old = (
        select(events.id)
        .where(events.run_id == RUNLESS_RUN_ID, events.timestamp < until)
        .where(events.dagster_event_type.in_([kind.value for kind in _RUNLESS]))
    )
    with storage.index_connection() as connection:
        connection.execute(AssetEventTagsTable.delete().where(tags.event_id.in_(old)))
        connection.execute(
            AssetCheckExecutionsTable.delete().where(checks.evaluation_event_storage_id.in_(old))
        )
        return connection.execute(SqlEventLogStorageTable.delete().where(events.id.in_(old))).rowcount


def _newest_over_all_months(instance: dg.DagsterInstance, sync_job: str) -> datetime | None:
    succeeded = dg.RunsFilter(job_name=sync_job, statuses=[dg.DagsterRunStatus.SUCCESS])
    for record in instance.get_run_records(succeeded, limit=_RUNS_AT_ONCE):
        if "dagster/asset_partition_range_start" in record.dagster_run.tags:
            return record.create_timestamp
    return None
