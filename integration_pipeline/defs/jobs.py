"""What runs when: all from the CRM to the ledger once a day, the nets under real time every few minutes."""

# Dagster annotates the metadata of jobs and schedules with a bare `PathLike`, and the statuses of a filter
# with a bare sequence.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from integration_pipeline.defs import keys
from integration_pipeline.defs.accounts import Account
from integration_pipeline.defs.announcing import Graph
from integration_pipeline.defs.checks.books import CHECK_BOOKS
from integration_pipeline.defs.in_force import InForce
from integration_pipeline.defs.looking_after import (
    TEND_CONNECTIONS,
    reconcile,
    reconcile_job,
    sweep,
    sweep_job,
    tend_connections,
)
from integration_pipeline.defs.maintenance import MAINTENANCE, maintenance
from integration_pipeline.defs.settling import (
    FIND_MISSED_WEBHOOKS,
    SETTLE_EVENTS,
    find_missed_webhooks,
    settle_events,
)
from integration_pipeline.settings import Settings

SYNC_DEALS = "sync_deals"
REBILL_MONTHS = "rebill_months"
SETTLE_PAYMENTS = "settle_payments"
DAILY_SYNC = "daily_sync"
MISSED_WEBHOOKS = "missed_webhooks"
HOURLY_CHECK = "hourly_check"
DAILY_MAINTENANCE = "daily_maintenance"
PAYMENTS = "payments"
DAILY_TENDING = "daily_tending"


def jobs_and_schedules(force: InForce, settings: Callable[[], Settings], graph: Graph) -> dg.Definitions:
    """Every job, and the schedules of those that nobody starts."""
    # The CRM is left alone; what changes for its deals is told by the next run or look.
    from_deals = dg.AssetSelection.assets(keys.DEALS).downstream() - dg.AssetSelection.assets(keys.WRITE_BACK)
    return dg.Definitions(
        jobs=[
            dg.define_asset_job(
                SYNC_DEALS,
                selection=dg.AssetSelection.all(),
                description="From the CRM to the ledger: plans, judges and posts whatever changed. "
                "Safe to repeat.",
            ),
            dg.define_asset_job(
                REBILL_MONTHS,
                selection=from_deals,
                description="Maps, plans, judges and posts the deals of certain close months again, without "
                "reading the CRM; for the time after a change of the mapping or of the rule set.",
            ),
            dg.define_asset_job(
                CHECK_BOOKS,
                selection=dg.AssetSelection.checks_for_assets(
                    keys.INVOICES, keys.SETTLEMENTS, keys.ACCOUNTING_DOCUMENTS
                ),
                description="Proves the ledger, settlements and postings: what real time did is checked as "
                "what a run did.",
            ),
            dg.define_asset_job(
                SETTLE_PAYMENTS,
                selection=dg.AssetSelection.assets(
                    *(keys.of_payments(each) for each in force.payment_accounts),
                    keys.MOVEMENTS,
                    keys.SETTLEMENTS,
                    keys.ACCOUNTING_DOCUMENTS,
                    keys.WRITE_BACK,
                ),
                description="Reads what money moved, settles what it pays, and tells deals in the CRM. Safe "
                "to repeat.",
            ),
            *(_deliver(target) for target in force.targets),
            *(sweep(target) for target in force.targets),
            *(reconcile(target) for target in force.targets),
            tend_connections(),
            settle_events(force, graph),
            find_missed_webhooks(force, graph),
            maintenance(settings, SYNC_DEALS, frequent_jobs(force)),
        ],
        schedules=[
            _daily_sync(force),
            _in_turn(
                MISSED_WEBHOOKS,
                FIND_MISSED_WEBHOOKS,
                "*/10 * * * *",
                "Every ten minutes: what changed in the CRM and no webhook announced is settled.",
            ),
            _in_turn(
                PAYMENTS,
                SETTLE_PAYMENTS,
                "3-59/10 * * * *",
                "Every ten minutes, for whatever the worker does not do, or not in time.",
            ),
            *(schedule for target in force.targets for schedule in _of_target(target)),
            _in_turn(
                DAILY_TENDING,
                TEND_CONNECTIONS,
                "30 3 * * *",
                "Every night, so that no connection ends because nobody used it.",
            ),
            dg.ScheduleDefinition(
                name=HOURLY_CHECK,
                job_name=CHECK_BOOKS,
                cron_schedule="30 * * * *",
                execution_timezone="UTC",
                default_status=dg.DefaultScheduleStatus.RUNNING,
                description="Every hour, because what real time posts is in no run that checks it.",
            ),
            dg.ScheduleDefinition(
                name=DAILY_MAINTENANCE,
                job_name=MAINTENANCE,
                cron_schedule="15 4 * * *",
                execution_timezone="UTC",
                default_status=dg.DefaultScheduleStatus.RUNNING,
                description="Every night: old webhook events and old records of frequent runs are deleted.",
            ),
        ],
    )


