"""Bringing a database to the newest schema. The tables are in `tables/`, the steps in `migrations/`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

MIGRATIONS = Path(__file__).parent / "migrations"

# Any number that nothing else in the database locks on: two starts at once migrate one after the other.
_MIGRATION_LOCK = 7_310_552_041


def alembic_config(connection: Connection) -> Config:
    """Alembic's settings for a given connection; no ini file, so nothing depends on the working directory."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> None:
    """Apply every missing migration in one transaction; concurrent callers wait for the first."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS ops"))
        command.upgrade(alembic_config(connection), "head")
