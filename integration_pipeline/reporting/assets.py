"""The read models as Dagster assets: one run of `dbt build` over the models that are asked for.

Belongs here: what a run does. Does not belong here: how models look (`translator`), when they run
(`definitions`).
"""

# No `from __future__ import annotations`: Dagster looks at the class of `context`, not at its name.

import json
import shutil
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib import metadata
from typing import Any, cast

from dagster import AssetExecutionContext, AssetsDefinition, Output
from dagster_dbt import DbtCliResource, dbt_assets
from dbt.adapters.base.impl import BaseAdapter
from packaging.version import Version
from sqlalchemy import NullPool, create_engine, func, make_url, select, table

from integration_pipeline.reporting.connection import dbt_environment, exported
from integration_pipeline.reporting.project import (
    PROJECT_DIR,
    Artifacts,
    artifacts_root,
    profile_without_server,
)
from integration_pipeline.reporting.run import variables
from integration_pipeline.reporting.snapshot import held_snapshot
from integration_pipeline.reporting.translator import ReadModelsTranslator
from integration_pipeline.runtime import PIPELINE_DATABASE, database
from integration_pipeline.settings import Settings


class LeanDbt(DbtCliResource):
    """dbt's command line, without what dagster-dbt does besides on each run."""

    @cached_property
    def _cli_version(self) -> Version:
        """Instead of calling `dbt --version`, which asks a package index for newer ones."""
        return Version(metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> BaseAdapter:  # noqa: ARG002 - inherited
        """None, as dagster-dbt has it when no adapter can be made: 3 s a run for one that is not needed.

        It would be for `fetch_row_counts`, which waits for its results in a busy loop: on two cores a run
        took 19 s instead of 13. `_with_row_counts` asks the database itself.
        """
        return cast("BaseAdapter", None)


def dbt_resource() -> LeanDbt:
    """dbt of this very Python environment, found even where the environment was never activated."""
    program = shutil.which("dbt", path=sysconfig.get_path("scripts")) or "dbt"
    return LeanDbt(
        project_dir=str(PROJECT_DIR),
        profiles_dir=str(PROJECT_DIR),
        dbt_executable=program,
        global_config_flags=["--no-use-colors"],
    )


def read_model_assets() -> AssetsDefinition:
    """Every model, with its tests as checks.

    Parses the dbt project if this state of it was never parsed; opens no database before a run.
    """
    given = Settings().database_url
    database_name = (given and make_url(given).database) or PIPELINE_DATABASE
    parsed = Artifacts(artifacts_root(), profile_without_server(database_name))
    manifest: dict[str, Any] = json.loads(parsed.manifest().read_bytes())

    @dbt_assets(manifest=manifest, dagster_dbt_translator=ReadModelsTranslator(), name="read_models")
    def read_models(context: AssetExecutionContext, dbt: LeanDbt) -> Iterator[Any]:
        settings = Settings()
        with database(settings) as url, held_snapshot(url) as snapshot:
            profile = dbt_environment(url)
            artifacts = Artifacts(artifacts_root(), profile, variables(settings.as_of))
            folder = artifacts.new_run()
            with exported({**profile, "DBT_SNAPSHOT": snapshot}):
                build = dbt.cli(["build", *artifacts.arguments], context=context, target_path=folder)
            yield from _with_row_counts(cast("Any", build).stream(), url, manifest["nodes"])
        artifacts.publish(folder)

    return read_models


def _with_row_counts(events: Iterator[Any], url: str, nodes: Mapping[str, Any]) -> Iterator[Any]:
    """dbt's events as they come, each built table with the number of its rows."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        for event in events:
            if isinstance(event, Output):
                output = cast("Any", event)
                node = nodes[output.metadata["unique_id"].value]
                built = table(node["alias"], schema=node["schema"])
                rows = connection.execute(select(func.count()).select_from(built)).scalar_one()
                connection.rollback()
                yield output.with_metadata({**output.metadata, "dagster/row_count": rows})
            else:
                yield event
