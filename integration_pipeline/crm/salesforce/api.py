"""Typed Salesforce calls: queries with all their pages, several queries in one call, describe, writes.

Belongs here: requests, answers, Salesforce's sizes. Does not belong here: which records to read when
(`source`), the bulk API (`bulk`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from integration_pipeline.crm.salesforce.answers import read_field
from integration_pipeline.crm.salesforce.config import (
    CLIENT,
    QUERIES_IN_A_CALL,
    RECORDS_IN_A_WRITE,
    SalesforceSettings,
)
from integration_pipeline.crm.salesforce.errors import SALESFORCE_FAILURES
from integration_pipeline.crm.salesforce.metadata import FieldDefinition
from integration_pipeline.transport.client import Reply, VendorClient
from integration_pipeline.transport.failures import ErrorReply
from integration_pipeline.transport.json_types import JsonObject, JsonValue, dump_json
from integration_pipeline.transport.shapes import Json

# Longer addresses are answered 414 or 431, from about 16,000 characters on.
_LONGEST_QUERY = 12_000
_CHILDREN = ("OpportunityLineItems", "OpportunityContactRoles")
_SIGNED = {"Sforce-Call-Options": f"client={CLIENT}"}


@dataclass(frozen=True, slots=True)
class Page:
    """Records of one answer with all of their children, and where the next page is; None at the end.

    `served_at` is Salesforce's clock.
    """

    records: list[Json]
    following: str | None
    answer: Json
    served_at: datetime | None


class SalesforceApi:
    """The calls this pipeline makes. Whatever goes wrong at Salesforce is one of the transport's
    `VendorFailure`s.
    """

    def __init__(self, client: VendorClient, settings: SalesforceSettings) -> None:
        self._client = client
        self._root = settings.root
        self._batch = {"Sforce-Query-Options": f"batchSize={settings.page_size}"}
        self._cursor = re.compile(rf"{re.escape(settings.root)}/query(?:All)?/[0-9A-Za-z]+-\d+", re.ASCII)

    def pages(self, soql: str, *, operation: str, deleted: bool = False) -> Iterator[Page]:
        """The answer to a query, page by page; `deleted` also gives what is in the recycle bin."""
        seen: set[str] = set()
        page = self._first(soql, operation, deleted=deleted)
        while True:
            yield page
            if page.following is None:
                return
            if page.following in seen:
                raise page.answer.field("nextRecordsUrl").wrong("a cursor not given before")
            seen.add(page.following)
            page = self._page(self._get(page.following, operation), operation)

    def records(self, soql: str, *, operation: str, deleted: bool = False) -> list[Json]:
        """All records of a query."""
        pages = self.pages(soql, operation=operation, deleted=deleted)
        return [record for page in pages for record in page.records]

    def count(self, entity: str) -> int:
        """How many records of an object there are, deleted ones aside."""
        reply = self._get(f"{self._root}/query", f"{entity}.count", {"q": f"SELECT COUNT() FROM {entity}"})  # noqa: S608 - a name of ours
        return reply.json().field("totalSize").integer()

    def together(self, queries: Sequence[str], *, operation: str) -> list[list[Json]]:
        """The records of up to five queries, deleted ones included, in one call (and one for each page that
        has to follow). Raises the first refusal of any of them.
        """
        if not 0 < len(queries) <= QUERIES_IN_A_CALL:
            raise ValueError(f"a composite call takes 1 to {QUERIES_IN_A_CALL} queries, got {len(queries)}")
        answers = self._composite(queries, operation, deleted=True)
        found: list[list[Json]] = []
        for answer in answers:
            page = self._read_page(answer, operation, None)
            records = page.records
            while page.following is not None:
                page = self._page(self._get(page.following, operation), operation)
                records += page.records
            found.append(records)
        return found

    def fields(self, entity: str) -> list[FieldDefinition]:
        """`describe`: the fields of an object that this user may read."""
        reply = self._get(f"{self._root}/sobjects/{entity}/describe", f"{entity}.describe")
        return [read_field(each) for each in reply.json().field("fields").items()]

    def deleted(self, entity: str, start: datetime, end: datetime) -> list[tuple[str, datetime]]:
        """Ids and times of deletion, of the last 15 days at most; also of what left the recycle bin."""
        params = {"start": start.isoformat(timespec="seconds"), "end": end.isoformat(timespec="seconds")}
        answer = self._get(f"{self._root}/sobjects/{entity}/deleted", f"{entity}.deleted", params).json()
        return [
            (each.field("id").identifier(), each.field("deletedDate").timestamp())
            for each in answer.field("deletedRecords").items()
        ]

    def update(self, records: Sequence[JsonObject], *, operation: str) -> list[Json]:
        """Change up to 200 records, each on its own; the results in their order.

        Setting fields once more to the same values does no harm, so what is uncertain is repeated.
        """
        if not 0 < len(records) <= RECORDS_IN_A_WRITE:
            raise ValueError(f"1 to {RECORDS_IN_A_WRITE} records can be written at once, got {len(records)}")
        reply = self._client.write(
            "PATCH",
            f"{self._root}/composite/sobjects",
            operation=operation,
            json={"allOrNone": False, "records": list(records)},
            headers=_SIGNED,
            idempotent=True,
        )
        answer = reply.json()
        results = answer.items()
        if len(results) != len(records):
            raise answer.wrong(f"{len(records)} results")
        return results

    def _first(self, soql: str, operation: str, *, deleted: bool) -> Page:
        if len(quote(soql)) <= _LONGEST_QUERY:
            resource = "queryAll" if deleted else "query"
            return self._page(self._get(f"{self._root}/{resource}", operation, {"q": soql}), operation)
        [answer] = self._composite([soql], operation, deleted=deleted)
        return self._read_page(answer, operation, None)

    def _composite(self, queries: Sequence[str], operation: str, *, deleted: bool) -> list[Json]:
        path = f"{self._root}/composite"
        resource = "queryAll" if deleted else "query"
        requests: list[JsonValue] = [
            {
                "method": "GET",
                "url": f"{self._root}/{resource}?q={quote(soql, safe='')}",
                "referenceId": f"query{place}",
                "httpHeaders": dict(self._batch),
            }
            for place, soql in enumerate(queries)
        ]
        reply = self._client.read(
            "POST",
            path,
            operation=operation,
            json={"allOrNone": False, "compositeRequest": requests},
            headers=_SIGNED,
        )
        listed = reply.json().field("compositeResponse")
        by_name = {each.field("referenceId").text(): each for each in listed.items()}
        answers: list[Json] = []
        for place in range(len(queries)):
            answer = by_name.get(f"query{place}")
            if answer is None:
                raise listed.wrong(f"an answer to query{place}")
            _require_success(answer)
            answers.append(answer.field("body"))
        return answers

    def _get(self, path: str, operation: str, params: dict[str, str] | None = None) -> Reply:
        headers = {**_SIGNED, **self._batch}
        return self._client.read("GET", path, operation=operation, params=params, headers=headers)

    def _page(self, reply: Reply, operation: str) -> Page:
        return self._read_page(reply.json(), operation, reply.served_at)

    def _read_page(self, answer: Json, operation: str, served_at: datetime | None) -> Page:
        records = [self._whole(each, operation) for each in answer.field("records").items()]
        return Page(records, self._following(answer), answer, served_at)

    def _following(self, answer: Json) -> str | None:
        if answer.field("done").flag():
            return None
        following = answer.field("nextRecordsUrl")
        if not self._cursor.fullmatch(following.text()):
            raise following.wrong("the address of a cursor")
        return following.text()

    def _whole(self, record: Json, operation: str) -> Json:
        """A record with all of its children: those of many come in pages, too."""
        more: dict[str, JsonValue] = {}
        for name in _CHILDREN:
            children = record.optional(name)
            if children is None or children.field("done").flag():
                continue
            gathered = [each.value for each in children.field("records").items()]
            page = children
            while (following := self._following(page)) is not None:
                page = self._get(following, operation).json()
                gathered += [each.value for each in page.field("records").items()]
            more[name] = {"records": gathered}
        return Json({**record.object(), **more}, record.attempted, record.at) if more else record


def _require_success(answer: Json) -> None:
    """Raise the failure of one call within a composite one, as if it had been made by itself."""
    status = answer.field("httpStatusCode").integer()
    if 200 <= status < 300:
        return
    body = answer.field("body").value
    reply = ErrorReply(status, {}, body, dump_json(body).decode()[:2_000])
    raise SALESFORCE_FAILURES.of_reply(answer.attempted, reply)
