"""Change events in the JSON of Change Data Capture, sent by a relay that signs what it sends.

Salesforce itself hands these events to subscribers of its Pub/Sub API; the relay stands for the one who
subscribes and passes them on.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from enum import StrEnum

from integration_pipeline.sandbox.notifications.events import Attempt, JsonObject, Post
from integration_pipeline.sandbox.salesforce.records.changes import Action, Change
from integration_pipeline.sandbox.salesforce.records.values import shown
from integration_pipeline.sandbox.salesforce.rendering import Value, as_json
from integration_pipeline.sandbox.salesforce.schema.catalogue import Catalogue
from integration_pipeline.sandbox.salesforce.schema.fields import FieldType

MOST_EVENTS = 100
RETRY_SECONDS = (1, 2, 5, 10, 30, 60, 300, 900, 3_600)
SIGNATURE_HEADER, TIMESTAMP_HEADER = "X-Relay-Signature", "X-Relay-Timestamp"
OVERFLOW_ID = "000000000000000AAA"
_ORIGIN = "com/salesforce/api/rest/67.0"


class Mode(StrEnum):
    """How changes are told from now on: in full, as gaps without fields, or as one overflow an object."""

    FULL = "full"
    GAPS = "gaps"
    OVERFLOW = "overflow"


class ChangeEvents:
    """Makes events of changes, and posts signed with `secret`. `client` is who makes the changes."""

    def __init__(self, catalogue: Catalogue, secret: str) -> None:
        self._catalogue = catalogue
        self._secret = secret.encode()
        self.mode = Mode.FULL
        self.client = ""
        self._replayed = 0

    def events(self, changes: Sequence[Change], user: str, now_ms: int) -> Iterator[JsonObject]:
        """The events of one transaction; like changes of several records are one event."""
        transaction = str(uuid.uuid4())
        for sequence, (change, ids) in enumerate(self._merged(changes), start=1):
            self._replayed += 1
            yield self._event(change, ids, transaction, sequence, user, now_ms)

    def gap(self, entity: str, kind: str, ids: Sequence[str], user: str, now_ms: int) -> JsonObject:
        """A gap event, or any other that carries nothing but its header."""
        self._replayed += 1
        header = self._header(entity, kind, ids, str(uuid.uuid4()), 1, user, now_ms)
        return self._enveloped(entity, header, {})

    def compose(self, events: Sequence[JsonObject], attempt: Attempt) -> Post:
        """An array of events; the signature is over the timestamp, a dot and the body."""
        body = json.dumps(list(events), separators=(",", ":"), ensure_ascii=False).encode()
        # The relay is not Salesforce's: it lives in the time of its receiver, however fast the org's passes.
        stamp = str(time.time_ns() // 1_000_000)
        secret = b"nobody's secret" if attempt.forged else self._secret
        signature = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return Post(
            body,
            {"Content-Type": "application/json", TIMESTAMP_HEADER: stamp, SIGNATURE_HEADER: signature},
        )

    def _merged(self, changes: Sequence[Change]) -> Iterator[tuple[Change, list[str]]]:
        """Changes of one kind in the same fields to the same values, each with its records."""
        groups: dict[str, tuple[Change, list[str]]] = {}
        for change in changes:
            held = {name: change.record.body.get(name) for name in change.fields}
            key = json.dumps([change.record.type, change.action, held], sort_keys=True)
            if change.action in (Action.CREATE, Action.DELETE, Action.UNDELETE) and self.mode is Mode.FULL:
                key = change.record.id + key
            if self.mode is Mode.OVERFLOW:
                key = change.record.type
            known = groups.setdefault(key, (change, []))
            if change.record.id not in known[1]:
                known[1].append(change.record.id)
        yield from groups.values()

    def _event(
        self, change: Change, ids: Sequence[str], transaction: str, sequence: int, user: str, now_ms: int
    ) -> JsonObject:
        entity = change.record.type
        if self.mode is Mode.OVERFLOW:
            header = self._header(entity, "GAP_OVERFLOW", [OVERFLOW_ID], transaction, sequence, user, now_ms)
            return self._enveloped(entity, header, {})
        if self.mode is Mode.GAPS:
            kind = f"GAP_{change.action.value}"
            header = self._header(entity, kind, ids, transaction, sequence, user, now_ms)
            return self._enveloped(entity, header, {})
        header = self._header(entity, change.action.value, ids, transaction, sequence, user, now_ms)
        fields = self._catalogue.named(entity).fields
        said: dict[str, Value] = {}
        for name in change.fields:
            value = shown(fields[name], change.record)
            if fields[name].type is FieldType.DATETIME and value is not None:
                value = change.record.modified_ms
            said[name] = value
        said["LastModifiedDate"] = change.record.modified_ms
        if change.action is Action.UPDATE:
            header["changedFields"] = [*change.fields, "LastModifiedDate"]
            header["nulledFields"] = [name for name in change.fields if said[name] is None]
        return self._enveloped(entity, header, said)

    def _header(
        self,
        entity: str,
        kind: str,
        ids: Sequence[str],
        transaction: str,
        sequence: int,
        user: str,
        now_ms: int,
    ) -> JsonObject:
        return {
            "entityName": entity,
            "recordIds": list(ids),
            "changeType": kind,
            "changeOrigin": "" if kind.startswith("GAP_") else self._origin(),
            "transactionKey": transaction,
            "sequenceNumber": sequence,
            "commitTimestamp": now_ms,
            "commitNumber": 11_657_372_702_432 + self._replayed,
            "commitUser": user,
            "nulledFields": [],
            "diffFields": [],
            "changedFields": [],
        }

    def _origin(self) -> str:
        return f"{_ORIGIN};client={self.client}" if self.client else _ORIGIN

    def _enveloped(self, entity: str, header: JsonObject, said: dict[str, Value]) -> JsonObject:
        name = entity.removesuffix("__c") + ("__ChangeEvent" if entity.endswith("__c") else "ChangeEvent")
        # Numbers are numbers, to the last digit, also after the outbox.
        plain: dict[str, object] = json.loads(as_json(said))
        return {
            "schema": uuid.uuid5(uuid.NAMESPACE_URL, name).hex,
            "payload": {"ChangeEventHeader": header, **plain},
            "event": {"replayId": self._replayed, "EventApiName": name},
        }
