"""Which webhooks a HubSpot app has to subscribe to, so that everything the mapping reads is announced.

Belongs here: the list. Does not belong here: reading what then arrives (`webhooks`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from integration_pipeline.crm.records import ObjectType

_NAMES = {
    ObjectType.DEAL: "deal",
    ObjectType.LINE_ITEM: "line_item",
    ObjectType.COMPANY: "company",
    ObjectType.CONTACT: "contact",
}
_ACTIONS = ("creation", "deletion", "restore", "merge", "associationChange")


@dataclass(frozen=True, slots=True)
class Subscription:
    """`deal.creation`, or `deal.propertyChange` of one property: HubSpot knows no subscription to all."""

    event_type: str
    property_name: str | None = None

    def as_json(self) -> dict[str, str]:
        """As HubSpot's API for subscriptions takes it."""
        named = {"propertyName": self.property_name} if self.property_name else {}
        return {"eventType": self.event_type, **named}


def subscriptions(properties: Mapping[ObjectType, Sequence[str]]) -> Iterator[Subscription]:
    """What to subscribe to when these properties of each type are read; a type without any is not read."""
    for kind, name in _NAMES.items():
        if properties.get(kind):
            yield from (Subscription(f"{name}.{action}") for action in _ACTIONS)
            yield from (Subscription(f"{name}.propertyChange", each) for each in properties[kind])
