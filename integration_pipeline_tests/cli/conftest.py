"""A synced account for the command line: one sandbox a session, a fresh copy of the database a test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from integration_pipeline.cli.app import app
from integration_pipeline.cli.output import console, errors
from integration_pipeline.sandbox.datasets.generated import generate
from integration_pipeline.sandbox.datasets.load import load
from integration_pipeline.sandbox.datasets.model import DataSet
from integration_pipeline.sandbox.hubspot.limits import Limits
from integration_pipeline.sandbox.server import SandboxProcess
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline_tests.conftest import database_copy

TOKEN = "pat-command-line"

Command = Callable[..., Result]


@dataclass(frozen=True, slots=True)
class Account:
    """A CRM account whose deals are synced into the database `synced`."""

    server: EmbeddedPostgres
    sandbox: SandboxProcess
    data_set: DataSet

    def environment(self, database: str) -> dict[str, str]:
        """The settings of a person who works on `database`."""
        return {
            "DATABASE_URL": self.server.url(database),
            "HUBSPOT_BASE_URL": self.sandbox.base_url,
            "HUBSPOT_TOKEN": TOKEN,
        }


def run(arguments: tuple[str, ...], environment: dict[str, str]) -> Result:
    """A command in this process."""
    return CliRunner(env=environment).invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - autouse
    """No sentence is folded."""
    monkeypatch.setattr(console, "width", 400)
    monkeypatch.setattr(errors, "width", 400)


@pytest.fixture(scope="session")
def account(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Everything posted once, by the command a person would use."""
    folder = tmp_path_factory.mktemp("command-line")
    data_set = generate(deals=250)
    with SandboxProcess(folder, token=TOKEN, limits=Limits.unlimited()) as sandbox:
        load(data_set, sandbox.base_url, TOKEN)
        made = Account(postgres, sandbox, data_set)
        postgres.ensure_database("synced")
        first = run(("sync", "--json"), made.environment("synced"))
        assert first.exit_code == 0, first.output
        yield made


@pytest.fixture
def database(account: Account, administrator: psycopg.Connection) -> Iterator[str]:
    """A copy of the synced database, for this test alone."""
    with database_copy(administrator, "synced", f"copy_{next(_COPIES)}") as name:
        yield account.server.url(name)


@pytest.fixture
def command(account: Account, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`command("status", "--json")` as a person would run it on this test's database."""
    monkeypatch.chdir(tmp_path)  # no `.env` and no demo of the developer's counts
    environment = {**account.environment("synced"), "DATABASE_URL": database}
    return lambda *arguments: run(arguments, environment)


_COPIES = itertools.count()
