"""The rebuilt books stand beside the live ones, and a rebuild leaves nothing else behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from integration_pipeline.quality.rows import Row
from integration_pipeline.quality.rules import Suite, Verdict
from integration_pipeline.rebuild.compare import compare
from integration_pipeline.rebuild.rebuild import rebuild, snapshot
from integration_pipeline.rebuild.refusal import RebuildRefused
from integration_pipeline.rebuild.scratch import scratch_database
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import Portal
from integration_pipeline_tests.rebuild.conftest import SCHEMA, Rebuild


@pytest.fixture
def billed(office: Office, portal: Portal) -> Office:
    """Books with six invoices."""
    portal.subscription("1")
    office.sync()
    return office


@pytest.fixture
def live(billed: Office) -> Engine:
    return billed.pipeline.engine


def number(live: Engine) -> int:
    """The live database's, among all of its server."""
    with live.connect() as connection:
        statement = "SELECT oid FROM pg_database WHERE datname = current_database()"
        return connection.execute(text(statement)).scalar_one()


def databases(live: Engine) -> set[str]:
    with live.connect() as connection:
        return set(connection.execute(text("SELECT datname FROM pg_database")).scalars())


class TestTheSchema:
    def test_holds_rebuilt_tables_under_the_keys_of_the_live_ones(
        self, billed: Office, rebuilt: Rebuild
    ) -> None:
        rebuilt()

        both = billed.value(
            """
            SELECT count(*)
            FROM ledger.journal_lines AS line
            INNER JOIN again.journal_lines AS other USING (entry_id, position, account, debit_minor)
            INNER JOIN again.journal_entries AS entry ON entry.id = other.entry_id
            INNER JOIN ledger.journal_entries AS original USING (hash)
            """
        )
        assert both == billed.value("SELECT count(*) FROM ledger.journal_lines") > 0

    def test_holds_the_differences(self, billed: Office, rebuilt: Rebuild) -> None:
        billed.execute("UPDATE billing.lines SET description = 'Gift' WHERE document_id = 2")
        rebuilt()

        [row] = billed.rows("SELECT * FROM again.differences")
        assert (row["finding"], row["table"], row["field"]) == ("different", "billing.lines", "description")
        assert (row["live"], row["rebuilt"]) == ("Gift", "Seats")

    def test_of_an_earlier_rebuild_is_replaced_only_on_demand(self, live: Engine) -> None:
        rebuild(live, SCHEMA)

        with pytest.raises(RebuildRefused, match="--replace"):
            rebuild(live, SCHEMA)
        rebuild(live, SCHEMA, replace=True)

    @pytest.mark.parametrize("schema", ["ledger", "public", "pg_catalog"])
    def test_of_somebody_else_is_never_touched(self, live: Engine, schema: str) -> None:
        with pytest.raises(RebuildRefused, match="choose another name"):
            rebuild(live, schema, replace=True)


class TestARebuild:
    def test_changes_nothing_in_the_live_tables(self, live: Engine) -> None:
        with snapshot(live) as before:
            rebuild(live, SCHEMA)
            with live.connect() as after:
                assert compare(before, after).differences == []

    def test_drops_its_database(self, live: Engine) -> None:
        before = databases(live)
        rebuild(live, SCHEMA)

        assert databases(live) == before

    def test_drops_its_database_when_it_fails(self, live: Engine) -> None:
        before = databases(live)

        def interrupted(_suite: Suite, _rows: Sequence[Row]) -> Verdict:
            assert databases(live) > before
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            rebuild(live, SCHEMA, evaluate=interrupted)
        assert databases(live) == before

    def test_drops_the_database_of_one_that_was_killed(self, live: Engine) -> None:
        before = databases(live)
        left_behind = f"rebuild_of_{number(live)}_0123abcd"
        with live.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"CREATE DATABASE {left_behind}"))

        with scratch_database(live):
            assert left_behind not in databases(live)
        assert databases(live) == before

    def test_leaves_alone_that_of_a_database_with_nearly_the_same_name(
        self, live: Engine, namesakes: tuple[Engine, Engine]
    ) -> None:
        with scratch_database(namesakes[0]) as one, scratch_database(namesakes[1]) as other:
            assert {one.engine.url.database, other.engine.url.database} <= databases(live)

    def test_does_not_begin_beside_another(self, live: Engine) -> None:
        with scratch_database(live), pytest.raises(RebuildRefused, match="another rebuild"):
            rebuild(live, SCHEMA)

    def test_says_which_right_its_role_lacks(self, unprivileged: Engine) -> None:
        with pytest.raises(RebuildRefused, match='ALTER ROLE "clerk" CREATEDB'):
            rebuild(unprivileged, SCHEMA)


@pytest.fixture
def namesakes(live: Engine) -> Iterator[tuple[Engine, Engine]]:
    """Two databases whose names differ in the 61st character."""
    names = [f"{'books_' * 10}{last}" for last in "ab"]
    one, other = (create_engine(live.url.set(database=name)) for name in names)
    with live.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in names:
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield one, other
        for engine, name in zip((one, other), names, strict=True):
            engine.dispose()
            connection.execute(text(f"DROP DATABASE {name}"))


@pytest.fixture
def unprivileged(live: Engine) -> Iterator[Engine]:
    """The same books, by a role that may not create databases."""

    def admin(connection: Connection, *statements: str) -> None:
        for statement in statements:
            connection.execute(text(statement))

    with live.begin() as connection:
        database = live.url.database
        admin(connection, "CREATE ROLE clerk LOGIN", f"GRANT CREATE ON DATABASE {database} TO clerk")
    engine = create_engine(live.url.set(username="clerk"))
    yield engine
    engine.dispose()
    with live.begin() as connection:
        admin(connection, "DROP OWNED BY clerk", "DROP ROLE clerk")
