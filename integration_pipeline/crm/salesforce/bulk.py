"""First loads through Bulk API 2.0: a query job, its CSV page by page.

A job costs a handful of requests for any number of records, which counts in an org whose allowance is daily;
it answers no subqueries, so the links of deals come by jobs of their own.

Belongs here: jobs and their CSV. Does not belong here: when a first load is due (`source`).
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from integration_pipeline.crm.records import Association, CrmRecord, ObjectType
from integration_pipeline.crm.salesforce.answers import contact_link, read_row, sorted_links
from integration_pipeline.crm.salesforce.config import OBJECTS, SalesforceSettings
from integration_pipeline.crm.salesforce.metadata import FieldTypes
from integration_pipeline.crm.salesforce.soql import selected
from integration_pipeline.transport.client import Reply, VendorClient
from integration_pipeline.transport.clock import Clock
from integration_pipeline.transport.failures import Rejected, Transient, clean
from integration_pipeline.transport.shapes import Json

_DONE, _ENDED_BADLY = "JobComplete", frozenset({"Failed", "Aborted"})
_SHORTEST_WAIT, _LONGEST_WAIT = 0.25, 10.0
_LOCATOR = re.compile(r"[0-9A-Za-z_=+/-]{1,200}", re.ASCII)

Row = Mapping[str, str]


class Bulk:
    """Query jobs of one org. Raises the transport's failures; a job that fails is `Rejected`."""

    def __init__(
        self, client: VendorClient, settings: SalesforceSettings, types: FieldTypes, clock: Clock
    ) -> None:
        self._client = client
        self._settings = settings
        self._types = types
        self._clock = clock

    def load(self, kind: ObjectType, properties: Sequence[str]) -> Iterator[list[CrmRecord]]:
        """All records of a kind that are not deleted, complete, in Salesforce's own order."""
        entity = OBJECTS[kind]
        types = {name: self._types.of(entity, name) for name in properties}
        links = self._links_of_deals() if kind is ObjectType.DEAL else {}
        for rows, where in self._rows(selected(kind, properties, children=False), f"{kind}.bulk"):
            records = [read_row(_as_asked(row, properties), kind, properties, types, where) for row in rows]
            yield [_with(record, links.get(record.external_id, {})) for record in records]

    def _links_of_deals(self) -> dict[str, dict[ObjectType, list[Association]]]:
        found: dict[str, dict[ObjectType, list[Association]]] = defaultdict(dict)
        items = "SELECT Id, OpportunityId FROM OpportunityLineItem"
        for rows, _ in self._rows(items, "deal.bulk.line_items"):
            for row in rows:
                links = found[row["OpportunityId"]].setdefault(ObjectType.LINE_ITEM, [])
                links.append(Association(row["Id"]))
        roles = "SELECT OpportunityId, ContactId, Role, IsPrimary FROM OpportunityContactRole"
        for rows, _ in self._rows(roles, "deal.bulk.contacts"):
            for row in rows:
                links = found[row["OpportunityId"]].setdefault(ObjectType.CONTACT, [])
                primary = row["IsPrimary"] == "true"
                links.append(contact_link(row["ContactId"], row["Role"] or None, is_primary=primary))
        return found

    def _rows(self, soql: str, operation: str) -> Iterator[tuple[list[Row], Json]]:
        """The rows of a query, and where to say they came from."""
        path = self._run(soql, operation)
        locator: str | None = None
        seen: set[str] = set()
        while True:
            params = {"maxRecords": str(self._settings.bulk_page)}
            reply = self._client.read(
                "GET",
                f"{path}/results",
                operation=operation,
                params=params if locator is None else {**params, "locator": locator},
                headers={"Accept": "text/csv"},
            )
            where = Json(None, reply.attempted, "the CSV")
            yield _parsed(reply, where), where
            locator = reply.headers.get("sforce-locator", "null")
            if locator == "null":
                return
            if locator in seen or not _LOCATOR.fullmatch(locator):
                raise Json(locator, reply.attempted, "Sforce-Locator").wrong("a locator not given before")
            seen.add(locator)

    def _run(self, soql: str, operation: str) -> str:
        """Make a job, wait for its end; the path of its resource."""
        root = f"{self._settings.root}/jobs/query"
        # A job that nobody fetches does no harm, so a lost answer is worth another job.
        made = self._client.write(
            "POST",
            root,
            operation=operation,
            json={"operation": "query", "query": soql, "columnDelimiter": "COMMA", "lineEnding": "LF"},
            idempotent=True,
        )
        identifier = made.json().field("id")
        if not re.fullmatch(r"[0-9A-Za-z]{15,18}", identifier.text(), re.ASCII):
            raise identifier.wrong("the id of a job")
        path = f"{root}/{identifier.text()}"
        until = self._clock.now() + self._settings.bulk_minutes * 60
        wait = _SHORTEST_WAIT
        while True:
            job = self._client.read("GET", path, operation=operation).json()
            state = job.field("state").text()
            if state == _DONE:
                return path
            if state in _ENDED_BADLY:
                raise _ended(job, state)
            if self._clock.now() + wait > until:
                raise Transient(
                    job.attempted,
                    f"is still in state {state} after {self._settings.bulk_minutes} minutes",
                    "Look at the bulk jobs in Salesforce's setup; then run again.",
                )
            self._clock.sleep(wait)
            wait = min(wait * 1.5, _LONGEST_WAIT)


def _parsed(reply: Reply, where: Json) -> list[Row]:
    reader = csv.reader(io.StringIO(reply.text, newline=""), strict=True)
    try:
        header = next(reader, list[str]())
        rows: list[Row] = []
        for line in reader:
            if len(line) != len(header):
                raise Json(len(line), where.attempted, f"row {len(rows) + 1} of the CSV").wrong(
                    f"{len(header)} columns"
                )
            rows.append(dict(zip(header, line, strict=True)))
    except csv.Error as error:
        raise Json(str(error), where.attempted, where.at).wrong("CSV") from None
    told = reply.headers.get("sforce-numberofrecords", str(len(rows)))
    if told != str(len(rows)):
        raise Json(told, where.attempted, "Sforce-NumberOfRecords").wrong(f"the {len(rows)} rows of the CSV")
    return rows


def _as_asked(row: Row, properties: Sequence[str]) -> Row:
    """A row whose columns are named as the mapping names them, in whatever case."""
    spelled = {name.lower(): name for name in properties}
    return {**row, **{spelled.get(name.lower(), name): value for name, value in row.items()}}


def _with(record: CrmRecord, links: Mapping[ObjectType, Sequence[Association]]) -> CrmRecord:
    if not links:
        return record
    more = {target: sorted_links(found) for target, found in links.items()}
    return replace(record, associations={**record.associations, **more})


def _ended(job: Json, state: str) -> Rejected:
    said = job.optional("errorMessage")
    return Rejected(
        job.attempted,
        f"ended the job in state {state}",
        "Correct the query (its fields are those the mapping names), or read without the bulk API.",
        vendor_message=clean(said.text()) if said else "",
    )
