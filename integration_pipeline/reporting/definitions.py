"""The Dagster code location "reporting": read models, the job that refreshes them, and what starts it.

Belongs here: definitions. Does not belong here: the pipeline's own assets. They are in another code location,
joined to this one by their keys.
"""

from __future__ import annotations

from dagster import (
    AssetSelection,
    AutomationConditionSensorDefinition,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    Definitions,
    ScheduleDefinition,
    define_asset_job,  # pyright: ignore[reportUnknownVariableType] - typed incompletely by Dagster
    in_process_executor,
)

from integration_pipeline.reporting.assets import dbt_resource, read_model_assets

_SECONDS_BETWEEN_LOOKS = 60


def build_defs() -> Definitions:
    """A fresh copy of the whole location."""
    read_models = read_model_assets()
    everything = AssetSelection.assets(read_models)
    refresh = define_asset_job(
        "refresh_read_models",
        selection=everything,
        description="Build and test every read model, from one moment of the pipeline's tables.",
    )
    every_day = ScheduleDefinition(
        name="refresh_read_models_every_day",
        job=refresh,
        cron_schedule="30 6 * * *",
        default_status=DefaultScheduleStatus.RUNNING,
        description="After the daily sync. What is overdue changes with the day, even when the books do not.",
    )
    when_the_books_move = AutomationConditionSensorDefinition(
        "refresh_read_models_when_the_books_move",
        target=everything,
        minimum_interval_seconds=_SECONDS_BETWEEN_LOOKS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Refreshes when the ledger or the gate has news; does nothing otherwise.",
    )
    return Definitions(
        assets=[read_models],
        resources={"dbt": dbt_resource()},
        jobs=[refresh],
        schedules=[every_day],
        sensors=[when_the_books_move],
        executor=in_process_executor,
    )


defs = build_defs()
