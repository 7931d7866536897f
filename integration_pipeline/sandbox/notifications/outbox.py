"""The events still to be delivered, what became of the others, and every POST, in a SQLite file of their own.

An event is durable once it is recorded: a killed sandbox loses none of them and at worst sends one again.
Times are the sandbox's, milliseconds since 1970.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from integration_pipeline.sandbox.notifications.events import JsonObject
from integration_pipeline.sandbox.notifications.settings import WebhookSettings
from integration_pipeline.sandbox.storage import SqliteFile

WAITING, ACKNOWLEDGED, GIVEN_UP, LOST = "waiting", "acknowledged", "given up", "lost"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    settings TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT,
    body TEXT NOT NULL,
    announced_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    acknowledged_ms INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_waiting ON events (id) WHERE status = 'waiting';
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    events TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    sent_ms INTEGER NOT NULL,
    answered_ms INTEGER NOT NULL,
    status INTEGER,
    error TEXT,
    accepted INTEGER NOT NULL,
    forged INTEGER NOT NULL,
    duplicate INTEGER NOT NULL
);
"""


@dataclass(slots=True)
class Event:
    """An event on its way. `attempts` counts those that failed; `taken` while a request carries it."""

    id: int
    body: JsonObject
    due_ms: int
    attempts: int = 0
    taken: bool = False
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST. `status` is None when no whole answer came; `error` says why then."""

    events: tuple[int, ...]
    attempt: int
    sent_ms: int
    answered_ms: int
    status: int | None
    error: str | None
    accepted: bool
    forged: bool
    duplicate: bool


class Outbox:
    """`kept` is how many of the newest events, and of the newest POSTs, are remembered when they are over."""

    def __init__(self, path: Path, *, kept: int = 100_000) -> None:
        self._file = SqliteFile(path, _SCHEMA)
        self._kept = kept
        self._pruned_to = 0

    def close(self) -> None:
        self._file.close()

    def empty(self) -> None:
        """Forget settings, events and deliveries; ids go on."""
        with self._file.transaction():
            for table in ("settings", "events", "deliveries"):
                self._file.write(f"DELETE FROM {table}")  # noqa: S608 - three names from above

    def settings(self) -> WebhookSettings:
        row = self._file.row("SELECT settings FROM settings")
        return WebhookSettings.model_validate_json(row[0]) if row else WebhookSettings()

    def keep(self, settings: WebhookSettings) -> None:
        self._file.write(
            "INSERT OR REPLACE INTO settings (id, settings) VALUES (1, ?)", (settings.model_dump_json(),)
        )

    def record(self, body: JsonObject, key: str | None, at_ms: int) -> Event:
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        number = self._file.insert(
            "INSERT INTO events (key, body, announced_ms, due_ms, status) VALUES (?, ?, ?, ?, ?)",
            (key, text, at_ms, at_ms, WAITING),
        )
        return Event(number, body, at_ms)

    def waiting(self) -> list[Event]:
        """All events that are still to be delivered, the oldest first."""
        rows = self._file.rows(
            "SELECT id, body, due_ms, attempts FROM events WHERE status = 'waiting' ORDER BY id"
        )
        return [Event(number, json.loads(body), due, attempts) for number, body, due, attempts in rows]

    def lose(self, event: Event) -> None:
        self._file.write("UPDATE events SET status = ? WHERE id = ?", (LOST, event.id))

    def acknowledge(self, events: Sequence[Event], at_ms: int) -> None:
        with self._file.transaction():
            self._file.write_many(
                "UPDATE events SET status = ?, acknowledged_ms = ?, attempts = ? WHERE id = ?",
                [(ACKNOWLEDGED, at_ms, each.attempts + 1, each.id) for each in events],
            )
        self._prune(events[-1].id)

    def postpone(self, events: Sequence[Event]) -> None:
        """Keep how often events have failed and when they are due again."""
        with self._file.transaction():
            self._file.write_many(
                "UPDATE events SET attempts = ?, due_ms = ? WHERE id = ?",
                [(each.attempts, each.due_ms, each.id) for each in events],
            )

    def give_up(self, events: Sequence[Event]) -> None:
        with self._file.transaction():
            self._file.write_many(
                "UPDATE events SET status = ?, attempts = ? WHERE id = ?",
                [(GIVEN_UP, each.attempts, each.id) for each in events],
            )

    def delivered(self, made: Delivery) -> None:
        self._file.write(
            "INSERT INTO deliveries (events, attempt, sent_ms, answered_ms, status, error, accepted, forged,"
            " duplicate) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                json.dumps(made.events),
                made.attempt,
                made.sent_ms,
                made.answered_ms,
                made.status,
                made.error,
                made.accepted,
                made.forged,
                made.duplicate,
            ),
        )

    def events(self, after: int, limit: int) -> list[JsonObject]:
        """What became of the events with an id above `after`, in order of id."""
        columns = ("id", "key", "announced_ms", "acknowledged_ms", "attempts", "status")
        rows = self._file.rows(
            "SELECT id, key, announced_ms, acknowledged_ms, attempts, status FROM events"
            " WHERE id > ? ORDER BY id LIMIT ?",
            (after, limit),
        )
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def deliveries(self, after: int, limit: int) -> list[JsonObject]:
        """The POSTs with an id above `after`, in the order their answers came."""
        rows = self._file.rows(
            "SELECT id, events, attempt, sent_ms, answered_ms, status, error, accepted, forged, duplicate"
            " FROM deliveries WHERE id > ? ORDER BY id LIMIT ?",
            (after, limit),
        )
        return [
            {
                "id": number,
                "events": json.loads(events),
                "attempt": attempt,
                "sent_ms": sent,
                "answered_ms": answered,
                "status": status,
                "error": error,
                "accepted": bool(accepted),
                "forged": bool(forged),
                "duplicate": bool(duplicate),
            }
            for number, events, attempt, sent, answered, status, error, accepted, forged, duplicate in rows
        ]

    def _prune(self, newest: int) -> None:
        """Forget the oldest, but for events that still wait; a hundredth of those kept at a time."""
        oldest = newest - self._kept
        if oldest - self._pruned_to <= self._kept // 100:
            return
        self._pruned_to = oldest
        with self._file.transaction():
            self._file.write("DELETE FROM events WHERE id < ? AND status <> ?", (oldest, WAITING))
            self._file.write(
                "DELETE FROM deliveries WHERE id < (SELECT max(id) FROM deliveries) - ?", (self._kept,)
            )
