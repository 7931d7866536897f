"""The SQLite file under the data directory: tables, transactions, and the rows of records.

Knows nothing of HubSpot's rules; `records`, `associations`, `properties` and `owners` own their statements'
meaning. A committed transaction survives a killed process: the write-ahead log is in the operating system's
hands by then. It does not survive a power cut (`synchronous=OFF`): waiting for the disk would stop the whole
imitation for milliseconds, in the middle of what is measured against it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from integration_pipeline.sandbox.hubspot.changes import Change
from integration_pipeline.sandbox.storage import StorageInUseError

# Record ids of real accounts have eleven digits; beginning there shows a client that keeps them in 32 bits.
FIRST_ID = 30_000_000_001

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    archived_ms INTEGER,
    properties TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS records_by_id ON records (type, archived_ms, id);
CREATE INDEX IF NOT EXISTS records_by_update ON records (type, archived_ms, updated_ms, id);

CREATE TABLE IF NOT EXISTS property_history (
    record_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (record_id, name, at_ms)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS unique_values (
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    record_id INTEGER NOT NULL,
    PRIMARY KEY (type, name, value)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unique_values_by_record ON unique_values (record_id, name);

CREATE TABLE IF NOT EXISTS associations (
    from_id INTEGER NOT NULL,
    to_type TEXT NOT NULL,
    to_id INTEGER NOT NULL,
    type_id INTEGER NOT NULL,
    PRIMARY KEY (from_id, to_type, to_id, type_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS custom_properties (
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    PRIMARY KEY (type, name)
);

CREATE TABLE IF NOT EXISTS owners (
    id INTEGER PRIMARY KEY,
    body TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS webhook_settings (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    settings TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS webhook_events (
    id INTEGER PRIMARY KEY,
    object_id INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    body TEXT NOT NULL,
    recorded_us INTEGER NOT NULL,
    due_us INTEGER NOT NULL,
    sent_us INTEGER,
    acknowledged_us INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL
);
"""

_EMPTY = """
BEGIN;
DELETE FROM records;
DELETE FROM property_history;
DELETE FROM unique_values;
DELETE FROM associations;
DELETE FROM custom_properties;
DELETE FROM owners;
DELETE FROM webhook_settings;
DELETE FROM webhook_events;
COMMIT;
"""


class Listener(Protocol):
    """Who is told what a transaction changed: before its end, as a part of it, and after it ended well."""

    def recorded(self, changes: Sequence[Change]) -> None: ...

    def committed(self) -> None: ...


class Storage:
    """One connection, held exclusively: two servers on one directory would hand out the same ids."""

    def __init__(self, data_dir: Path) -> None:
        self.listener: Listener | None = None
        self._changes: list[Change] = []
        data_dir.mkdir(parents=True, exist_ok=True)
        path = data_dir / "hubspot.sqlite"
        self._connection = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
        self._connection.create_function("contains_token", 2, _contains_token, deterministic=True)
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.executescript(_SCHEMA)
            # The exclusive lock is taken by the first write, which the schema of an existing file is not.
            self._connection.executescript("BEGIN IMMEDIATE; COMMIT;")
        except sqlite3.OperationalError as error:
            self._connection.close()
            if "locked" not in str(error):
                raise
            raise StorageInUseError(
                f"{path} is used by another sandbox; stop that one or choose another data directory."
            ) from error

    def close(self) -> None:
        self._connection.close()

    def reset(self) -> None:
        """Empty the account: records, links, custom properties, owners, webhooks."""
        self._connection.executescript(_EMPTY)

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing; not for nesting."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._changes.clear()
        try:
            yield
            if self._changes and self.listener is not None:
                self.listener.recorded(self._changes)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        if self._changes and self.listener is not None:
            self.listener.committed()

    @contextmanager
    def attempt(self) -> Generator[None]:
        """A part of a transaction that may fail without taking the rest along: one input of a batch."""
        self._connection.execute("SAVEPOINT attempt")
        before = len(self._changes)
        try:
            yield
        except BaseException:
            del self._changes[before:]
            self._connection.execute("ROLLBACK TO attempt")
            self._connection.execute("RELEASE attempt")
            raise
        self._connection.execute("RELEASE attempt")

    def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        return self._connection.execute(statement, parameters).fetchall()

    def announce(self, change: Change) -> None:
        """Tell the listener, if there is one, what the running transaction changed."""
        if self.listener is not None:
            self._changes.append(change)

    def write(self, statement: str, parameters: Sequence[object] = ()) -> int:
        """The number of rows the statement changed."""
        return self._connection.execute(statement, parameters).rowcount

    def write_many(self, statement: str, parameters: Sequence[Sequence[object]]) -> None:
        self._connection.executemany(statement, parameters)


def _contains_token(text: str | None, pattern: str) -> bool:
    """Whether a word of `text` equals `pattern`, whatever its case; `*` stands for any characters."""
    if text is None:
        return False
    wanted = re.compile(r"(?<!\w)" + re.escape(pattern.lower()).replace(r"\*", ".*") + r"(?!\w)")
    return wanted.search(text.lower()) is not None
