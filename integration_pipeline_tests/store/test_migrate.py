from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, inspect, text

from integration_pipeline.store.migrate import alembic_config, upgrade
from integration_pipeline.store.tables import SCHEMAS, metadata
from integration_pipeline_tests.conftest import NewDatabase


@pytest.fixture
def empty(new_database: NewDatabase) -> Engine:
    return new_database("template0")


def version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table_schema": "ops"}).get_current_revision()


def test_migrating_twice_changes_nothing_the_second_time(empty: Engine) -> None:
    upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("INSERT INTO billing.rule_sets VALUES ('v1', 'kept', '{}')"))
    upgrade(empty)

    with empty.connect() as connection:
        assert connection.execute(text("SELECT name FROM billing.rule_sets")).scalar_one() == "kept"
        newest = ScriptDirectory.from_config(alembic_config(connection)).get_current_head()
        assert version(connection) == newest


def test_several_that_migrate_at_once_wait_for_the_first(empty: Engine) -> None:
    start = Barrier(4)

    def run(_: int) -> None:
        engine = create_engine(empty.url)
        start.wait()
        upgrade(engine)
        engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))

    assert inspect(empty).get_table_names("ledger")


def test_a_migration_that_fails_leaves_nothing_behind(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE SCHEMA ledger; CREATE TABLE ledger.journal_lines (x integer)"))
    with pytest.raises(Exception, match=r'relation "journal_lines" already exists'):
        upgrade(empty)

    assert inspect(empty).get_schema_names() == ["information_schema", "ledger", "public"]


def test_the_tables_in_python_are_those_the_migrations_make(engine: Engine) -> None:
    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return name in SCHEMAS if kind == "schema" else True

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": ours,
                "version_table_schema": "ops",
                "compare_server_default": True,
            },
        )
        differences = compare_metadata(context, metadata)

    assert differences == []


def test_every_table_lives_in_a_schema_of_its_room() -> None:
    assert {table.schema for table in metadata.tables.values()} == set(SCHEMAS)
