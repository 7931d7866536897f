"""Which changes are told to whom: outbound messages to one receiver, change events to another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from starlette.routing import Route

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.notifications.service import Notifications
from integration_pipeline.sandbox.salesforce.ids import new_id
from integration_pipeline.sandbox.salesforce.options import Options
from integration_pipeline.sandbox.salesforce.push import changes as change_events
from integration_pipeline.sandbox.salesforce.push import outbound
from integration_pipeline.sandbox.salesforce.records.changes import Action, Change
from integration_pipeline.sandbox.salesforce.records.store import Store
from integration_pipeline.sandbox.salesforce.schema.catalogue import Catalogue


class Announcing:
    """Both ways an org pushes: `/_sandbox/outbound` and `/_sandbox/changes` name the receivers."""

    def __init__(
        self, data_dir: Path, options: Options, clock: SandboxClock, catalogue: Catalogue, store: Store
    ) -> None:
        self._clock = clock
        self._catalogue = catalogue
        self._store = store
        self.changes = change_events.ChangeEvents(catalogue, options.webhook_secret.get_secret_value())
        self._messages = outbound.OutboundMessages(options.organization_id, catalogue, store)
        self._outbound = Notifications(
            data_dir,
            clock,
            self._messages.compose,
            retry_seconds=outbound.RETRY_SECONDS,
            most_events=outbound.MOST_NOTIFICATIONS,
            answer=outbound.acknowledged,
            name="outbound",
        )
        self._relay = Notifications(
            data_dir,
            clock,
            self.changes.compose,
            retry_seconds=change_events.RETRY_SECONDS,
            most_events=change_events.MOST_EVENTS,
            name="changes",
        )
        self._numbers = clock.now_ms()

    def start(self) -> None:
        self._outbound.start()
        self._relay.start()

    async def stop(self) -> None:
        await self._outbound.stop()
        await self._relay.stop()

    def reset(self) -> None:
        self._outbound.reset()
        self._relay.reset()
        self.changes.mode = change_events.Mode.FULL

    def announce(self, changes: Sequence[Change]) -> None:
        """Tell of the changes of one transaction, those of objects that are told of."""
        told = [each for each in changes if self._catalogue.named(each.record.type).announced]
        # No flow is started by a deletion: outbound messages know none.
        written = dict.fromkeys(
            (each.record.type, each.record.id) for each in told if each.action is not Action.DELETE
        )
        for kind, record_id in written if self._outbound.settings.url is not None else ():
            self._numbers += 1
            notification = new_id("04l", self._numbers)
            self._outbound.announce(
                {"notification": notification, "record": record_id, "type": kind}, record_id
            )
        if told and self._relay.settings.url is not None:
            user = told[0].record.text("LastModifiedById") or ""
            for event in self.changes.events(told, user, self._clock.now_ms()):
                self._relay.announce(event, str(event["event"]))

    def announce_gap(self, entity: str, kind: str, ids: Sequence[str]) -> None:
        """Tell of a change of which nothing but its header is known."""
        self._relay.announce(self.changes.gap(entity, kind, ids, "", self._clock.now_ms()))

    def routes(self) -> list[Route]:
        return [*self._outbound.routes(), *self._relay.routes()]
