"""What runs when: everything from the CRM to the ledger once a day, and billing alone over past months."""

# Dagster annotates the metadata of jobs and schedules with a bare `PathLike`.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from integration_pipeline.defs import keys
from integration_pipeline.defs.in_force import InForce

SYNC_DEALS = "sync_deals"
REBILL_MONTHS = "rebill_months"
DAILY_SYNC = "daily_sync"


def jobs_and_schedules(force: InForce) -> dg.Definitions:
    """Two jobs, and the schedule of the first."""
    from_deals = dg.AssetSelection.assets(keys.DEALS).downstream()
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
        ],
        schedules=[_daily_sync(force)],
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
