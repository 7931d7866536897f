"""A sandbox CRM, loaded once, and a run of the whole job on record in Dagster's PostgreSQL storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import NullPool, create_engine, make_url

from integration_pipeline.instance import POSTGRES_URL_VARIABLE, write_dagster_home
from integration_pipeline.launch import run_all
from integration_pipeline.rules.document import DEFAULT_RULE_SET
from integration_pipeline.sandbox.datasets.generated import generate
from integration_pipeline.sandbox.datasets.load import load
from integration_pipeline.sandbox.server import SandboxProcess
from integration_pipeline.settings import Settings
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline_tests.conftest import database_copy
from integration_pipeline_tests.defs.office import FIRST_MONTH, PASSWORD, TOKEN, Office, OpenOffice, Synced


@pytest.fixture(scope="package")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("hubspot"), token=TOKEN) as running:
        load(generate(deals=250), running.base_url, TOKEN)
        yield running


@pytest.fixture(scope="package")
def rules_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default rule set, billing from the first month there is data for: fewer partitions to record."""
    rules = tmp_path_factory.mktemp("rules") / "rules.yaml"
    rules.write_text(
        DEFAULT_RULE_SET.read_text().replace("first_month: 2016-01-01", f"first_month: {FIRST_MONTH}-01")
    )
    return rules


@pytest.fixture(scope="package")
def open_office(
    postgres: EmbeddedPostgres, administrator: psycopg.Connection, sandbox: SandboxProcess, rules_file: Path
) -> Iterator[OpenOffice]:
    """An office on a new database, copied from another.

    Its URL has a password, which the server does not ask for.
    """
    numbers = count(1)
    databases = ExitStack()

    def open_one(template: str) -> Office:
        name = f"office_{next(numbers)}"
        databases.enter_context(database_copy(administrator, template, name))
        url = make_url(postgres.url(name)).set(password=PASSWORD)
        settings = Settings.model_validate(
            {
                "database_url": url.render_as_string(hide_password=False),
                "hubspot_token": SecretStr(TOKEN),
                "hubspot_base_url": sandbox.base_url,
                "hubspot_overlap_minutes": 0,
                "rules_file": rules_file,
            }
        )
        # Unpooled: a database that somebody is connected to can be neither copied nor dropped.
        return Office(settings, create_engine(url, poolclass=NullPool))

    with databases:
        yield open_one


@pytest.fixture(scope="package")
def synced(
    open_office: OpenOffice,
    template: str,
    postgres: EmbeddedPostgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Synced]:
    """Everything run once, as `demo` does it."""
    office = open_office(template)
    postgres.ensure_database("dagster")
    dagster_url = make_url(postgres.url("dagster", "postgresql+psycopg2")).set(password=PASSWORD)
    home = write_dagster_home(tmp_path_factory.mktemp("dagster"))
    progress: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", str(home))
        environment.setenv(POSTGRES_URL_VARIABLE, dagster_url.render_as_string(hide_password=False))
        succeeded = run_all(lambda done, steps: progress.append((done, steps)), settings=office.settings)
        with dg.DagsterInstance.get() as instance:
            yield Synced(office, instance, succeeded, progress)


@pytest.fixture
def office(open_office: OpenOffice, template: str) -> Office:
    """An office into which nothing was read."""
    return open_office(template)


@pytest.fixture
def copied(open_office: OpenOffice, synced: Synced) -> Office:
    """An office like the synced one, to be spoilt."""
    database = synced.office.engine.url.database
    assert database is not None
    return open_office(database)
