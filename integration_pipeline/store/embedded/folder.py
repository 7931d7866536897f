"""The data folder of an embedded server: what lies where, who may enter, and who holds it.

Belongs here: names, permissions and locks of the folder, and the socket directory that goes with it.
Does not belong here: starting and stopping PostgreSQL (server.py).

    <data folder>/         0700; entered by its owner, and by the server where that is another user
      cluster/             PostgreSQL's own files
      cluster.new-*/       a cluster that initdb has not finished; never opened, removed by the next start
      run/                 the socket
      socket_directory     instead of run/ when its path is too long for a socket: where the socket is
      postgres.log
      start.lock           held by whoever starts or stops the server
      server.lock          held by every process of the server, see launcher.py
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from integration_pipeline.store.embedded.errors import EmbeddedPostgresError
from integration_pipeline.store.embedded.programs import MAJOR_VERSION

PORT = 5432
"""Only part of the socket's file name; no TCP port is opened."""

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the closing zero included.
_LONGEST_SOCKET_PATH = 103
_LOG_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The operating system's user and group that the server runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The files of one embedded server. `path` is absolute, without symbolic links."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> DataFolder:
        return cls(path.expanduser().resolve())

    @property
    def cluster(self) -> Path:
        return self.path / "cluster"

    @property
    def log(self) -> Path:
        return self.path / "postgres.log"

    @property
    def server_lock(self) -> Path:
        return self.path / "server.lock"

    @property
    def socket_directory(self) -> Path:
        """Where the socket is, or would be after a start."""
        return self._recorded_socket_directory() or self.path / "run"

    @property
    def server_user(self) -> ServerUser:
        """Ourselves; or, for root, the owner of the cluster and else `nobody`, who exists everywhere.

        The group stays ours. It lets the server pass into folders that other processes of `nobody` may not
        enter.
        """
        uid = os.geteuid()
        if uid == 0:
            owners = [path.stat().st_uid for path in (self.cluster, self.path) if path.exists()]
            uid = next((owner for owner in owners if owner != 0), 0) or _uid_of_nobody()
        return ServerUser(uid, os.getegid())

    def create(self) -> None:
        """Make the folder where it is missing; refuse one that is in use for something else."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(self.path.iterdir()) and not self._start_lock.exists():
                raise EmbeddedPostgresError(
                    f"{self.path} is not empty and not the data folder of an embedded PostgreSQL; "
                    "name a folder that does not exist yet"
                )
            self._admit_server(self.path, 0o710)
            for file in (self._start_lock, self.server_lock, self.log):
                self._own(file)
        except PermissionError as error:
            raise EmbeddedPostgresError(
                f"{error.filename}: permission denied; run as the user who made the data folder {self.path}, "
                "or name another folder"
            ) from error

    @contextmanager
    def starting_or_stopping(self) -> Generator[None]:
        """One process, and one thread, at a time; the others wait."""
        handle = os.open(self._start_lock, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)

    def in_use(self) -> bool:
        """Whether a process of the server (postmaster, backend, initdb) is left, zombies not counted."""
        try:
            handle = os.open(self.server_lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two who ask at the same time do not mistake each other for the server.
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            fcntl.flock(handle, fcntl.LOCK_UN)
            return False
        finally:
            os.close(handle)

    def recorded_pid(self) -> int | None:
        """The pid in postmaster.pid, which may be anybody's by now."""
        try:
            return int((self.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

    def says_ready(self) -> bool:
        """Whether postmaster.pid calls the server ready; a killed one may have left it so."""
        with suppress(FileNotFoundError):
            return (self.cluster / "postmaster.pid").read_text().rstrip().endswith("\nready")
        return False

    def check_version(self) -> None:
        """Raise EmbeddedPostgresError for a cluster that another major version of PostgreSQL has made."""
        found = (self.cluster / "PG_VERSION").read_text().strip()
        if found != str(MAJOR_VERSION):
            raise EmbeddedPostgresError(
                f"{self.cluster} was made by PostgreSQL {found}, this program carries {MAJOR_VERSION}; "
                "dump it with its own version and restore into a new folder, or point DATABASE_URL at a "
                f"server of version {found}"
            )

    @contextmanager
    def new_cluster(self) -> Generator[Path]:
        """An empty folder for initdb: becomes the cluster if the block ends well, is removed otherwise."""
        for unfinished in self.path.glob("cluster.new-*"):
            shutil.rmtree(unfinished)
        user = self.server_user
        fresh = Path(tempfile.mkdtemp(prefix="cluster.new-", dir=self.path))
        try:
            os.chown(fresh, user.uid, user.gid)
            yield fresh
            fresh.rename(self.cluster)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        directory = os.open(self.path, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)

    def remove_stale_pid_files(self) -> None:
        """Remove what a killed server leaves; PostgreSQL does not start while its pid is anybody's.

        To be called only when nothing runs here. Should that ever be mistaken, PostgreSQL's shared memory,
        whose key comes from the data folder, still refuses a second postmaster.
        """
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        for file in self.socket_directory.glob(".s.PGSQL.*"):
            file.unlink(missing_ok=True)

    def create_socket_directory(self) -> Path:
        """Make a directory that only we and the server can enter, with a path short enough for a socket."""
        directory = self._recorded_socket_directory() or self.path / "run"
        if not _fits_a_socket(directory):
            directory = _short_directory()
            self._socket_record.write_text(str(directory))
        directory.mkdir(mode=0o700, exist_ok=True)
        self._admit_server(directory, 0o770)
        return directory

    def remove_socket_directory(self) -> None:
        """Leave nothing outside the data folder."""
        if recorded := self._recorded_socket_directory():
            shutil.rmtree(recorded, ignore_errors=True)
        self._socket_record.unlink(missing_ok=True)

    def log_tail(self) -> str:
        with suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])
        return ""

    @property
    def _start_lock(self) -> Path:
        return self.path / "start.lock"

    @property
    def _socket_record(self) -> Path:
        return self.path / "socket_directory"

    def _recorded_socket_directory(self) -> Path | None:
        """As recorded, unless a clean-up of temporary files removed it and somebody else took the name."""
        try:
            directory = Path(self._socket_record.read_text())
            found = directory.lstat()
        except FileNotFoundError:
            return None
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid in {os.geteuid(), self.path.stat().st_uid}
        return directory if ours and not found.st_mode & 0o007 else None

    def _own(self, file: Path) -> None:
        """Create it for the folder's owner, who may come after a run of root's."""
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.geteuid() == 0:
            os.fchown(handle, self.path.stat().st_uid, -1)
        os.close(handle)

    def _admit_server(self, directory: Path, mode: int) -> None:
        """Under root the server is another user: let it in by our group, which others of that user lack."""
        if os.geteuid() == 0:
            os.chown(directory, self.path.stat().st_uid, os.getegid())
            directory.chmod(mode)
        else:
            directory.chmod(mode & 0o700)


def _uid_of_nobody() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        raise EmbeddedPostgresError(
            "PostgreSQL does not run as root, and this system has no user `nobody` to run it as; "
            "run as an ordinary user, or set DATABASE_URL"
        ) from None


def _fits_a_socket(directory: Path) -> bool:
    """PostgreSQL and libpq take a comma for the beginning of another directory."""
    path = os.fsencode(directory / f".s.PGSQL.{PORT}")
    return len(path) <= _LONGEST_SOCKET_PATH and b"," not in path


def _short_directory() -> Path:
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp makes an unpredictable name, 0700
        directory = Path(tempfile.mkdtemp(prefix="postgres-", dir=parent))
        if _fits_a_socket(directory):
            return directory
        directory.rmdir()
    raise EmbeddedPostgresError("no temporary directory has a path short enough for a socket; set TMPDIR")
