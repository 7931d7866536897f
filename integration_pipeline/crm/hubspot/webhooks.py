"""What HubSpot announces, read into events that name the records concerned.

The fields are those of HubSpot's webhook guide. An event is only a hint that records changed: which value it
carries is of no interest, since it may be old by the time it is read.

Belongs here: HubSpot's subscription types and event fields. Does not belong here: who sent them
(`signature`), keeping them (`integration_pipeline.inbox`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.webhook_bodies import deeper_than, first_fault, key_of
from integration_pipeline.crm.webhooks import WebhookEvent
from integration_pipeline.transport.json_types import JsonObject, JsonValue, parse_json

SOURCE: Final = "hubspot"
MAX_EVENTS: Final = 1_000
"""HubSpot sends at most 100 in a request; more than this is not HubSpot."""

_MAX_DEPTH: Final = 8
_BY_API: Final = "INTEGRATION"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES: Final = {
    "deal": ObjectType.DEAL,
    "company": ObjectType.COMPANY,
    "contact": ObjectType.CONTACT,
    "line_item": ObjectType.LINE_ITEM,
    "product": ObjectType.PRODUCT,
}
_TYPE_IDS: Final = {
    "0-1": ObjectType.CONTACT,
    "0-2": ObjectType.COMPANY,
    "0-3": ObjectType.DEAL,
    "0-7": ObjectType.PRODUCT,
    "0-8": ObjectType.LINE_ITEM,
}
_ACTIONS: Final = frozenset(
    {"creation", "deletion", "privacyDeletion", "propertyChange", "restore", "merge", "associationChange"}
)

_Id = Annotated[int, Field(ge=0, le=2**63 - 1)]
_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.-]+$")]
_Concerned = tuple[ObjectType | None, tuple[str, ...]]
_NOTHING: Final[_Concerned] = (None, ())


class MalformedWebhook(ValueError):  # noqa: N818 - reads as the statement it makes
    """A body that no version of HubSpot's documentation describes. The message holds none of its values."""


class HubSpotEvent(BaseModel):
    """One event as HubSpot describes it; fields of no use here are left out, and may be anything."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True
    )

    # Older accounts still say eventType.
    subscription_type: Annotated[_Name, Field(validation_alias=AliasChoices("subscriptionType", "eventType"))]
    # Milliseconds since 1970, up to the year 9999.
    occurred_at: Annotated[int, Field(ge=0, le=253_402_300_799_999)]
    attempt_number: Annotated[int, Field(ge=0, le=1_000)] = 0
    change_source: Annotated[str, Field(max_length=200)] | None = None
    property_name: Annotated[str, Field(max_length=1_000)] | None = None
    object_id: _Id | None = None
    object_type_id: _Name | None = None
    primary_object_id: _Id | None = None
    merged_object_ids: Annotated[list[_Id], Field(max_length=1_000)] | None = None
    new_object_id: _Id | None = None
    association_type: Annotated[str, Field(max_length=200)] | None = None
    from_object_id: _Id | None = None
    from_object_type_id: _Name | None = None
    to_object_id: _Id | None = None
    to_object_type_id: _Name | None = None


def read_events(body: bytes, *, own_fields: Collection[str] = ()) -> tuple[WebhookEvent, ...]:
    """The events of one request. Raises `MalformedWebhook` for the first thing that is not as documented.

    Types of events and of objects that this pipeline has no use for are no fault: their events have no
    `object_type`. A change by API of one of a deal's `own_fields` is our own: an event names neither the app
    nor the user, but nothing is read from these fields, whoever writes them.
    """
    try:
        documents = parse_json(body, unique_names=True)
    except ValueError as error:
        raise MalformedWebhook(f"the body is no JSON to rely on: {error}") from None
    if not isinstance(documents, list) or not 1 <= len(documents) <= MAX_EVENTS:
        raise MalformedWebhook(f"the body must be an array of 1 to {MAX_EVENTS} events")
    return tuple(_read(index, document, own_fields) for index, document in enumerate(documents))


def _read(index: int, document: JsonValue, own_fields: Collection[str]) -> WebhookEvent:
    where = f"event [{index}]"
    if not isinstance(document, Mapping):
        raise MalformedWebhook(f"{where} must be an object")
    if deeper_than(document, _MAX_DEPTH):
        raise MalformedWebhook(f"{where} is nested more than {_MAX_DEPTH} levels deep")
    try:
        event = HubSpotEvent.model_validate(document)
    except ValidationError as error:
        raise MalformedWebhook(f"{where}.{first_fault(error)}") from None
    object_type, external_ids = _concerned(event, where)
    return WebhookEvent(
        source=SOURCE,
        key=event_key(document),
        kind=event.subscription_type,
        object_type=object_type,
        external_ids=external_ids,
        occurred_at=_EPOCH + timedelta(milliseconds=event.occurred_at),
        body=document,
        is_own=object_type is ObjectType.DEAL and _is_own(event, own_fields),
    )


def event_key(document: JsonObject) -> str:
    """SHA-256 of the event without the number of the attempt to deliver it.

    `eventId` will not do: HubSpot says that it is not unique.
    """
    return key_of({name: value for name, value in document.items() if name != "attemptNumber"})


def _concerned(event: HubSpotEvent, where: str) -> _Concerned:
    """The type of the records an event is about, and their ids."""
    name, _, action = event.subscription_type.partition(".")
    kind = _TYPE_IDS.get(event.object_type_id or "") if name == "object" else _NAMES.get(name)
    if action not in _ACTIONS or (name != "object" and kind is None):
        return _NOTHING
    if action == "associationChange":
        return _linked(event, where)
    if kind is None:
        if event.object_type_id is None:
            raise MalformedWebhook(
                f"{where}.objectTypeId is missing, though {event.subscription_type} needs it"
            )
        return _NOTHING
    ids = [event.object_id]
    if action == "merge":
        ids = [
            event.primary_object_id,
            event.new_object_id,
            *(event.merged_object_ids or ()),
            event.object_id,
        ]
    return kind, _present(ids, where)


def _is_own(event: HubSpotEvent, own_fields: Collection[str]) -> bool:
    return (
        event.subscription_type.endswith(".propertyChange")
        and event.change_source == _BY_API
        and event.property_name in own_fields
    )


def _linked(event: HubSpotEvent, where: str) -> _Concerned:
    """The deals among the two ends of a link; else the end that is told about, if we read its like."""
    ends = list(_ends(event))
    deals = [identifier for kind, identifier in ends if kind is ObjectType.DEAL]
    if deals:
        return ObjectType.DEAL, _present(deals, where)
    for kind, identifier in ends:
        if kind is not None:
            return kind, _present([identifier], where)
    return _NOTHING


def _ends(event: HubSpotEvent) -> Iterator[tuple[ObjectType | None, int | None]]:
    # DEAL_TO_LINE_ITEM; the generic form may give type ids instead.
    first, _, second = (event.association_type or "").lower().partition("_to_")
    yield _TYPE_IDS.get(event.from_object_type_id or "") or _NAMES.get(first), event.from_object_id
    yield _TYPE_IDS.get(event.to_object_type_id or "") or _NAMES.get(second), event.to_object_id


def _present(ids: Sequence[int | None], where: str) -> tuple[str, ...]:
    """Each id once. 0 is how HubSpot leaves one out."""
    present = tuple(dict.fromkeys(str(each) for each in ids if each))
    if not present:
        raise MalformedWebhook(f"{where} names no record, though its kind concerns one")
    return present
