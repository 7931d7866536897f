"""The webhooks of one account: events are recorded with the change they tell of, and sent afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import ValidationError
from pydantic.alias_generators import to_snake

from integration_pipeline.sandbox.hubspot.changes import Change
from integration_pipeline.sandbox.hubspot.errors import JsonObject, validation_error
from integration_pipeline.sandbox.hubspot.storage import Storage
from integration_pipeline.sandbox.hubspot.webhooks.courier import Courier
from integration_pipeline.sandbox.hubspot.webhooks.outbox import Event, Outbox, now_us
from integration_pipeline.sandbox.hubspot.webhooks.settings import WebhookSettings
from integration_pipeline.sandbox.hubspot.webhooks.watch import Watch


class Webhooks:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._outbox = Outbox(storage)
        self._settings = self._stored()
        self._courier = Courier(self._outbox, self._settings)
        self._watch = Watch(self._settings)
        self._recorded: list[Event] = []
        self._listen()

    @property
    def settings(self) -> WebhookSettings:
        return self._settings

    def start(self) -> None:
        """Deliver from the running event loop, beginning with what an earlier process left."""
        self._courier.start()

    async def stop(self) -> None:
        await self._courier.stop()

    def configure(self, changes: Mapping[str, Any]) -> WebhookSettings:
        """Change the settings named, keep the others; raises HubSpot's 400 for what cannot be."""
        try:
            named = {to_snake(name): value for name, value in changes.items()}
            settings = WebhookSettings.model_validate(self._settings.model_dump() | named)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(step) for step in first["loc"])
            raise validation_error(f"Webhook settings: {first['msg']} (at {where or 'the whole'})") from None
        self._storage.write(
            "INSERT OR REPLACE INTO webhook_settings (id, settings) VALUES (1, ?)",
            (settings.model_dump_json(),),
        )
        self._use(settings)
        return settings

    def reset(self) -> None:
        """As in a new account, whose storage is empty already: no settings, nothing to deliver."""
        self._courier.forget()
        self._outbox.find_place()
        self._use(WebhookSettings())

    def recorded(self, changes: Sequence[Change]) -> None:
        """Keep the events of changes, in the transaction that makes them."""
        first = self._outbox.next_id
        notices = self._watch.notices(changes, first)
        dropped: list[int] = []
        if self._settings.faults.drop_share:
            dropped = [n for n, _ in enumerate(notices, first) if self._settings.faults.drops(n)]
        self._recorded = self._outbox.record(notices, dropped, now_us()) if notices else []

    def committed(self) -> None:
        """Have the events sent whose transaction has ended well."""
        if self._recorded:
            self._courier.accept(self._recorded)
            self._recorded = []

    def queue(self) -> JsonObject:
        return self._courier.queue()

    def log(self, after: int, limit: int) -> list[JsonObject]:
        return self._outbox.log(after, limit)

    def _use(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._watch = Watch(settings)
        self._courier.configure(settings)
        self._listen()

    def _listen(self) -> None:
        # Without subscribers no change is even noted down: loading records must not pay for webhooks.
        wanted = self._settings.target_url is not None and self._settings.subscriptions
        self._storage.listener = self if wanted else None

    def _stored(self) -> WebhookSettings:
        rows = self._storage.rows("SELECT settings FROM webhook_settings")
        return WebhookSettings.model_validate_json(cast("str", rows[0][0])) if rows else WebhookSettings()
