"""What Salesforce announces, read into events that name the records concerned.

Two ways lead here: outbound messages (SOAP, sent by a flow of the org) and change events (the JSON of Change
Data Capture, passed on by a relay). Either is only a hint that records changed.

Belongs here: their shapes and fields. Does not belong here: who sent change events (`signature`), keeping
events (`integration_pipeline.inbox`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree as SafeXml
from defusedxml.common import DefusedXmlException
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.salesforce.config import CLIENT, KINDS, SOURCE
from integration_pipeline.crm.salesforce.signature import Forged
from integration_pipeline.crm.salesforce.soql import is_id
from integration_pipeline.crm.webhook_bodies import first_fault, key_of
from integration_pipeline.crm.webhooks import EVERY_RECORD, WebhookEvent
from integration_pipeline.transport.json_types import JsonValue, parse_json

MAX_NOTIFICATIONS: Final = 100
MAX_CHANGE_EVENTS: Final = 1_000
ACKNOWLEDGEMENT: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
    b"</notificationsResponse></soapenv:Body></soapenv:Envelope>"
)
"""What ends the delivery of an outbound message, as `text/xml`; anything else has it sent again."""

_SOAP: Final = "{http://schemas.xmlsoap.org/soap/envelope/}"
_OUTBOUND: Final = "{http://soap.sforce.com/2005/09/outbound}"
_SOBJECT: Final = "{urn:sobject.enterprise.soap.sforce.com}"
_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
_CONTACT_ROLE: Final = "OpportunityContactRole"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_FIELDS, _MAX_TEXT = 500, 2_000

_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
_Number = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
_Concerned = tuple[ObjectType | None, tuple[str, ...]]
_NOTHING: Final[_Concerned] = (None, ())


class MalformedWebhook(ValueError):  # noqa: N818 - reads as the statement it makes
    """A body that Salesforce's documentation does not describe. The message holds none of its values."""


