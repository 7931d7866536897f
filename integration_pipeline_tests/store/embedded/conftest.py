"""A data folder whose cluster is made once, and small ways to use a server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

from integration_pipeline.store.embedded import EmbeddedPostgres

# Nothing here has to survive a crash of the machine.
FAST = {"fsync": "off"}


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Named so that every place which quotes a path badly fails."""
    data_dir = tmp_path_factory.mktemp("embedded") / "it's 100% ünï +x"
    EmbeddedPostgres.start(data_dir, settings=FAST).stop()
    return data_dir


@pytest.fixture
def data_dir(made_once: Path) -> Iterator[Path]:
    """The folder of a stopped server; what the test leaves running is stopped."""
    yield made_once
    _stop(made_once)


@pytest.fixture
def new_dir(tmp_path: Path) -> Iterator[Path]:
    """A data folder that does not exist yet."""
    yield tmp_path / "data"
    _stop(tmp_path / "data")


def _stop(data_dir: Path) -> None:
    if server := EmbeddedPostgres.find(data_dir):
        server.stop()


class Start(Protocol):
    def __call__(self, data_dir: Path) -> EmbeddedPostgres: ...


@pytest.fixture
def start() -> Start:
    return lambda data_dir: EmbeddedPostgres.start(data_dir, settings=FAST)


class Query(Protocol):
    def __call__(self, server: EmbeddedPostgres, statement: str) -> object: ...


@pytest.fixture
def query() -> Query:
    """The first value of the first row; None for a statement without rows."""

    def run(server: EmbeddedPostgres, statement: str) -> object:
        with psycopg.connect(server.url("postgres", "postgresql")) as connection:
            cursor = connection.execute(statement.encode())
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    return run


class Starter(Protocol):
    def __call__(
        self, data_dir: Path, *, wrapper: Sequence[str] = (), environment: Mapping[str, str] = {}
    ) -> subprocess.Popen[str]: ...


@pytest.fixture
def starter() -> Starter:
    """Another process that starts the server, prints its pid and exits; `wrapper` is what runs it."""
    code = (
        "import sys, pathlib; from integration_pipeline.store.embedded import EmbeddedPostgres\n"
        "print(EmbeddedPostgres.start(pathlib.Path(sys.argv[1]), settings={'fsync': 'off'}).pid)"
    )

    def run(
        data_dir: Path, *, wrapper: Sequence[str] = (), environment: Mapping[str, str] = {}
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603 - our own list of arguments
            [*wrapper, sys.executable, "-c", code, str(data_dir)],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return run
