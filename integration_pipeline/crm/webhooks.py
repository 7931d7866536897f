"""The shape in which every vendor's announcements of changes are handed over.

Belongs here: what an event says, whoever sent it. Does not belong here: signatures and vendor fields (each
connector's own), what is done about an event (`integration_pipeline.inbox`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.transport.json_types import JsonValue

EVERY_RECORD = "*"
"""The id in an event that any record of its type may have changed: the CRM lost count."""


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """One announced change. What the records are now is asked of the CRM: an event may be old, or come twice.

    `key` is the same for every delivery of one event and for no other of its `source`; `kind` is the vendor's
    word. `external_ids` are the records of `object_type` concerned: none, and no type, if it is of no use to
    us. Of a vendor whose events only say that an account has something new (`inbox.receiving.NUDGING`) they
    are the account, without a type. `body` is the event as received. `is_own`: we made the change ourselves,
    in fields that are only written, so nothing follows from it.
    """

    source: str
    key: str
    kind: str
    object_type: ObjectType | None
    external_ids: tuple[str, ...]
    occurred_at: datetime
    body: Mapping[str, JsonValue]
    is_own: bool = False