class ChangeEventHeader(BaseModel):
    """The header of a change event; fields of no use here are left out, and may be anything."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True
    )

    entity_name: _Name
    record_ids: Annotated[list[Annotated[str, Field(max_length=18)]], Field(max_length=100_000)]
    change_type: _Name
    change_origin: Annotated[str, Field(max_length=500)] = ""
    transaction_key: Annotated[str, Field(max_length=200)]
    sequence_number: _Number
    # Milliseconds since 1970, up to the year 9999.
    commit_timestamp: Annotated[int, Field(ge=0, le=253_402_300_799_999)]
    commit_number: _Number
    changed_fields: Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=2_000)] = []


def read_outbound(
    body: bytes, *, organization: str, received_at: datetime | None = None
) -> tuple[tuple[WebhookEvent, ...], bytes]:
    """The events of one outbound message, and the acknowledgement to answer once they are kept.

    `organization` is the org's id: a message of another one is `Forged`. Raises `MalformedWebhook` for what
    is not as documented. A message tells no time of its own but the `SystemModstamp` among its fields; else
    its events are of `received_at` (now).
    """
    message = _message(body)
    named = (message.findtext(f"{_OUTBOUND}OrganizationId") or "").strip()
    if named[:15] != organization[:15] or not is_id(named):
        raise Forged("the message is not from the organization this gateway is set up for")
    notifications = message.findall(f"{_OUTBOUND}Notification")
    if not 1 <= len(notifications) <= MAX_NOTIFICATIONS:
        raise MalformedWebhook(f"the message must have 1 to {MAX_NOTIFICATIONS} notifications")
    now = received_at or datetime.now(UTC)
    events = tuple(_notified(place, each, now) for place, each in enumerate(notifications))
    return events, ACKNOWLEDGEMENT


def read_change_events(
    body: bytes, *, client: str = CLIENT, own_fields: Collection[str] = ()
) -> tuple[WebhookEvent, ...]:
    """The change events of one request, an array or a single one. Raises `MalformedWebhook`.

    A deal's change that `client` made, in nothing but `own_fields`, is our own. Events of objects that are
    not read here are no fault. A gap names its records as any other event does; an overflow, or a change of
    a whole object, concerns `EVERY_RECORD`.
    """
    try:
        parsed = parse_json(body, unique_names=True)
    except ValueError as error:
        raise MalformedWebhook(f"the body is no JSON to rely on: {error}") from None
    documents = parsed if isinstance(parsed, list) else [parsed]
    if not 1 <= len(documents) <= MAX_CHANGE_EVENTS:
        raise MalformedWebhook(f"the body must hold 1 to {MAX_CHANGE_EVENTS} events")
    return tuple(_changed(place, each, client, own_fields) for place, each in enumerate(documents))


def _message(body: bytes) -> Element:
    try:
        envelope = SafeXml.fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        raise MalformedWebhook("the body is no XML to rely on") from None
    message = envelope.find(f"{_SOAP}Body/{_OUTBOUND}notifications")
    if envelope.tag != f"{_SOAP}Envelope" or message is None:
        raise MalformedWebhook("the body is no SOAP message with notifications")
    return message


def _notified(place: int, notification: Element, now: datetime) -> WebhookEvent:
    where = f"notification [{place}]"
    identifier = (notification.findtext(f"{_OUTBOUND}Id") or "").strip()
    about = notification.find(f"{_OUTBOUND}sObject")
    if not is_id(identifier) or about is None or len(about) > _MAX_FIELDS:
        raise MalformedWebhook(f"{where} has no Id, or no sObject of at most {_MAX_FIELDS} fields")
    # The prefix before the colon is the message's own choice.
    entity = about.get(_TYPE, "").rpartition(":")[2]
    fields = {
        each.tag.removeprefix(_SOBJECT): (each.text or "").strip()[:_MAX_TEXT]
        for each in about
        if each.tag.startswith(_SOBJECT)
    }
    if not is_id(fields.get("Id", "")) or not entity.isidentifier():
        raise MalformedWebhook(f"{where}.sObject has no type, or no Id")
    object_type, external_ids = _concerned(entity, [fields["Id"]], fields.get("OpportunityId"))
    return WebhookEvent(
        source=SOURCE,
        key=f"outbound {identifier[:15]}",
        kind=f"{entity}.outboundMessage"[:200],
        object_type=object_type,
        external_ids=external_ids,
        occurred_at=_stamped(fields.get("SystemModstamp", "")) or now,
        body={"notification": identifier, "type": entity, "fields": fields},
    )


def _changed(place: int, document: JsonValue, client: str, own_fields: Collection[str]) -> WebhookEvent:
    where = f"event [{place}]"
    payload = document.get("payload") if isinstance(document, Mapping) else None
    told = payload.get("ChangeEventHeader") if isinstance(payload, Mapping) else None
    if not isinstance(document, Mapping) or not isinstance(payload, Mapping) or not isinstance(told, Mapping):
        raise MalformedWebhook(f"{where} must be an object with payload.ChangeEventHeader")
    try:
        header = ChangeEventHeader.model_validate(told)
    except ValidationError as error:
        raise MalformedWebhook(f"{where}.payload.ChangeEventHeader.{first_fault(error)}") from None
    deal = payload.get("OpportunityId")
    object_type, external_ids = _concerned(
        header.entity_name, header.record_ids, deal if isinstance(deal, str) else None
    )
    return WebhookEvent(
        source=SOURCE,
        key=_event_key(header),
        kind=f"{header.entity_name}.{header.change_type}",
        object_type=object_type,
        external_ids=external_ids,
        occurred_at=_EPOCH + timedelta(milliseconds=header.commit_timestamp),
        body=document,
        is_own=_is_own(header, client, own_fields),
    )


def _concerned(entity: str, ids: Collection[str], deal: str | None) -> _Concerned:
    """The type of the records concerned, and their ids.

    A contact role concerns the deal it belongs to, which only an event of its creation names: otherwise the
    deals have to be looked through for what changed.
    """
    if entity == _CONTACT_ROLE:
        return ObjectType.DEAL, (deal if deal is not None and is_id(deal) else EVERY_RECORD,)
    kind = KINDS.get(entity)
    if kind is None:
        return _NOTHING
    # A change of a whole object is `001*`, an overflow has an id of zeros, or none.
    if not ids or any(not is_id(each) or not each.strip("0").removesuffix("AAA") for each in ids):
        return kind, (EVERY_RECORD,)
    return kind, tuple(dict.fromkeys(ids))


def _is_own(header: ChangeEventHeader, client: str, own_fields: Collection[str]) -> bool:
    """Whether the change was ours alone: a flow of the org that our write set off works in our name, too."""
    signed = {part.rstrip("/") for part in header.change_origin.split(";")}
    if header.change_type != "UPDATE" or f"client={client}" not in signed:
        return False
    if KINDS.get(header.entity_name) is not ObjectType.DEAL:
        return False
    return {*header.changed_fields} <= {*own_fields, "LastModifiedDate", "LastModifiedById"}


def _event_key(header: ChangeEventHeader) -> str:
    """Of what places a change in the org's history: a relay may send it under another replay id."""
    return key_of(header.model_dump(exclude={"changed_fields", "change_origin"}))


def _stamped(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None
