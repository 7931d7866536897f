"""Answers kept under the `Idempotency-Key` of their request, refusals too, for six minutes of the sandbox.

Keys are an app's own. A key that has expired is a new one: the same request is then carried out again.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.storage import SqliteFile
from integration_pipeline.sandbox.xero.errors import key_of_another_request, key_too_long

LONGEST_KEY = 128

SCHEMA = """
CREATE TABLE IF NOT EXISTS idempotency (
    app TEXT NOT NULL,
    key TEXT NOT NULL,
    request BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (app, key)
);
CREATE INDEX IF NOT EXISTS idempotency_by_time ON idempotency (at_ms);
"""


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request under its key; `digest` is of everything that makes it this request."""

    app: str
    key: str
    digest: bytes


def keyed(app: str, key: str, method: str, target: str, tenant: str, body: bytes) -> Keyed:
    """`target` is path and query. Raises the 400 for a key that is too long."""
    if len(key) > LONGEST_KEY:
        raise key_too_long()
    said = f"{method}\0{target}\0{tenant}\0".encode() + body
    return Keyed(app, key, sha256(said).digest())


class Answers:
    def __init__(self, storage: SqliteFile, clock: SandboxClock, lifetime_seconds: int) -> None:
        self._storage = storage
        self._clock = clock
        self._lifetime_ms = lifetime_seconds * 1000

    def given(self, request: Keyed) -> tuple[int, str] | None:
        """Status and body given before. Raises the 400 if the key was another request's."""
        self._storage.write(
            "DELETE FROM idempotency WHERE at_ms <= ?", (self._clock.now_ms() - self._lifetime_ms,)
        )
        row = self._storage.row(
            "SELECT request, status, body FROM idempotency WHERE app = ? AND key = ?",
            (request.app, request.key),
        )
        if row is None:
            return None
        if row[0] != request.digest:
            raise key_of_another_request(request.key)
        return row[1], row[2]

    def keep(self, request: Keyed, status: int, body: str) -> None:
        self._storage.write(
            "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
            (request.app, request.key, request.digest, self._clock.now_ms(), status, body),
        )
