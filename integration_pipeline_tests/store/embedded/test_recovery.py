"""After a crash: the next start works, and there are never two postmasters on one data folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from integration_pipeline.store.embedded import (
    EmbeddedPostgres,
    EmbeddedPostgresError,
    launcher,
    program,
    status,
)
from integration_pipeline.store.embedded.folder import DataFolder
from integration_pipeline_tests.store.embedded.conftest import FAST, Query, Start, Starter


class TestKilledPostmaster:
    def test_the_next_start_brings_back_what_was_committed(
        self, data_dir: Path, start: Start, query: Query
    ) -> None:
        server = start(data_dir)
        query(server, "CREATE TABLE survivor AS SELECT 11 AS amount")
        _kill(server)
        assert status(data_dir).pid is None
        restarted = start(data_dir)
        assert query(restarted, "SELECT amount FROM survivor") == 11
        query(restarted, "DROP TABLE survivor")

    def test_no_second_postmaster_starts_beside_a_backend_that_is_left(
        self, data_dir: Path, start: Start
    ) -> None:
        server = start(data_dir)
        with closing(psycopg.connect(server.url("postgres", "postgresql"))) as connection:
            backend = connection.info.backend_pid
            # Busy, so that it does not notice the death of its postmaster for a long while.
            connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000000)")
            _wait_until(lambda: _is_busy(server, backend))
            _kill(server)
            with pytest.raises(EmbeddedPostgresError, match="processes of an earlier PostgreSQL still hold"):
                EmbeddedPostgres.start(data_dir, settings=FAST, timeout_seconds=0.2)
            os.kill(backend, signal.SIGKILL)
        assert start(data_dir).pid is not None


class TestStalePid:
    def test_a_pid_that_belongs_to_another_program_now_does_not_block_the_start(
        self, data_dir: Path, start: Start
    ) -> None:
        with _stranger(data_dir, "sleep", "600") as stranger:
            _leave_pid_files(data_dir, stranger.pid)
            assert not status(data_dir).running
            assert start(data_dir).pid != stranger.pid
            assert stranger.poll() is None

    def test_a_zombie_does_not_count_as_a_server(self, data_dir: Path, start: Start) -> None:
        with _stranger(data_dir, "true") as zombie:
            os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
            _leave_pid_files(data_dir, zombie.pid)
            assert not status(data_dir).running
            assert start(data_dir).pid != zombie.pid

    def test_stop_does_not_signal_a_stranger(self, data_dir: Path, start: Start) -> None:
        server = start(data_dir)
        server.stop()
        with _stranger(data_dir, "sleep", "600") as stranger:
            _leave_pid_files(data_dir, stranger.pid)
            server.stop()
            assert stranger.poll() is None


class TestServerStartedByOtherMeans:
    def test_it_is_not_doubled_and_can_be_stopped(self, data_dir: Path, tmp_path: Path, start: Start) -> None:
        server = start(data_dir)
        server.stop()
        with _by_hand(data_dir, tmp_path):
            _wait_until(lambda: status(data_dir).running)
            with pytest.raises(EmbeddedPostgresError, match="started by other means"):
                start(data_dir)
            server.stop()
        assert not status(data_dir).running


class TestUnfinishedCluster:
    def test_an_initdb_killed_half_way_is_begun_again(
        self, new_dir: Path, start: Start, query: Query, starter: Starter
    ) -> None:
        process = starter(new_dir)
        _wait_until(lambda: any(new_dir.glob("cluster.new-*/PG_VERSION")))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not (new_dir / "cluster").exists()
        assert query(start(new_dir), "SELECT 1") == 1
        assert not list(new_dir.glob("cluster.new-*"))

    def test_a_disk_without_room_leaves_no_cluster(self, new_dir: Path, starter: Starter) -> None:
        process = starter(new_dir, wrapper=["bash", "-c", 'ulimit -f 1024; exec "$@"', "bash"])
        _, error = process.communicate()
        assert "initdb could not make" in error
        assert "File too large" in error
        assert not list(new_dir.glob("cluster*"))


def _kill(server: EmbeddedPostgres) -> None:
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    _wait_until(lambda: server.pid is None)


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited 30 s in vain"
        time.sleep(0.005)


def _is_busy(server: EmbeddedPostgres, backend: int) -> bool:
    with psycopg.connect(server.url("postgres", "postgresql")) as connection:
        states = connection.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [backend])
        return states.fetchone() == ("active",)


@contextmanager
def _stranger(data_dir: Path, *command: str) -> Generator[subprocess.Popen[bytes]]:
    """Of the server's own user, since PostgreSQL itself ignores the pids of others."""
    user = DataFolder.at(data_dir).server_user.uid if os.geteuid() == 0 else None
    with subprocess.Popen(command, user=user) as process:  # noqa: S603 - fixed commands
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def _leave_pid_files(data_dir: Path, pid: int) -> None:
    """As a machine that lost its power leaves them."""
    folder = DataFolder.at(data_dir)
    lines = [
        str(pid),
        str(folder.cluster),
        "1700000000",
        "5432",
        str(folder.socket_directory),
        "",
        "",
        "ready",
    ]
    content = "\n".join(lines) + "\n"
    for file in (folder.cluster / "postmaster.pid", folder.socket_directory / ".s.PGSQL.5432.lock"):
        file.write_text(content)
        os.chown(file, folder.server_user.uid, -1)
        file.chmod(0o600)


@contextmanager
def _by_hand(data_dir: Path, elsewhere: Path) -> Generator[None]:
    """A server on the cluster that does not hold the folder's lock."""
    folder = DataFolder.at(data_dir)
    lock = elsewhere / "other.lock"
    lock.touch()
    user = folder.server_user
    run_as = [sys.executable, launcher.__file__, str(lock), "0", str(user.uid), str(user.gid)]
    server = [
        str(program("postgres")),
        "-D",
        str(folder.cluster),
        "-h",
        "",
        "-k",
        str(folder.socket_directory),
    ]
    with subprocess.Popen(  # noqa: S603 - our own list of arguments
        [*run_as, *server], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()
