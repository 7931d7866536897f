"""What Stripe announces, read into events, and which object each is about.

An event carries an object as it was, in the version of the account: only its id is used, and what the object
is now is read (`source`).

Belongs here: Stripe's event types and fields. Does not belong here: who sent them (`signature`), keeping them
(`integration_pipeline.inbox`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integration_pipeline.crm.webhook_bodies import first_fault
from integration_pipeline.crm.webhooks import WebhookEvent
from integration_pipeline.transport.json_types import parse_json
from integration_pipeline.transport.shapes import Json

SOURCE: Final = "stripe"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_Kind = Literal["charge", "payment_intent", "refund", "refunds of charge", "dispute", "payout"]

_KINDS: Final[Mapping[str, _Kind]] = {
    "charge.succeeded": "charge",
    "charge.captured": "charge",
    # Its balance transaction may come after it succeeded, and this event then tells of it.
    "charge.updated": "charge",
    "charge.refunded": "refunds of charge",
    "refund.created": "refund",
    "refund.updated": "refund",
    "refund.failed": "refund",
    "charge.refund.updated": "refund",
    "charge.dispute.created": "dispute",
    "charge.dispute.funds_withdrawn": "dispute",
    "charge.dispute.funds_reinstated": "dispute",
    "charge.dispute.closed": "dispute",
    "payout.paid": "payout",
    "payout.failed": "payout",
    "payout.reconciliation_completed": "payout",
    # A payment may be attached to an invoice after it was made.
    "invoice_payment.paid": "payment_intent",
}
EVENT_TYPES: Final = tuple(_KINDS)
"""What to subscribe a webhook endpoint to, and what catching up asks for (Stripe takes 20 at most)."""

_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.-]+$")]


class MalformedWebhook(ValueError):  # noqa: N818 - reads as the statement it makes
    """A body that is no event of Stripe's. The message holds none of its values."""


class StripeEvent(BaseModel):
    """The fields of an event that are of use here; all others may be anything."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    id: Annotated[_Name, Field(pattern=r"^evt_")]
    object: Literal["event"]
    type: _Name
    # Seconds since 1970, up to the year 9999.
    created: Annotated[int, Field(ge=0, le=253_402_300_799)]
    account: _Name | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be read again because of an event."""

    kind: _Kind
    id: str


def read_events(body: bytes) -> tuple[WebhookEvent, ...]:
    """The one event of a request. Raises `MalformedWebhook`.

    An event of a connected account names that account; of types without use here nothing is read later.
    """
    try:
        document = parse_json(body, unique_names=True)
    except ValueError as error:
        raise MalformedWebhook(f"the body is no JSON to rely on: {error}") from None
    if not isinstance(document, Mapping):
        raise MalformedWebhook("the body must be an event")
    try:
        event = StripeEvent.model_validate(document)
    except ValidationError as error:
        raise MalformedWebhook(f"event.{first_fault(error)}") from None
    return (
        WebhookEvent(
            source=SOURCE,
            key=event.id,
            kind=event.type,
            object_type=None,
            external_ids=(event.account,) if event.account else (),
            occurred_at=_EPOCH + timedelta(seconds=event.created),
            body=document,
        ),
    )


def target_of(event: Json) -> Target | None:
    """The object an event is about, None if it is of a type without use here. Raises `Malformed`."""
    kind = _KINDS.get(event.field("type").text())
    if kind is None:
        return None
    subject = event.field("data").field("object")
    if kind == "payment_intent":
        intent = subject.field("payment").optional("payment_intent")
        return Target(kind, intent.identifier()) if intent else None
    return Target(kind, subject.field("id").identifier())
