"""A PostgreSQL server that lives in a folder of the project and needs no installation.

Belongs here: making, starting, finding, reaching and stopping it.
Does not belong here: our tables and migrations, and servers that somebody else runs (`DATABASE_URL`).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from integration_pipeline.store.embedded import launcher
from integration_pipeline.store.embedded.errors import EmbeddedPostgresError
from integration_pipeline.store.embedded.folder import PORT, DataFolder
from integration_pipeline.store.embedded.processes import is_postmaster_of
from integration_pipeline.store.embedded.programs import program

SUPERUSER = "postgres"

_DEFAULT_SETTINGS: Mapping[str, str] = {
    # Durability as PostgreSQL ships it, said aloud because a ledger depends on it.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "100",
    "shared_buffers": "256MB",
    # Compiling costs more than it saves in short statements.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# Where the server is and how it is reached; trust, below, holds for its own socket only.
_FIXED_SETTINGS = {"listen_addresses", "port", "unix_socket_directories", "data_directory", "cluster_name"}
# trust: who can open the socket is let in. Only the current user can enter its directory, and whoever is that
# user could read a password file beside it just as well.
_INITDB_OPTIONS = (
    *("--username", SUPERUSER, "--auth-local", "trust", "--auth-host", "reject"),
    *("--encoding", "UTF8", "--no-instructions"),
    # The same order of texts on every system: compiled into PostgreSQL, no locale of the machine takes part.
    *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
)
_POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """Whether the server of a data folder runs; `pid` is its postmaster's, None when stopped."""

    running: bool
    pid: int | None


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A running PostgreSQL server in a data folder: Unix socket only, no TCP port.

    It outlives the process that started it, until `stop`; use it as a context manager to stop it at the end
    of a block.
    """

    _folder: DataFolder

    @classmethod
    def start(
        cls, data_dir: Path, *, settings: Mapping[str, str] | None = None, timeout_seconds: float = 60
    ) -> EmbeddedPostgres:
        """Start the server of `data_dir`, made at the first time; attach to it where it runs already.

        `settings` are PostgreSQL's and win over our defaults; a server that already runs keeps those it was
        started with. `timeout_seconds` bounds the wait for the server, and before that the one for processes
        of a killed server. Raises EmbeddedPostgresError, with the end of the server's log when there is one.
        """
        arguments = _as_arguments(settings or {})
        folder = DataFolder.at(data_dir)
        folder.create()
        with folder.starting_or_stopping():
            if not _attached(folder, timeout_seconds):
                _refuse_foreign_server(folder)
                if not folder.cluster.exists():
                    _make_cluster(folder, sync=(settings or {}).get("fsync") != "off")
                folder.check_version()
                _launch(folder, arguments, timeout_seconds)
        return cls(folder)

    @classmethod
    def find(cls, data_dir: Path) -> EmbeddedPostgres | None:
        """The server of `data_dir` if it runs, without starting one."""
        return cls(DataFolder.at(data_dir)) if status(data_dir).running else None

    def url(self, database: str, driver: str = "postgresql+psycopg") -> str:
        """The URL of a database, over the socket.

        `driver` is SQLAlchemy's dialect and driver, or plain "postgresql" for libpq.
        """
        directory = quote(str(self._folder.socket_directory), safe="")
        return f"{driver}://{SUPERUSER}@/{quote(database, safe='')}?host={directory}&port={PORT}"

    def ensure_database(self, name: str) -> None:
        """Create the database unless it exists; safe to call from several processes at once."""
        with _connect(self._folder) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount:
                return
            try:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                # Another process was faster; PostgreSQL reports it as the one or the other.
                return

    def stop(self, *, timeout_seconds: float = 60) -> None:
        """Shut the server down: running transactions are rolled back, nothing committed is lost.

        Returns when its last process is gone; does nothing when none runs. Raises EmbeddedPostgresError after
        `timeout_seconds`.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._folder.starting_or_stopping():
            told: int | None = None
            while True:
                pid = _postmaster(self._folder)
                if pid is None and not self._folder.in_use():
                    break
                if pid is not None and pid != told:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGINT)
                    told = pid
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(
                        f"PostgreSQL in {self._folder.path} did not stop within {timeout_seconds:g} s; "
                        f"{_where_to_look(self._folder)}"
                    )
                time.sleep(_POLL_SECONDS)
            self._folder.remove_socket_directory()

    @property
    def data_dir(self) -> Path:
        return self._folder.path

    @property
    def pid(self) -> int | None:
        """The postmaster's, None once it is gone."""
        return _postmaster(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def status(data_dir: Path) -> ServerStatus:
    """Whether the server of `data_dir` runs, without touching anything."""
    pid = _postmaster(DataFolder.at(data_dir))
    return ServerStatus(running=pid is not None, pid=pid)


def _postmaster(folder: DataFolder) -> int | None:
    pid = folder.recorded_pid()
    return pid if pid is not None and is_postmaster_of(pid, folder.cluster) else None


def _attached(folder: DataFolder, timeout_seconds: float) -> bool:
    """True when the running server answers, False when nothing runs.

    A server killed with SIGKILL leaves backends that may take a while to notice; to start beside them would
    corrupt the data, so they are waited for.
    """
    deadline = time.monotonic() + timeout_seconds
    while folder.in_use():
        if _answers(folder):
            return True
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(
                f"processes of an earlier PostgreSQL still hold {folder.path}, and it has not answered for "
                f"{timeout_seconds:g} s; {_where_to_look(folder)}"
            )
        time.sleep(_POLL_SECONDS)
    return False


def _refuse_foreign_server(folder: DataFolder) -> None:
    if pid := _postmaster(folder):
        raise EmbeddedPostgresError(
            f"{folder.cluster} is run by a PostgreSQL started by other means (pid {pid}); stop that one first"
        )


def _make_cluster(folder: DataFolder, *, sync: bool) -> None:
    options = _INITDB_OPTIONS if sync else (*_INITDB_OPTIONS, "--no-sync")
    with folder.new_cluster() as fresh:
        done = subprocess.run(  # noqa: S603 - our own list of arguments
            _launcher_command(folder, [str(program("initdb")), "-D", str(fresh), *options], detach=False),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise EmbeddedPostgresError(f"initdb could not make {folder.cluster}:\n{done.stdout.strip()}")


def _launch(folder: DataFolder, arguments: list[str], timeout_seconds: float) -> None:
    folder.remove_stale_pid_files()
    command = [
        *(str(program("postgres")), "-D", str(folder.cluster)),
        *("-k", str(folder.create_socket_directory()), "-p", str(PORT), "-h", ""),
        *("-c", f"cluster_name={_process_title(folder)}", *arguments),
    ]
    with folder.log.open("ab") as log:
        subprocess.run(  # noqa: S603 - our own list of arguments
            _launcher_command(folder, command, detach=True),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
        )
    deadline = time.monotonic() + timeout_seconds
    while not _answers(folder):
        if not folder.in_use():
            raise EmbeddedPostgresError(
                f"PostgreSQL in {folder.path} did not start; {folder.log} ends:\n{folder.log_tail()}"
            )
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(
                f"PostgreSQL in {folder.path} has not answered for {timeout_seconds:g} s, it may still be "
                f"recovering from a crash; try again, or see {folder.log}, which ends:\n{folder.log_tail()}"
            )
        time.sleep(_POLL_SECONDS)


def _launcher_command(folder: DataFolder, command: list[str], *, detach: bool) -> list[str]:
    user = folder.server_user
    script = str(Path(launcher.__file__).resolve())
    options = [str(folder.server_lock), str(int(detach)), str(user.uid), str(user.gid)]
    return [sys.executable, "-I", "-S", script, *options, *command]


def _environment() -> dict[str, str]:
    """Not ours: a PG* variable would change the server, and our secrets are none of its business."""
    return {"PATH": os.defpath, "LC_ALL": "C"}


def _as_arguments(settings: Mapping[str, str]) -> list[str]:
    for name in settings:
        if not re.fullmatch(r"[a-z][a-z0-9_.]*", name):
            raise ValueError(f"{name!r} is not the name of a PostgreSQL setting")
        if name in _FIXED_SETTINGS:
            raise ValueError(
                f"{name} is fixed for an embedded server; set DATABASE_URL to a server of your own"
            )
    merged = {**_DEFAULT_SETTINGS, **settings}
    return [part for name, value in merged.items() for part in ("-c", f"{name}={value}")]


def _connect(folder: DataFolder) -> psycopg.Connection:
    return psycopg.connect(
        host=str(folder.socket_directory),
        port=PORT,
        user=SUPERUSER,
        dbname="postgres",
        connect_timeout=5,
        autocommit=True,
    )


def _answers(folder: DataFolder) -> bool:
    if not folder.says_ready():
        return False
    try:
        _connect(folder).close()
    except psycopg.OperationalError:
        return False
    return True


def _process_title(folder: DataFolder) -> str:
    return f"embedded-{sha256(os.fsencode(folder.path)).hexdigest()[:8]}"


def _where_to_look(folder: DataFolder) -> str:
    """Its processes carry the folder's mark, so that they can be told from those of other servers."""
    return f"see `ps ax | grep {_process_title(folder)}`, end what is left and try again ({folder.log})"
