"""Xero's webhooks: which events there are, how a POST of them looks and is signed, intent to receive.

Events say no more than whose and which record changed. A payment is told as an update of its invoice.
Delivering is `notifications`: again at once, then every 15 minutes; after 24 hours webhooks are switched off,
and what happens meanwhile waits.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import SecretStr
from starlette.routing import Route

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.exact_json import dump
from integration_pipeline.sandbox.notifications.events import Attempt, JsonObject, Post
from integration_pipeline.sandbox.notifications.service import Notifications
from integration_pipeline.sandbox.storage import SqliteFile
from integration_pipeline.sandbox.xero.dates import webhook_moment
from integration_pipeline.sandbox.xero.kinds import CONTACTS, CREDIT_NOTES, INVOICES, Kind

SCHEMA = """
CREATE TABLE IF NOT EXISTS webhook_sequence (
    id INTEGER PRIMARY KEY,
    event TEXT NOT NULL
);
"""

SIGNATURE = "x-xero-signature"
_CATEGORIES = {INVOICES.plural: "INVOICE", CONTACTS.plural: "CONTACT", CREDIT_NOTES.plural: "CREDITNOTE"}
# The receiver never sees it: it becomes firstEventSequence and lastEventSequence.
_SEQUENCE = "sequence"
_QUARTER_HOUR = 900.0
_RETRIES = (0.0, *(_QUARTER_HOUR,) * 96)
_MOST_EVENTS = 100
_ALPHABET = string.ascii_uppercase


@dataclass(frozen=True, slots=True)
class Change:
    """A record that was created or changed. `element` is what it is now."""

    kind: Kind
    id: str
    element: Mapping[str, Any]
    created: bool
    at_ms: int


class Webhooks:
    """One receiver for all organisations, as an app has."""

    def __init__(self, data_dir: Path, storage: SqliteFile, clock: SandboxClock, key: SecretStr) -> None:
        self._storage = storage
        self._key = key.get_secret_value().encode()
        self._notifications = Notifications(
            data_dir,
            clock,
            self._compose,
            retry_seconds=_RETRIES,
            most_events=_MOST_EVENTS,
            answer=_is_empty,
            disables=True,
            deadline_seconds=5,
        )

    def start(self) -> None:
        self._notifications.start()

    async def stop(self) -> None:
        await self._notifications.stop()

    def reset(self) -> None:
        self._notifications.reset()

    def routes(self) -> list[Route]:
        return self._notifications.routes()

    def announce(self, tenant: str, changes: Sequence[Change]) -> None:
        """Tell of committed changes; of kinds without webhooks nothing is told."""
        if self._notifications.settings.url is None:
            return
        for change in changes:
            category = _CATEGORIES.get(change.kind.plural)
            if category is not None:
                self._notifications.announce(self._event(tenant, category, change), f"{category} {change.id}")

    async def validate(self) -> JsonObject:
        """Intent to receive: empty events, rightly and wrongly signed by turns; how each was answered.

        `{"valid", "answers": [{"signed_right", "status"}]}`: right ones are to be answered 200, others 401.
        """
        body = self._body([], 0, 0)
        answers: list[JsonObject] = []
        for signed_right in (True, False, True, False):
            status = await self._notifications.send(self._post(body, forged=not signed_right))
            answers.append({"signed_right": signed_right, "status": status})
        valid = all(answer["status"] == (200 if answer["signed_right"] else 401) for answer in answers)
        return {"valid": valid, "answers": answers}

    def _event(self, tenant: str, category: str, change: Change) -> JsonObject:
        event: JsonObject = {
            "resourceUrl": f"https://api.xero.com/api.xro/2.0/{change.kind.plural}/{change.id}",
            "resourceId": change.id,
            "tenantId": tenant,
            "tenantType": "ORGANISATION",
            "eventCategory": category,
            "eventType": "CREATE" if change.created else "UPDATE",
            "eventDateUtc": webhook_moment(change.at_ms),
        }
        if change.kind is CREDIT_NOTES:
            event["data"] = {"Type": change.element["Type"], "Status": change.element["Status"]}
        number = self._storage.insert("INSERT INTO webhook_sequence (event) VALUES (?)", (change.id,))
        return {**event, _SEQUENCE: number}

    def _compose(self, events: Sequence[JsonObject], attempt: Attempt) -> Post:
        numbers = [cast("int", event[_SEQUENCE]) for event in events]
        told = [{name: value for name, value in event.items() if name != _SEQUENCE} for event in events]
        return self._post(self._body(told, min(numbers), max(numbers)), forged=attempt.forged)

    def _body(self, events: Sequence[JsonObject], first: int, last: int) -> bytes:
        entropy = "".join(secrets.choice(_ALPHABET) for _ in range(20))
        return dump(
            {
                "events": events,
                "firstEventSequence": first,
                "lastEventSequence": last,
                "entropy": entropy,
            }
        ).encode()

    def _post(self, body: bytes, *, forged: bool) -> Post:
        key = secrets.token_bytes(32) if forged else self._key
        signature = base64.b64encode(hmac.digest(key, body, hashlib.sha256)).decode()
        return Post(body, {"Content-Type": "application/json; charset=utf-8", SIGNATURE: signature})


def _is_empty(body: bytes) -> bool:
    return not body
