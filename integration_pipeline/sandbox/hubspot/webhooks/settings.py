"""The webhook settings of the account: where events go, how fast, and which are subscribed to.

What HubSpot keeps under `/webhooks/v3/{appId}/settings` and `/subscriptions`, plus what only a sandbox has:
the pace of retries and the faults of delivery. Storing them is `service`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from integration_pipeline.sandbox.hubspot.object_types import OBJECT_TYPES, ObjectType
from integration_pipeline.sandbox.hubspot.webhooks.faults import DeliveryFaults, Milliseconds

Verb = Literal["creation", "deletion", "propertyChange", "merge", "restore", "associationChange"]

_BY_SINGULAR = {kind.singular: kind for kind in OBJECT_TYPES}
_BY_TYPE_ID = {kind.type_id: kind for kind in OBJECT_TYPES}
_EVENT_TYPE = re.compile(
    rf"({'|'.join(_BY_SINGULAR)}|object)"
    r"\.(creation|deletion|propertyChange|merge|restore|associationChange)"
)


class _Settings(BaseModel):
    # Taken as HubSpot writes them (targetUrl) or as other settings of the sandbox (target_url); shown so.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        alias_generator=AliasGenerator(validation_alias=to_camel),
    )


class Subscription(_Settings):
    """`deal.creation`, or in the generic form `object.creation` with `object_type_id` 0-3.

    A property change names its property. Without an id it gets its place in the list, counted from 1.
    """

    event_type: str
    property_name: str | None = None
    object_type_id: str | None = None
    active: bool = True
    id: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _is_one_hubspot_knows(self) -> Subscription:
        if not _EVENT_TYPE.fullmatch(self.event_type):
            raise ValueError(f"event_type {self.event_type} is unknown; deal.propertyChange is an example")
        if self.generic and self.object_type_id not in _BY_TYPE_ID:
            raise ValueError(f"{self.event_type} needs an object_type_id, one of {', '.join(_BY_TYPE_ID)}")
        if (self.verb == "propertyChange") != (self.property_name is not None):
            raise ValueError(
                f"{self.event_type}: property_name belongs to property changes, and to all of them"
            )
        return self

    @property
    def generic(self) -> bool:
        return self.event_type.startswith("object.")

    @property
    def kind(self) -> ObjectType:
        return (
            _BY_TYPE_ID[self.object_type_id or ""]
            if self.generic
            else _BY_SINGULAR[self.event_type.split(".")[0]]
        )

    @property
    def verb(self) -> str:
        return self.event_type.split(".")[1]


class WebhookSettings(_Settings):
    """Webhooks are off while there is no `target_url`.

    HubSpot sends at most `batch_size` events in a POST and `max_concurrent_requests` POSTs at once, waits
    `deadline_ms` for an answer, and retries over 24 hours, which `retry_scale` shortens: 0.001 means 86
    seconds. `batch_delay_ms` lets events gather before they are sent; with 0 they go at once while a request
    is free, and gather while none is.
    """

    target_url: str | None = None
    client_secret: str = Field(default="", repr=False)
    app_id: int = 1_001
    portal_id: int = 62_515
    max_concurrent_requests: Annotated[int, Field(ge=1, le=1_000)] = 10
    batch_size: Annotated[int, Field(ge=1, le=100)] = 100
    batch_delay_ms: Milliseconds = 0
    deadline_ms: Annotated[int, Field(ge=1)] = 5_000
    retry_scale: Annotated[float, Field(ge=0, le=1)] = 1.0
    subscriptions: tuple[Subscription, ...] = ()
    faults: DeliveryFaults = DeliveryFaults()

    @field_validator("target_url")
    @classmethod
    def _can_be_called(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not re.fullmatch(r"[!-~]+", url):
            raise ValueError(f"target_url {url!r} is no http or https URL in ASCII")
        # Both raise a ValueError that says why, for a name or a number no connection can be made to.
        parts.hostname.encode("idna")
        _ = parts.port
        return url

    @field_validator("subscriptions")
    @classmethod
    def _have_ids(cls, given: tuple[Subscription, ...]) -> tuple[Subscription, ...]:
        return tuple(
            each if each.id else each.model_copy(update={"id": place})
            for place, each in enumerate(given, start=1)
        )

    @model_validator(mode="after")
    def _is_signed(self) -> WebhookSettings:
        if self.target_url is not None and not self.client_secret:
            raise ValueError("client_secret is missing; webhooks are signed with it")
        return self

    def shown(self) -> dict[str, Any]:
        """All but the secret."""
        return self.model_dump(mode="json", exclude={"client_secret"})
