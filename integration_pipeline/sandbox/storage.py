"""One SQLite file that a sandbox holds alone: transactions, rows, writes.

A committed transaction survives a killed process: the write-ahead log is in the operating system's hands by
then. It does not survive a power cut (`synchronous=OFF`): waiting for the disk would stop the whole imitation
for milliseconds, in the middle of what is measured against it. Tables and their meaning are each vendor's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class StorageInUseError(RuntimeError):
    """Another process serves the same data directory."""


class SqliteFile:
    """One connection, held exclusively: two servers on one file would hand out the same ids.

    Not for use by several threads at once: a sandbox answers its requests one after the other.
    """

    def __init__(self, path: Path, schema: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._depth = 0
        self.connection = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
        try:
            self.connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = OFF")
            self.connection.executescript(schema)
            # The exclusive lock is taken by the first write, which the schema of an existing file is not.
            self.connection.executescript("BEGIN IMMEDIATE; COMMIT;")
        except sqlite3.OperationalError as error:
            self.connection.close()
            if "locked" not in str(error):
                raise
            raise StorageInUseError(
                f"{path} is used by another sandbox; stop that one or choose another data directory."
            ) from error

    def close(self) -> None:
        self.connection.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing. Inside another one it is a part that may fail without taking the rest along."""
        begin, commit, undo = ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
        if self._depth:
            name = f"part_{self._depth}"
            begin, commit, undo = (
                f"SAVEPOINT {name}",
                f"RELEASE {name}",
                f"ROLLBACK TO {name}; RELEASE {name}",
            )
        self.connection.execute(begin)
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            for statement in undo.split("; "):
                self.connection.execute(statement)
            raise
        self._depth -= 1
        self.connection.execute(commit)

    def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement, parameters).fetchall()

    def row(self, statement: str, parameters: Sequence[object] = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        return self.connection.execute(statement, parameters).fetchone()

    def write(self, statement: str, parameters: Sequence[object] = ()) -> int:
        """The number of rows the statement changed."""
        return self.connection.execute(statement, parameters).rowcount

    def insert(self, statement: str, parameters: Sequence[object] = ()) -> int:
        """The integer key of the row that was inserted."""
        key = self.connection.execute(statement, parameters).lastrowid
        assert key is not None  # noqa: S101 - an insert
        return key

    def write_many(self, statement: str, parameters: Sequence[Sequence[object]]) -> None:
        self.connection.executemany(statement, parameters)
