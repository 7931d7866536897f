"""What the tests of this folder work with: a database with its settings, and a run on record."""

# Dagster annotates the metadata of jobs with a bare `PathLike`, settings of an instance with a bare `dict`.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import dagster as dg
from sqlalchemy import Engine, text

from integration_pipeline.definitions import build_defs
from integration_pipeline.defs.jobs import CHECK_BOOKS
from integration_pipeline.settings import Settings

TOKEN = "pat-na1-dagster-test"
PASSWORD = "never-to-be-seen"
FIRST_MONTH = "2025-01"

QUIET: Mapping[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class Office:
    """One pipeline database and the settings that lead to it."""

    settings: Settings
    engine: Engine

    def run(
        self,
        job: str,
        *,
        partition: str | None = None,
        months: tuple[str, str] | None = None,
        instance: dg.DagsterInstance | None = None,
        overrides: Mapping[str, object] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run a job over one month or a range of them; a failed run is a result, too."""
        defs = build_defs(settings=self.settings, resource_overrides=overrides)
        tags = months and {
            "dagster/asset_partition_range_start": months[0],
            "dagster/asset_partition_range_end": months[1],
        }
        return defs.resolve_job_def(job).execute_in_process(
            run_config=QUIET, instance=instance, partition_key=partition, tags=tags, raise_on_error=False
        )

    def run_in_vain(self, job: str, partition: str) -> str:
        """Run a job that has to fail; all that Dagster recorded of it."""
        with dg.DagsterInstance.ephemeral() as instance:
            result = self.run(job, partition=partition, instance=instance)
            assert not result.success
            return "\n".join(entry.to_json() for entry in instance.all_logs(result.run_id))

    def check_books(self) -> dict[str, Any]:
        """The checks of the ledger alone, by name, as a person would start them in Dagster."""
        defs = build_defs(settings=self.settings)
        result = defs.resolve_job_def(CHECK_BOOKS).execute_in_process(run_config=QUIET, raise_on_error=False)
        return {each.check_name: each for each in result.get_asset_check_evaluations()}

    def ask(self, query: str, **parameters: object) -> list[Any]:
        """The first column of a query's rows."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), parameters).scalars())

    def having(self, **settings: object) -> Office:
        """The same office under other settings."""
        return replace(self, settings=self.settings.model_copy(update=settings))


OpenOffice: TypeAlias = Callable[[str], Office]


@dataclass(frozen=True, slots=True)
class Synced:
    """An office after the whole job ran once, and the instance that has it on record."""

    office: Office
    instance: dg.DagsterInstance
    succeeded: bool
    progress: list[tuple[int, int]]

    @property
    def run(self) -> dg.DagsterRun:
        [run] = self.instance.get_runs()
        return run

    def materializations(self, asset: str) -> dict[str, Mapping[str, Any]]:
        """Metadata by partition; an asset without partitions has one, named ``."""
        return {
            event.partition or "": {name: value.value for name, value in event.metadata.items()}
            for event in self._materialized(asset)
        }

    def data_versions(self, asset: str) -> list[str]:
        """One for each materialization."""
        return [(event.tags or {})["dagster/data_version"] for event in self._materialized(asset)]

    def _materialized(self, asset: str) -> list[dg.AssetMaterialization]:
        entries = self.instance.all_logs(self.run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        events = [entry.get_dagster_event().step_materialization_data.materialization for entry in entries]
        return [event for event in events if event.asset_key == dg.AssetKey(asset)]

    def checks(self) -> dict[str, Any]:
        """The evaluations of the run by name."""
        entries = self.instance.all_logs(self.run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        evaluations = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
        return {evaluation.check_name: evaluation for evaluation in evaluations}
