"""What Xero announces, read into events that name the organisation concerned.

The fields are those of Xero's webhook document. An event says which invoice, credit note or contact changed,
and no more; payments are not announced but as a change of their invoice. So an event only leads to one more
look at what changed in its organisation. One request may hold events of several organisations.

How Xero wants to be answered, within 5 seconds and with an empty body: 200 if the signature is right, 401 if
not. Before it sends anything it tries the address with requests without events, some of them wrongly signed
("intent to receive"); `read_events` gives none for those.

Belongs here: Xero's event fields. Does not belong here: who sent them (`signature`), keeping them
(`integration_pipeline.inbox`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from integration_pipeline.crm.webhook_bodies import first_fault, key_of
from integration_pipeline.crm.webhooks import WebhookEvent
from integration_pipeline.transport.json_types import JsonObject, JsonValue, parse_json

SOURCE: Final = "xero"
MAX_EVENTS: Final = 10_000
"""More than this in one request is not Xero."""

_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.-]+$")]
_Moment = Annotated[str, Field(max_length=40)]


class MalformedWebhook(ValueError):  # noqa: N818 - reads as the statement it makes
    """A body that Xero's document does not describe. The message holds none of its values."""


class XeroEvent(BaseModel):
    """The fields that are of use here; all others may be anything."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True
    )

    resource_id: _Name
    event_date_utc: _Moment
    event_type: _Name
    event_category: _Name
    tenant_id: _Name


def read_events(body: bytes) -> tuple[WebhookEvent, ...]:
    """The events of one request; none for one that only tries the address. Raises `MalformedWebhook`.

    `external_ids` is the tenant, `kind` is `INVOICE.UPDATE` and its like.
    """
    try:
        document = parse_json(body, unique_names=True)
    except ValueError as error:
        raise MalformedWebhook(f"the body is no JSON to rely on: {error}") from None
    events = document.get("events") if isinstance(document, Mapping) else None
    if not isinstance(events, list) or len(events) > MAX_EVENTS:
        raise MalformedWebhook(f"the body must be an object with a list of at most {MAX_EVENTS} events")
    return tuple(_read(index, each) for index, each in enumerate(events))


def _read(index: int, document: JsonValue) -> WebhookEvent:
    where = f"events[{index}]"
    if not isinstance(document, Mapping):
        raise MalformedWebhook(f"{where} must be an object")
    try:
        event = XeroEvent.model_validate(document)
    except ValidationError as error:
        raise MalformedWebhook(f"{where}.{first_fault(error)}") from None
    body: JsonObject = event.model_dump(by_alias=True)
    return WebhookEvent(
        source=SOURCE,
        # An event has no id, and a second delivery tells the same.
        key=key_of(body),
        kind=f"{event.event_category}.{event.event_type}",
        object_type=None,
        external_ids=(event.tenant_id,),
        occurred_at=_moment(event.event_date_utc, where),
        body=body,
    )


def _moment(text: str, where: str) -> datetime:
    """`2025-12-02T00:44:09.923`, UTC without saying so."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise MalformedWebhook(f"{where}.eventDateUtc must be an ISO 8601 moment") from None
