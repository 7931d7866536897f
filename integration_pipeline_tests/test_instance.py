"""Dagster's home folder, as Dagster reads it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from integration_pipeline.instance import POSTGRES_URL_VARIABLE, write_dagster_home
from integration_pipeline.store.embedded import EmbeddedPostgres


@pytest.fixture
def instance(
    postgres: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dg.DagsterInstance:
    postgres.ensure_database("dagster_home")
    monkeypatch.setenv("DAGSTER_HOME", str(write_dagster_home(tmp_path / "it's a home")))
    monkeypatch.setenv(POSTGRES_URL_VARIABLE, postgres.url("dagster_home", "postgresql+psycopg2"))
    return dg.DagsterInstance.get()


def test_state_is_kept_in_postgresql_over_a_socket(instance: dg.DagsterInstance) -> None:
    assert type(instance.run_storage).__name__ == "PostgresRunStorage"
    assert instance.get_runs() == []


def test_a_failed_step_is_not_tried_again_by_dagster(instance: dg.DagsterInstance) -> None:
    assert instance.run_retries_enabled
    assert not instance.run_retries_retry_on_asset_or_op_failure


def test_one_run_at_a_time_reads_a_vendor(instance: dg.DagsterInstance) -> None:
    pools = instance.get_concurrency_config().pool_config
    assert pools.default_pool_limit == 1
    assert pools.pool_granularity is not None
    assert pools.pool_granularity.value == "run"


def test_nobody_is_called_and_everything_stays_in_the_folder(instance: dg.DagsterInstance) -> None:
    assert not instance.telemetry_enabled
    assert Path(instance.root_directory).name == "it's a home"
    assert instance.storage_directory().startswith(instance.root_directory)


def test_the_home_can_be_written_again(tmp_path: Path) -> None:
    first = (write_dagster_home(tmp_path) / "dagster.yaml").read_text()
    assert (write_dagster_home(tmp_path) / "dagster.yaml").read_text() == first