def all_months(force: InForce) -> Mapping[str, str]:
    """Run tags that make one run of every close month. Inside it a stage still does only what is due."""
    first, last = force.first_and_last_month()
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


def _daily_sync(force: InForce) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=DAILY_SYNC,
        job_name=SYNC_DEALS,
        cron_schedule="0 6 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every morning over all close months, so that invoices are posted on the day they are "
        "due and nothing that an event missed stays behind.",
    )
    def daily_sync(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        # A run key is used up for ever, even by a run that failed; a second try is a person's new run.
        day = context.scheduled_execution_time.date().isoformat()
        return dg.RunRequest(run_key=day, tags=all_months(force))

    return daily_sync


def deliver_job(target: Account) -> str:
    """The name of the job that takes to a target what is due there."""
    return f"deliver_{target.slug}"


def frequent_jobs(force: InForce) -> Sequence[str]:
    """Those that run so often that nobody asks for a run of last month."""
    of_targets = (name(target) for target in force.targets for name in (deliver_job, sweep_job))
    return (
        SETTLE_EVENTS,
        FIND_MISSED_WEBHOOKS,
        CHECK_BOOKS,
        MAINTENANCE,
        SETTLE_PAYMENTS,
        TEND_CONNECTIONS,
        *of_targets,
    )


def _deliver(target: Account) -> UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        deliver_job(target),
        selection=dg.AssetSelection.assets(keys.of_target(target)),
        description=f"Takes to `{target.name}` what is due there. Safe to repeat.",
    )


def _of_target(target: Account) -> Iterator[dg.ScheduleDefinition]:
    """Its own, so that a target that is slow or away holds up no other."""
    yield _in_turn(
        f"deliveries_to_{target.slug}",
        deliver_job(target),
        "5-59/10 * * * *",
        "Every ten minutes, for whatever the worker does not do, or not in time.",
    )
    yield _in_turn(
        f"sweeps_of_{target.slug}",
        sweep_job(target),
        "8-59/10 * * * *",
        "Every ten minutes, for whatever no webhook announced and no worker looked at.",
    )
    yield _in_turn(
        f"nightly_reconciliation_of_{target.slug}",
        reconcile_job(target),
        "0 2 * * *",
        f"Every night: `{target.name}` is compared with the books as a whole.",
    )


def _in_turn(name: str, job: str, cron: str, description: str) -> dg.ScheduleDefinition:
    """A schedule that asks for no run while one is under way."""

    @dg.schedule(
        name=name,
        job_name=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def in_turn(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        under_way = dg.RunsFilter(job_name=job, statuses=NOT_FINISHED_STATUSES)
        if runs := context.instance.get_runs(under_way, limit=1):
            return dg.SkipReason(f"run {runs[0].run_id} of {job} is under way; the next comes after it")
        return dg.RunRequest()

    return in_turn
