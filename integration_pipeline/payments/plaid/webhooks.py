"""What Plaid announces, read into events that name the item concerned.

Plaid's bodies have no id and no time, and two announcements of one item read alike. So an event is known by
its body and the moment it was signed: sent again, it may count as a new one, which costs one more sync and no
more.

Belongs here: Plaid's webhook fields. Does not belong here: who sent them (`signature`), keeping them
(`integration_pipeline.inbox`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integration_pipeline.crm.webhook_bodies import first_fault
from integration_pipeline.crm.webhooks import WebhookEvent
from integration_pipeline.transport.json_types import parse_json

SOURCE: Final = "plaid"

_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.-]+$")]


class MalformedWebhook(ValueError):  # noqa: N818 - reads as the statement it makes
    """A body that is no webhook of Plaid's. The message holds none of its values."""


class PlaidWebhook(BaseModel):
    """The fields that are of use here; all others may be anything."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    webhook_type: _Name
    webhook_code: _Name
    item_id: _Name | None = None


def read_events(body: bytes, issued_at: datetime) -> tuple[WebhookEvent, ...]:
    """The one event of a request that was signed at `issued_at`. Raises `MalformedWebhook`.

    `external_ids` is the item; `kind` is `TRANSACTIONS.SYNC_UPDATES_AVAILABLE` and its like.
    """
    try:
        document = parse_json(body, unique_names=True)
    except ValueError as error:
        raise MalformedWebhook(f"the body is no JSON to rely on: {error}") from None
    if not isinstance(document, Mapping):
        raise MalformedWebhook("the body must be an object")
    try:
        webhook = PlaidWebhook.model_validate(document)
    except ValidationError as error:
        raise MalformedWebhook(f"webhook.{first_fault(error)}") from None
    signed = issued_at.isoformat().encode() + b"\0" + body
    return (
        WebhookEvent(
            source=SOURCE,
            key=hashlib.sha256(signed).hexdigest(),
            kind=f"{webhook.webhook_type}.{webhook.webhook_code}",
            object_type=None,
            external_ids=(webhook.item_id,) if webhook.item_id else (),
            occurred_at=issued_at,
            body=document,
        ),
    )
