"""A vendor's webhooks: announced as they happen, durable at once, delivered in the background."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.routing import Route

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.notifications.courier import Courier
from integration_pipeline.sandbox.notifications.endpoints import routes
from integration_pipeline.sandbox.notifications.events import Compose, JsonObject, Manner, Post
from integration_pipeline.sandbox.notifications.outbox import Outbox
from integration_pipeline.sandbox.notifications.settings import WebhookSettings


def _successful(status: int) -> bool:
    return 200 <= status < 300


def _any_body(_: bytes) -> bool:
    return True


class Notifications:
    """One receiver's webhooks; a vendor with several kinds of them makes several, each under its `name`.

    `retry_seconds`, `most_events` (of one POST), `accepted` and the rest are the vendor's `Manner`.
    `name` is that of the SQLite file in `data_dir` and of the endpoints, `/_sandbox/<name>`. Raises
    `StorageInUseError` when another process has the file.
    """

    def __init__(
        self,
        data_dir: Path,
        clock: SandboxClock,
        compose: Compose,
        *,
        retry_seconds: Sequence[float],
        most_events: int,
        accepted: Callable[[int], bool] = _successful,
        answer: Callable[[bytes], bool] = _any_body,
        ordered: bool = False,
        disables: bool = False,
        requests_at_once: int = 4,
        deadline_seconds: float = 10,
        name: str = "webhooks",
    ) -> None:
        self._name = name
        self._clock = clock
        self._outbox = Outbox(data_dir / f"{name}.sqlite")
        manner = Manner(
            compose,
            retry_seconds,
            most_events,
            accepted,
            answer,
            ordered,
            disables,
            requests_at_once,
            deadline_seconds,
        )
        self._courier = Courier(self._outbox, clock, manner)
        self._courier.configure(self._outbox.settings())

    @property
    def settings(self) -> WebhookSettings:
        return self._courier.settings

    def start(self) -> None:
        """Deliver from the running event loop, beginning with what an earlier process left."""
        self._courier.start(self._outbox.settings())

    async def stop(self) -> None:
        """End deliveries and close the file."""
        await self._courier.stop()
        self._outbox.close()

    def announce(self, event: JsonObject, key: str | None = None) -> None:
        """Have an event delivered; it is durable before this returns. Nothing where no receiver is set.

        `key` names what the event is about to whoever looks at `/_sandbox/<name>/events`.
        """
        if self.settings.url is None:
            return
        recorded = self._outbox.record(event, key, self._clock.now_ms())
        if self.settings.loses(recorded.id):
            self._outbox.lose(recorded)
        else:
            self._courier.accept(recorded)

    async def send(self, post: Post) -> int | None:
        """One POST to the receiver beside the queue, as a probe; the status of its answer, if one came."""
        status, _, _ = await self._courier.post(post)
        return status

    def configure(self, changes: Mapping[str, Any]) -> WebhookSettings:
        """Change the settings named, keep the others. Raises pydantic's `ValidationError`.

        A receiver that is set again after deliveries were disabled gets everything that waits, at once.
        """
        before = self.settings
        settings = WebhookSettings.model_validate({**before.model_dump(), "enabled": True, **changes})
        self._outbox.keep(settings)
        self._courier.configure(settings)
        if settings.enabled and not before.enabled:
            self._courier.begin_again()
        return settings

    def reset(self) -> None:
        """As in a new account: no receiver, nothing to deliver, nothing remembered."""
        self._courier.forget()
        self._outbox.empty()
        self._courier.configure(WebhookSettings())

    def queue(self) -> JsonObject:
        """What is still to be done; all is delivered when open, duplicates and requests are 0."""
        return {**self._courier.queue(), "enabled": self.settings.enabled}

    def events(self, after: int, limit: int) -> list[JsonObject]:
        return self._outbox.events(after, limit)

    def deliveries(self, after: int, limit: int) -> list[JsonObject]:
        return self._outbox.deliveries(after, limit)

    def routes(self) -> list[Route]:
        """The endpoints that set and show these webhooks, under `/_sandbox/<name>`."""
        return routes(self, f"/_sandbox/{self._name}")
