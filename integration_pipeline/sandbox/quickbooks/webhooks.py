"""Webhooks of an app: ids of what changed at its companies, signed with its verifier token.

Facts: Intuit's documentation of CloudEvents (in force since 2026) and of the form before them; retries as its
blog tells of them. It does not say when retrying ends; here after three days.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

from pydantic import SecretStr

from integration_pipeline.sandbox.notifications.events import Attempt, Compose, JsonObject, Post
from integration_pipeline.sandbox.quickbooks.books import Change

RETRY_SECONDS = (0, 10, 20, 30, 300, 1_200, 7_200, 14_400, *(21_600,) * 11)
MOST_EVENTS = 100
DEADLINE_SECONDS = 3

# What webhooks never tell of.
SILENT = frozenset({"TaxCode", "TaxRate"})

_OPERATIONS = {"Create": "created", "Update": "updated", "Delete": "deleted", "Void": "voided"}
_SOURCE = "intuit.c2FuZGJveC13ZWJob29rLXN1YnNjcmlwdGlvbi1vZi1hbi1hcHA="


def event(realm: str, change: Change) -> JsonObject:
    """What the outbox keeps of a change."""
    return {
        "id": str(uuid4()),
        "realm": realm,
        "entity": change.entity,
        "entity_id": str(change.id),
        "operation": change.operation,
        "at": datetime.fromtimestamp(change.at_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def composer(form: Literal["cloudevents", "legacy"], verifier: SecretStr) -> Compose:
    """How events become a POST."""
    write = _cloud_events if form == "cloudevents" else _notifications

    def compose(events: Sequence[JsonObject], attempt: Attempt) -> Post:
        body = json.dumps(write(events), separators=(",", ":")).encode()
        key = "not the verifier token" if attempt.forged else verifier.get_secret_value()
        signature = base64.b64encode(hmac.digest(key.encode(), body, "sha256")).decode()
        return Post(body, {"Content-Type": "application/json", "intuit-signature": signature})

    return compose


def _cloud_events(events: Sequence[JsonObject]) -> list[JsonObject]:
    return [
        {
            "specversion": "1.0",
            "id": each["id"],
            "source": _SOURCE,
            "type": f"qbo.{str(each['entity']).lower()}.{_OPERATIONS[str(each['operation'])]}.v1",
            "datacontenttype": "application/json",
            "time": each["at"],
            "intuitentityid": each["entity_id"],
            "intuitaccountid": each["realm"],
            "data": {},
        }
        for each in events
    ]


def _notifications(events: Sequence[JsonObject]) -> JsonObject:
    by_realm: dict[str, list[dict[str, Any]]] = {}
    for each in events:
        by_realm.setdefault(str(each["realm"]), []).append(
            {
                "name": each["entity"],
                "id": each["entity_id"],
                "operation": each["operation"],
                "lastUpdated": each["at"],
            }
        )
    return {
        "eventNotifications": [
            {"realmId": realm, "dataChangeEvent": {"entities": entities}}
            for realm, entities in by_realm.items()
        ]
    }
