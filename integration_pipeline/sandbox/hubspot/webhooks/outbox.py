"""The events still to be delivered and what became of the others, kept in the account's storage.

`record` belongs to the transaction of the change an event tells of; the other statements are transactions of
their own. So a killed sandbox loses no event and invents none; at worst it sends one again. Times are epoch
microseconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from integration_pipeline.sandbox.hubspot.errors import JsonObject
from integration_pipeline.sandbox.hubspot.storage import Storage
from integration_pipeline.sandbox.hubspot.webhooks.watch import Notice

WAITING, ACKNOWLEDGED, GIVEN_UP, DROPPED = "waiting", "acknowledged", "given up", "dropped"


def now_us() -> int:
    return time.time_ns() // 1_000


@dataclass(slots=True)
class Event:
    """An event on its way. `attempts` counts those that failed; `taken` while a request carries it."""

    id: int
    body: str
    due_us: int
    attempts: int = 0
    taken: bool = False
    duplicate: bool = False


class Outbox:
    """`kept` is how many of the newest events are remembered when they are settled."""

    def __init__(self, storage: Storage, *, kept: int = 100_000) -> None:
        self._storage = storage
        self._kept = kept
        self._next_id = 1
        self._pruned_to = 0
        self.find_place()

    @property
    def next_id(self) -> int:
        """The id the next recorded event gets."""
        return self._next_id

    def find_place(self) -> None:
        """Continue after the newest event stored."""
        [(least, most)] = self._storage.rows("SELECT min(id), max(id) FROM webhook_events")
        self._pruned_to = cast("int", least or 1) - 1
        self._next_id = cast("int", most or 0) + 1

    def record(self, notices: Sequence[Notice], dropped: Iterable[int], at_us: int) -> list[Event]:
        """Store events in the caller's transaction; those that are to be delivered, in their order."""
        missed = set(dropped)
        numbered = list(enumerate(notices, start=self._next_id))
        self._storage.write_many(
            "INSERT INTO webhook_events (id, object_id, event_type, body, recorded_us, due_us, status) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    number,
                    n.object_id,
                    n.event_type,
                    n.body,
                    at_us,
                    at_us,
                    DROPPED if number in missed else WAITING,
                )
                for number, n in numbered
            ],
        )
        self._next_id += len(notices)
        return [Event(number, n.body, at_us) for number, n in numbered if number not in missed]

    def waiting(self) -> list[Event]:
        """All events that were neither acknowledged nor given up, the oldest first."""
        rows = self._storage.rows(
            "SELECT id, body, due_us, attempts FROM webhook_events WHERE status = ? ORDER BY id", (WAITING,)
        )
        return [Event(*row) for row in cast("list[tuple[int, str, int, int]]", rows)]

    def acknowledge(self, events: Iterable[Event], sent_us: int, at_us: int) -> None:
        self._storage.write(
            """
            UPDATE webhook_events SET status = ?, acknowledged_us = ?, sent_us = coalesce(sent_us, ?),
                attempts = attempts + 1
            WHERE id IN (SELECT value FROM json_each(?))
            """,
            (ACKNOWLEDGED, at_us, sent_us, _ids(events)),
        )
        self._prune()

    def postpone(self, events: Iterable[Event], sent_us: int | None) -> None:
        """Keep until when events wait after an attempt that failed."""
        with self._storage.transaction():
            self._storage.write_many(
                """
                UPDATE webhook_events SET attempts = ?, due_us = ?, sent_us = coalesce(sent_us, ?) WHERE id =
                ?
                """,
                [(each.attempts, each.due_us, sent_us, each.id) for each in events],
            )

    def give_up(self, events: Iterable[Event], sent_us: int | None) -> None:
        self._storage.write(
            """
            UPDATE webhook_events SET status = ?, attempts = attempts + 1, sent_us = coalesce(sent_us, ?)
            WHERE id IN (SELECT value FROM json_each(?))
            """,
            (GIVEN_UP, sent_us, _ids(events)),
        )

    def log(self, after: int, limit: int) -> list[JsonObject]:
        """What became of events with an id above `after`, in order of id."""
        rows = self._storage.rows(
            """
            SELECT id, object_id, event_type, recorded_us, sent_us, acknowledged_us, attempts, status
            FROM webhook_events WHERE id > ? ORDER BY id LIMIT ?
            """,
            (after, limit),
        )
        return [dict(zip(_LOGGED, row, strict=True)) for row in rows]

    def _prune(self) -> None:
        """Forget the oldest events, but for those that still wait; a hundredth of those kept at a time."""
        oldest = self._next_id - self._kept
        if oldest - self._pruned_to > self._kept // 100:
            self._storage.write("DELETE FROM webhook_events WHERE id < ? AND status <> ?", (oldest, WAITING))
            self._pruned_to = oldest


_LOGGED = ("id", "object_id", "type", "recorded_at", "sent_at", "acknowledged_at", "attempts", "status")


def _ids(events: Iterable[Event]) -> str:
    return json.dumps([each.id for each in events])
