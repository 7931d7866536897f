"""Typed QuickBooks calls: one method per endpoint, each answer checked.

Belongs here: requests, paging, Intuit's sizes. Does not belong here: what records say (`documents`,
`payments`, `customers`), what answers mean (`answers`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from integration_pipeline.accounting.quickbooks.config import BATCH_BUCKET
from integration_pipeline.accounting.quickbooks.errors import Fault, read_fault
from integration_pipeline.accounting.strangers import writing
from integration_pipeline.transport.client import VendorClient
from integration_pipeline.transport.failures import VendorFailure
from integration_pipeline.transport.json_types import JsonObject
from integration_pipeline.transport.shapes import Json

MOST_CHANGES = 1_000
INACTIVE_TOO = "Active IN (true, false)"
"""The condition without which a query leaves inactive records out."""
# The oldest version Intuit still serves.
_MINOR_VERSION = "75"


class QuickBooksApi:
    """The calls this pipeline makes in one company. Whatever goes wrong is a `VendorFailure`."""

    def __init__(self, client: VendorClient, realm: str, page_size: int) -> None:
        self._page_size = page_size
        self._client = client
        self._root = f"/v3/company/{realm}"

    def create(self, entity: str, body: JsonObject, request_id: str | None) -> Json:
        """A new record as QuickBooks has it. With the same `request_id` (50 characters at most) the first
        answer comes again.
        """
        with writing():
            answer = self._client.write(
                "POST",
                f"{self._root}/{entity.lower()}",
                operation=f"{entity.lower()}.create",
                params=_params(requestid=request_id),
                json=body,
            ).json()
        return answer.field(entity)

    def create_all(
        self, records: Sequence[tuple[str, JsonObject]], request_id: str | None
    ) -> list[Json | Fault | VendorFailure]:
        """Up to 30 new records, by entity; what became of each, in order.

        A `VendorFailure` in the result is an answer nobody can read: the record may be there.
        """
        body: JsonObject = {
            "BatchItemRequest": [
                {"bId": str(place), "operation": "create", entity: record}
                for place, (entity, record) in enumerate(records)
            ]
        }
        with writing():
            answer = self._client.write(
                "POST",
                f"{self._root}/batch",
                operation="batch",
                params=_params(requestid=request_id),
                json=body,
                bucket=BATCH_BUCKET,
            ).json()
        items = {item.field("bId").identifier(): item for item in answer.field("BatchItemResponse").items()}
        return [
            _batch_item(items.get(str(place)), entity, answer) for place, (entity, _) in enumerate(records)
        ]

    def preferences(self) -> Json:
        answer = self._client.read(
            "GET", f"{self._root}/preferences", operation="preferences", params=_params()
        )
        return answer.json().field("Preferences")

    def find(self, entity: str, conditions: str) -> list[Json]:
        """All records under these conditions, of which there are not many, ordered by id."""
        return [record for page in self.pages(entity, conditions) for record in page]

    def pages(self, entity: str, conditions: str) -> Iterator[list[Json]]:
        """All records under these conditions in pages, each once, ordered by id.

        Positions shift when records are deleted meanwhile. So each page begins with the last record of the
        one before; if it does not, that one is read again.
        """
        seen: set[str] = set()
        start, expected = 1, None
        while True:
            records = self._page(entity, conditions, "Id", start)
            ids = [record.field("Id").identifier() for record in records]
            if expected is not None and (not ids or ids[0] != expected) and start > 1:
                start, expected = max(1, start - self._page_size + 1), None
                continue
            if new := [each for each, identifier in zip(records, ids, strict=True) if identifier not in seen]:
                yield new
            seen.update(ids)
            if len(records) < self._page_size:
                return
            start, expected = start + self._page_size - 1, ids[-1]

    def changed(self, entity: str, since: datetime | None, conditions: str = "") -> Iterator[list[Json]]:
        """All records changed at or after `since` in pages, in the order of their changes.

        A record that changes meanwhile moves to the end, and all behind it move up: so each page begins anew
        at the moment the one before ended with.
        """
        seen: set[tuple[str, str]] = set()
        begin, start = since, 1
        while True:
            moment = f"MetaData.LastUpdatedTime >= '{_written(begin)}'" if begin else ""
            where = " AND ".join(filter(None, (conditions, moment)))
            records = self._page(entity, where, "MetaData.LastUpdatedTime", start)
            keys = [_version(record) for record in records]
            if new := [each for each, key in zip(records, keys, strict=True) if key not in seen]:
                yield new
            seen = set(keys) if start == 1 else seen | set(keys)
            if len(records) < self._page_size:
                return
            last = records[-1].field("MetaData").field("LastUpdatedTime").timestamp()
            begin, start = (last, 1) if begin is None or last > begin else (begin, start + self._page_size)

    def captured(self, entities: Sequence[str], since: datetime) -> Mapping[str, list[Json]]:
        """What change data capture has, by entity, deletions included; `since` is at most 30 days ago.

        At most 1,000 records: with as many there may be more.
        """
        answer = self._client.read(
            "GET",
            f"{self._root}/cdc",
            operation="cdc",
            params=_params(entities=",".join(entities), changedSince=_written(since)),
        ).json()
        found: dict[str, list[Json]] = {entity: [] for entity in entities}
        for response in answer.field("CDCResponse").items():
            for part in response.field("QueryResponse").items():
                for entity in entities:
                    records = part.optional(entity)
                    found[entity] += records.items() if records else []
        return found

    def _page(self, entity: str, conditions: str, order: str, start: int) -> list[Json]:
        where = f" WHERE {conditions}" if conditions else ""
        page = f"ORDERBY {order} STARTPOSITION {start} MAXRESULTS {self._page_size}"
        query = f"SELECT * FROM {entity}{where} {page}"  # noqa: S608 - values are `quoted`
        answer = self._client.read(
            "GET", f"{self._root}/query", operation=f"{entity.lower()}.query", params=_params(query=query)
        ).json()
        records = answer.field("QueryResponse").optional(entity)
        return records.items() if records else []


def quoted(text: str) -> str:
    """A text in the query language."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def any_of(field: str, values: Sequence[str]) -> str:
    """The condition that a field has one of these values."""
    return f"{field} IN ({', '.join(map(quoted, values))})"


def _params(**given: str | None) -> dict[str, str]:
    return {
        "minorversion": _MINOR_VERSION,
        **{name: value for name, value in given.items() if value is not None},
    }


def _batch_item(item: Json | None, entity: str, answer: Json) -> Json | Fault | VendorFailure:
    if item is None:
        return answer.wrong("an item for each that was sent")
    try:
        found = item.optional(entity)
        if found is not None:
            return found
        return read_fault(item.field("Fault").value) or item.wrong(f"{entity} or a Fault")
    except VendorFailure as unreadable:
        return unreadable


def _version(record: Json) -> tuple[str, str]:
    return record.field("Id").identifier(), record.field("SyncToken").identifier()


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
