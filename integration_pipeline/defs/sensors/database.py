"""The pipeline's database as a sensor reaches it: as it is, without starting or migrating anything."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg
from sqlalchemy import Engine, NullPool, create_engine, text

from integration_pipeline.settings import Settings

_CONNECT_SECONDS = 5
"""A host that does not answer must leave the tick time for the rest of its work."""


class NotThereYet(RuntimeError):  # noqa: N818 - reads as the statement it makes
    """There is no database to look at, and that is no fault: the message says what would make one."""


@contextmanager
def looking_at(settings: Settings) -> Generator[Engine]:
    """An engine for one tick. Raises `NotThereYet` before the first run, or without a running server."""
    # Every statement of a tick has one connection of its own; nothing stays open from tick to tick.
    engine = create_engine(
        _url(settings),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"connect_timeout": _CONNECT_SECONDS},
    )
    try:
        with engine.connect() as connection:
            if connection.execute(text("SELECT to_regclass('inbox.missed') IS NULL")).scalar_one():
                raise NotThereYet("the database has no inbox yet; the first run of any job makes it")
        yield engine
    finally:
        engine.dispose()


def skipped(reason: NotThereYet) -> dg.SkipReason:
    """What a sensor answers then."""
    return dg.SkipReason(str(reason))


def _url(settings: Settings) -> str:
    # Here and not above: httpx and Alembic come with it, and are not for whoever only loads definitions.
    from integration_pipeline.runtime import PIPELINE_DATABASE, POSTGRES_FOLDER, with_driver
    from integration_pipeline.store.embedded import EmbeddedPostgres

    if settings.database_url is not None:
        return with_driver(settings.database_url, "postgresql+psycopg")
    folder = settings.data_dir.resolve() / POSTGRES_FOLDER
    server = EmbeddedPostgres.find(folder) if folder.exists() else None
    if server is None:
        raise NotThereYet(f"no PostgreSQL runs in {settings.data_dir}; set DATABASE_URL or run `make up`")
    return server.url(PIPELINE_DATABASE)
