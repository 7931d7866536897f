"""PostgreSQL for every test that needs it: one server a process, a fresh migrated database a test."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql
from sqlalchemy import Engine, NullPool, create_engine

from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline.store.migrate import upgrade

# How long an example takes on a busy machine is no reason to fail.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """What `--dist loadgroup` is to keep together is told by path (`together`)."""
    if config.getoption("dist") != "loadgroup":
        return None
    from integration_pipeline_tests.together import Together

    # In the order of files: the demo is few tests, and nobody should wait for it alone in the end.
    config.option.loadscopereorder = False
    return Together(config, log)


_MEMORY = Path("/dev/shm")  # noqa: S108 - each process has a folder of its own in there
_ROOM = 2 * 1024**3
_TEMPLATE = "migrated"
_DATABASE_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server of this process's own. Nothing here has to survive a crash of the machine."""
    hasty = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
    with (
        _quick_folder(tmp_path_factory) as folder,
        EmbeddedPostgres.start(folder, settings=hasty) as server,
    ):
        yield server


@contextmanager
def _quick_folder(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """In memory where the system has room for files there: a database is copied in a third of the time."""
    if not _MEMORY.is_dir() or disk_usage(_MEMORY).free < _ROOM:
        yield tmp_path_factory.mktemp("postgres")
        return
    with TemporaryDirectory(prefix="billing-tests-", dir=_MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def administrator(postgres: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.url("postgres", "postgresql"), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    """A migrated database to copy: copying takes a tenth of migrating."""
    postgres.ensure_database(_TEMPLATE)
    engine = create_engine(postgres.url(_TEMPLATE), poolclass=NullPool)
    upgrade(engine)
    engine.dispose()
    return _TEMPLATE


@contextmanager
def database_copy(administrator: psycopg.Connection, template: str, name: str) -> Generator[str]:
    """The database `name`, a copy of another that nobody is connected to, until the end of the block."""
    made = sql.Identifier(name)
    administrator.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(made, sql.Identifier(template))
    )
    try:
        yield name
    finally:
        administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(made))


NewDatabase = Callable[[str], Engine]


@pytest.fixture
def new_database(postgres: EmbeddedPostgres, administrator: psycopg.Connection) -> Iterator[NewDatabase]:
    """Makes a database as a copy of another (`template0` is empty); all are dropped after the test."""
    with ExitStack() as databases:

        def make(template: str) -> Engine:
            name = f"test_{next(_DATABASE_NUMBERS)}"
            databases.enter_context(database_copy(administrator, template, name))
            engine = create_engine(postgres.url(name))
            databases.callback(engine.dispose)
            return engine

        yield make


@pytest.fixture
def engine(new_database: NewDatabase, template: str) -> Engine:
    """A migrated, empty database."""
    return new_database(template)
