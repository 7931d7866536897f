"""One database of a small business, its read models built once, and dbt to run against copies of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, NullPool, RowMapping, create_engine, text

from integration_pipeline.reporting.connection import dbt_environment, exported
from integration_pipeline.reporting.project import ARTIFACTS_VARIABLE, PROJECT_DIR, Artifacts, artifacts_root
from integration_pipeline.reporting.run import ReportingReport, refresh
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline_tests.reporting.books import AS_OF, small_business

BUSINESS = "small_business"


@pytest.fixture(scope="session", autouse=True)
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What dbt writes goes to a folder of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ARTIFACTS_VARIABLE, str(tmp_path_factory.mktemp("read_models")))
        patch.delenv("DATABASE_URL", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def project_before(artifacts: None) -> dict[Path, int]:
    """When each file of the dbt project was written, before any test."""
    return project_files()


def project_files() -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in PROJECT_DIR.rglob("*")}


@pytest.fixture(scope="session")
def business(postgres: EmbeddedPostgres, administrator: psycopg.Connection, template: str) -> str:
    """The database's name."""
    administrator.execute(f"CREATE DATABASE {BUSINESS} TEMPLATE {template}".encode())
    engine = create_engine(postgres.url(BUSINESS), poolclass=NullPool)
    with engine.begin() as connection:
        small_business(connection)
    return BUSINESS


@pytest.fixture(scope="session")
def business_url(postgres: EmbeddedPostgres, business: str) -> str:
    return postgres.url(business)


@pytest.fixture(scope="session")
def report(business_url: str) -> ReportingReport:
    """What the one refresh said; asking for it means that the read models are there."""
    return refresh(business_url, as_of=AS_OF)


Rows = Callable[[str], list[RowMapping]]


@pytest.fixture
def rows(business_url: str, report: ReportingReport) -> Iterator[Rows]:
    """The rows of a query over the read models."""
    engine = create_engine(business_url, poolclass=NullPool)
    with engine.connect() as connection:
        yield lambda query: list(connection.execute(text(query)).mappings())


Dbt = Callable[..., dict[str, str]]


@pytest.fixture
def dbt() -> Dbt:
    """Runs a command of dbt's in a database and gives each node's status."""

    def run(engine: Engine, *command: str, **environment: str) -> dict[str, str]:
        from dbt.cli.main import dbtRunner

        profile = dbt_environment(engine.url.render_as_string(hide_password=False))
        artifacts = Artifacts(artifacts_root(), profile)
        folder = artifacts.new_run()
        folders = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
        folders += ["--target-path", str(folder), "--log-path", str(folder)]
        runner: Any = dbtRunner()
        with exported({**profile, **environment}):
            outcome = runner.invoke([*command, "--quiet", "--log-level", "none", *folders])
        if outcome.exception:
            raise outcome.exception
        artifacts.publish(folder)
        return {result.node.name: str(result.status) for result in outcome.result.results}

    return run
