"""The account: its objects, its clock, and the events it tells of once a change is committed.

Belongs here: what every kind of object needs. Does not belong here: any one kind.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.notifications.service import Notifications
from integration_pipeline.sandbox.storage import SqliteFile
from integration_pipeline.sandbox.stripe.errors import no_such
from integration_pipeline.sandbox.stripe.ids import new_id
from integration_pipeline.sandbox.stripe.objects import Body, Objects
from integration_pipeline.sandbox.stripe.versions import as_of

EVENTS_KEPT_SECONDS = 30 * 86_400
"""`GET /v1/events` goes back 30 days."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The request that events name as their reason; none for what happens by itself."""

    request_id: str | None = None
    idempotency_key: str | None = None


class Account:
    """Everything handlers act on. Changes happen in `changing`, after which their events are announced."""

    def __init__(
        self, file: SqliteFile, clock: SandboxClock, notifications: Notifications, *, api_version: str
    ) -> None:
        self.file = file
        self.objects = Objects(file)
        self.clock = clock
        self.notifications = notifications
        self.api_version = api_version
        """The account's own: events are written in it, whatever version a client asks in."""
        self._cause = Cause()
        self._announced: list[Body] = []

    def now(self) -> int:
        """Seconds since 1970."""
        return self.clock.now_ms() // 1_000

    @contextmanager
    def changing(self, cause: Cause | None = None) -> Generator[None]:
        """All or nothing; the events of a change that failed are never told."""
        self._cause = cause or Cause()
        self._announced.clear()
        with self.file.transaction():
            yield
        for event in self._announced:
            self.notifications.announce(event, event["id"])
        self._announced.clear()

    def find(self, kind: str, identifier: str, *, param: str | None = None) -> Body:
        """An object by id. Raises Stripe's 404, or its 400 if a parameter named the id."""
        body = self.objects.find(kind, identifier)
        if body is None:
            raise no_such(kind, identifier, param=param or "id", status=400 if param else 404)
        return body

    def create(self, body: Body, *events: str) -> Body:
        self.objects.add(body)
        for event in events:
            self.tell(event, body)
        return body

    def change(self, body: Body, changes: Mapping[str, Any], *events: str) -> Body:
        """`body` with `changes`, kept; events carry what the changed fields were before."""
        before = {name: body.get(name) for name, value in changes.items() if body.get(name) != value}
        changed = {**body, **changes}
        self.objects.keep(changed)
        for event in events:
            self.tell(event, changed, before)
        return changed

    def tell(self, kind: str, body: Body, before: Mapping[str, Any] | None = None) -> None:
        """An event of a type about an object as it is now."""
        data: Body = {"object": as_of(self.api_version, body, self.objects)}
        if before and kind.endswith(".updated"):
            data["previous_attributes"] = dict(before)
        event: Body = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": self.api_version,
            "created": self.now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 0 if self.notifications.settings.url is None else 1,
            "request": {"id": self._cause.request_id, "idempotency_key": self._cause.idempotency_key},
            "type": kind,
        }
        self.objects.add(event)
        self._announced.append(event)


def day_of(seconds: int) -> datetime:
    """Midnight UTC of the day that `seconds` since 1970 fall on."""
    return datetime.fromtimestamp(seconds, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
