"""From changes to events: which subscriptions a change concerns, and what each of them is told.

Fields follow HubSpot's documentation. `eventId` is not unique there: here all events of one API request share
it. `attemptNumber` is not here, it differs from sending to sending.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from integration_pipeline.sandbox.hubspot.changes import Archived, Change, Created, Linked, Merged, Updated
from integration_pipeline.sandbox.hubspot.errors import JsonObject
from integration_pipeline.sandbox.hubspot.webhooks.settings import Subscription, WebhookSettings

_VERBS = {Created: "creation", Archived: "deletion", Merged: "merge"}

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Notice:
    """One event as it is sent, but for its attempt number. `object_id` is where a link begins, for a link."""

    object_id: int
    event_type: str
    body: str


class Watch:
    """The subscriptions of an app, arranged by what they wait for."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._portal_id = settings.portal_id
        self._app_id = settings.app_id
        self._waiting: dict[tuple[str, str], list[Subscription]] = {}
        self._properties: dict[str, dict[str, list[Subscription]]] = {}
        for each in settings.subscriptions:
            if not each.active:
                continue
            if each.property_name is None:
                self._waiting.setdefault((each.kind.name, each.verb), []).append(each)
            else:
                by_name = self._properties.setdefault(each.kind.name, {})
                by_name.setdefault(each.property_name, []).append(each)

    def notices(self, changes: Iterable[Change], event_id: int) -> list[Notice]:
        """What subscribers are told about the changes of one request, in the order they were made."""
        return [
            self._notice(subscription, object_id, at_ms, event_id, details)
            for change in changes
            for subscription, object_id, at_ms, details in self._matches(change)
        ]

    def _matches(self, change: Change) -> Iterator[tuple[Subscription, int, int, JsonObject]]:
        if isinstance(change, Linked):
            for each in self._waiting.get((change.source.name, "associationChange"), ()):
                yield each, change.source_id, change.at_ms, _link_details(change)
            return
        kind, number, at_ms = change.kind.name, change.record_id, change.at_ms
        if not isinstance(change, Updated):
            for each in self._waiting.get((kind, _VERBS[type(change)]), ()):
                merge = _merge_details(change) if isinstance(change, Merged) else {}
                yield each, number, at_ms, {"objectId": number, **merge}
        # A new record's values are property changes as well.
        if isinstance(change, Created | Updated) and (wanted := self._properties.get(kind)):
            for name in sorted(wanted.keys() & change.values.keys()):
                details: JsonObject = {"propertyName": name, "propertyValue": change.values[name]}
                for each in wanted[name]:
                    yield each, number, at_ms, {"objectId": number, **details}

    def _notice(
        self, subscription: Subscription, object_id: int, at_ms: int, event_id: int, details: JsonObject
    ) -> Notice:
        body: JsonObject = {
            "eventId": event_id,
            "subscriptionId": subscription.id,
            "portalId": self._portal_id,
            "appId": self._app_id,
            "occurredAt": at_ms,
            "subscriptionType": subscription.event_type,
            "changeSource": "INTEGRATION",
            **details,
        }
        if subscription.generic and subscription.verb != "associationChange":
            body["objectTypeId"] = subscription.object_type_id
        return Notice(object_id, subscription.event_type, _encode(body))


def _merge_details(change: Merged) -> JsonObject:
    return {
        "primaryObjectId": change.record_id,
        "mergedObjectIds": [change.merged_id],
        "newObjectId": change.record_id,
        "numberOfPropertiesMoved": change.moved,
    }


def _link_details(change: Linked) -> JsonObject:
    return {
        "associationType": f"{change.source.singular}_TO_{change.target.singular}".upper(),
        "fromObjectId": change.source_id,
        "toObjectId": change.target_id,
        "associationRemoved": change.removed,
        "isPrimaryAssociation": change.primary,
    }
