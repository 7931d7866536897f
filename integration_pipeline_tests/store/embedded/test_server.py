"""Starting, reaching and stopping the embedded server."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from integration_pipeline.store.embedded import EmbeddedPostgres, EmbeddedPostgresError, ServerStatus, status
from integration_pipeline_tests.store.embedded.conftest import Query, Start, Starter


class TestStarting:
    def test_a_folder_that_does_not_exist_becomes_a_server(
        self, new_dir: Path, start: Start, query: Query
    ) -> None:
        assert query(start(new_dir), "SELECT 40 + 2") == 42

    def test_what_was_committed_is_there_after_a_restart(
        self, data_dir: Path, start: Start, query: Query
    ) -> None:
        with start(data_dir) as server:
            query(server, "CREATE TABLE kept AS SELECT 7 AS amount")
        server = start(data_dir)
        assert query(server, "SELECT amount FROM kept") == 7
        query(server, "DROP TABLE kept")

    def test_a_second_start_attaches_to_the_running_server(self, data_dir: Path, start: Start) -> None:
        assert start(data_dir).pid == start(data_dir).pid

    def test_of_two_processes_starting_a_new_folder_at_once_one_attaches_to_the_other(
        self, new_dir: Path, starter: Starter
    ) -> None:
        printed = {process.communicate() for process in [starter(new_dir), starter(new_dir)]}
        assert printed == {(f"{status(new_dir).pid}\n", "")}

    def test_the_server_outlives_the_process_that_started_it(self, data_dir: Path, starter: Starter) -> None:
        printed, _ = starter(data_dir).communicate()
        assert status(data_dir) == ServerStatus(running=True, pid=int(printed))

    def test_the_server_is_out_of_reach_of_the_terminals_ctrl_c(self, data_dir: Path, start: Start) -> None:
        pid = start(data_dir).pid
        assert pid is not None
        assert os.getsid(pid) != os.getsid(0)

    def test_a_server_that_cannot_start_shows_the_end_of_its_log(self, data_dir: Path) -> None:
        with pytest.raises(
            EmbeddedPostgresError, match='invalid value for parameter "max_connections": "many"'
        ):
            EmbeddedPostgres.start(data_dir, settings={"max_connections": "many"})

    def test_a_folder_in_use_for_something_else_is_left_alone(self, tmp_path: Path, start: Start) -> None:
        (tmp_path / "letters.txt").write_text("Dear customer")
        with pytest.raises(EmbeddedPostgresError, match="not empty and not the data folder"):
            start(tmp_path)
        assert [file.name for file in tmp_path.iterdir()] == ["letters.txt"]

    def test_a_cluster_of_another_major_version_is_refused(self, data_dir: Path, start: Start) -> None:
        version = data_dir / "cluster" / "PG_VERSION"
        version.write_text("16\n")
        try:
            with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 16, this program carries 18"):
                start(data_dir)
        finally:
            version.write_text("18\n")


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("fsync", "on"), ("synchronous_commit", "on"), ("listen_addresses", ""), ("TimeZone", "UTC")],
    )
    def test_by_default_the_server_is_durable_local_and_speaks_utc(
        self, data_dir: Path, query: Query, name: str, value: str
    ) -> None:
        assert query(EmbeddedPostgres.start(data_dir), f"SHOW {name}") == value

    def test_a_setting_of_the_caller_wins(self, data_dir: Path, query: Query) -> None:
        server = EmbeddedPostgres.start(data_dir, settings={"work_mem": "8MB"})
        assert query(server, "SHOW work_mem") == "8MB"

    def test_a_setting_that_would_open_a_tcp_port_is_refused(self, data_dir: Path) -> None:
        with pytest.raises(ValueError, match="listen_addresses is fixed"):
            EmbeddedPostgres.start(data_dir, settings={"listen_addresses": "*"})

    def test_texts_sort_alike_on_every_system(self, data_dir: Path, start: Start, query: Query) -> None:
        found = query(start(data_dir), "SELECT datlocale FROM pg_database WHERE datname = 'template1'")
        assert found == "C.UTF-8"


class TestReaching:
    @pytest.mark.parametrize("driver", ["postgresql+psycopg", "postgresql+psycopg2"])
    def test_sqlalchemy_connects_by_url(self, data_dir: Path, start: Start, driver: str) -> None:
        engine = sqlalchemy.create_engine(start(data_dir).url("postgres", driver))
        with engine.connect() as connection:
            assert connection.scalar(sqlalchemy.text("SELECT current_database()")) == "postgres"
        engine.dispose()

    def test_the_url_leads_to_the_socket_whatever_the_environment_says(
        self, data_dir: Path, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PGPORT", "1")
        monkeypatch.setenv("PGHOST", "127.0.0.1")
        with psycopg.connect(start(data_dir).url("postgres", "postgresql")) as connection:
            assert connection.info.dbname == "postgres"

    def test_a_database_is_made_once_however_many_ask_for_it(
        self, data_dir: Path, start: Start, query: Query
    ) -> None:
        server = start(data_dir)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(server.ensure_database, ['odd "name"'] * 4))
        server.ensure_database('odd "name"')
        assert query(server, "SELECT count(*) FROM pg_database WHERE datname LIKE 'odd%'") == 1

    def test_a_running_server_is_found_without_starting_one(self, data_dir: Path, start: Start) -> None:
        assert EmbeddedPostgres.find(data_dir) is None
        assert start(data_dir) == EmbeddedPostgres.find(data_dir)


class TestStopping:
    def test_stop_ends_the_server_with_clients_connected(self, data_dir: Path, start: Start) -> None:
        server = start(data_dir)
        with psycopg.connect(server.url("postgres", "postgresql")):
            server.stop()
        assert status(data_dir) == ServerStatus(running=False, pid=None)

    def test_stopping_a_stopped_server_does_nothing(self, data_dir: Path, start: Start) -> None:
        server = start(data_dir)
        server.stop()
        server.stop()
        assert server.pid is None

    def test_a_block_stops_the_server_at_its_end(self, data_dir: Path, start: Start) -> None:
        with start(data_dir):
            assert status(data_dir).running
        assert not status(data_dir).running
