"""What Intuit announces, read into events that name the company concerned.

One request may tell of several companies. Two forms: the array of CloudEvents in force since 2026, and
`eventNotifications` before it. An event holds ids alone; what became of the records is read by the sweep.

Belongs here: Intuit's event fields. Does not belong here: who sent them (`signature`), keeping them
(`integration_pipeline.inbox`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from integration_pipeline.crm.webhook_bodies import deeper_than, first_fault, key_of
from integration_pipeline.crm.webhooks import WebhookEvent
from integration_pipeline.transport.json_types import JsonObject, JsonValue, parse_json

SOURCE: Final = "quickbooks"
MAX_EVENTS: Final = 1_000
"""Intuit's requests hold far fewer; more than this is not Intuit."""

_MAX_DEPTH: Final = 8
_VERSION: Final = re.compile(r"\.v[0-9]{1,4}$")
_PAST: Final = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "merge": "merged",
    "void": "voided",
    "emailed": "emailed",
}

_Realm = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
_Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.-]+$")]
_Id = Annotated[str, Field(min_length=1, max_length=100)]


class MalformedWebhook(ValueError):  # noqa: N818 - reads as the statement it makes
    """A body in neither of Intuit's forms. The message holds none of its values."""


class _Given(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, coerce_numbers_to_str=True
    )


class CloudEvent(_Given):
    """One event in the form of CloudEvents; fields of no use here may be anything."""

    id: _Id
    type: Annotated[_Name, Field(pattern=r"^qbo\.")]
    time: AwareDatetime
    intuitaccountid: _Realm
    intuitentityid: _Id


class _Named(_Given):
    model_config = ConfigDict(alias_generator=to_camel)


class ChangedEntity(_Named):
    """One event in the form before."""

    name: _Name
    id: _Id
    operation: _Name
    last_updated: AwareDatetime


def read_events(body: bytes) -> tuple[WebhookEvent, ...]:
    """The events of one request, each with its realm as the account. Raises `MalformedWebhook` for the first
    thing that is not as documented.
    """
    try:
        document = parse_json(body, unique_names=True)
    except ValueError as error:
        raise MalformedWebhook(f"the body is no JSON to rely on: {error}") from None
    found = tuple(_read(document))
    if not 1 <= len(found) <= MAX_EVENTS:
        raise MalformedWebhook(f"the body must hold 1 to {MAX_EVENTS} events")
    return found


def _read(document: JsonValue) -> Iterator[WebhookEvent]:
    if isinstance(document, list):
        for index, each in enumerate(document):
            yield _of_cloud_event(f"[{index}]", _object(each, f"[{index}]"))
        return
    for index, notification in enumerate(_list(document, "eventNotifications", "the body")):
        where = f"eventNotifications[{index}]"
        told = _object(notification, where)
        realm = told.get("realmId")
        if not isinstance(realm, str) or not re.fullmatch(r"[0-9]{1,20}", realm):
            raise MalformedWebhook(f"{where}.realmId is no id of a company")
        for place, entity in enumerate(_list(told.get("dataChangeEvent"), "entities", where)):
            at = f"{where}.entities[{place}]"
            yield _of_entity(at, realm, _object(entity, at))


def _of_cloud_event(where: str, document: JsonObject) -> WebhookEvent:
    event = _validated(CloudEvent, document, where)
    return _event(
        where, _VERSION.sub("", event.type.lower()), event.intuitaccountid, event.time, document, document
    )


def _of_entity(where: str, realm: str, document: JsonObject) -> WebhookEvent:
    event = _validated(ChangedEntity, document, where)
    operation = event.operation.lower()
    kind = f"qbo.{event.name.lower()}.{_PAST.get(operation, operation)}"
    return _event(where, kind, realm, event.last_updated, document, {"realmId": realm, **document})


def _event(
    where: str, kind: str, realm: str, at: datetime, body: JsonObject, distinguishing: JsonObject
) -> WebhookEvent:
    if deeper_than(distinguishing, _MAX_DEPTH):
        raise MalformedWebhook(f"{where} is nested more than {_MAX_DEPTH} levels deep")
    try:
        occurred_at = at.astimezone(UTC)
    except OverflowError:
        raise MalformedWebhook(f"{where} happened at no time of the calendar") from None
    return WebhookEvent(
        source=SOURCE,
        key=key_of(distinguishing),
        kind=kind,
        object_type=None,
        external_ids=(realm,),
        occurred_at=occurred_at,
        body=body,
    )


_Model = TypeVar("_Model", bound=_Given)


def _validated(model: type[_Model], document: JsonObject, where: str) -> _Model:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise MalformedWebhook(f"{where}.{first_fault(error)}") from None


def _object(value: JsonValue, where: str) -> JsonObject:
    if not isinstance(value, Mapping):
        raise MalformedWebhook(f"{where} must be an object")
    return value


def _list(value: JsonValue, name: str, where: str) -> list[JsonValue]:
    found = _object(value, where).get(name)
    if not isinstance(found, list):
        raise MalformedWebhook(f"{where} must have a list {name}")
    return found
