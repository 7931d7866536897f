"""Typed HubSpot calls: one method per endpoint, each answer checked field by field.

Belongs here: requests, answers, HubSpot's batch sizes. Does not belong here: which records to read when
(`source`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from integration_pipeline.crm.hubspot.answers import (
    Page,
    next_cursor,
    read_links,
    read_owner,
    read_page,
    read_property,
    read_record,
    read_stage,
    refuse_partial,
)
from integration_pipeline.crm.hubspot.config import (
    ASSOCIATION_BATCH,
    BATCH_READ,
    LIST_PAGE,
    OWNER_PAGE,
    SEARCH_BUCKET,
    HubSpotSettings,
    modified_property,
    plural,
)
from integration_pipeline.crm.hubspot.embedded import embedded_links
from integration_pipeline.crm.hubspot.metadata import DealStage, PropertyDefinition
from integration_pipeline.crm.records import Association, CrmRecord, ObjectType
from integration_pipeline.transport.client import VendorClient
from integration_pipeline.transport.failures import NotFound
from integration_pipeline.transport.json_types import JsonObject
from integration_pipeline.transport.paging import follow_cursor
from integration_pipeline.transport.shapes import Json


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """One condition of a search; all conditions of a search must hold. Moments are epoch milliseconds."""

    property: str
    operator: str
    value: str

    def as_json(self) -> JsonObject:
        return {"propertyName": self.property, "operator": self.operator, "value": self.value}


class HubSpotApi:
    """The calls this pipeline makes. Whatever goes wrong at HubSpot is one of the transport's
    `VendorFailure`s.
    """

    def __init__(self, client: VendorClient, settings: HubSpotSettings) -> None:
        self._client = client
        self._settings = settings
        self._paths = settings.paths()

    def list_page(
        self, kind: ObjectType, properties: Sequence[str], after: str | None, *, archived: bool = False
    ) -> Page:
        """Up to 100 records in HubSpot's own order."""
        params = {
            "limit": str(LIST_PAGE),
            "archived": "true" if archived else "false",
            "properties": ",".join(_with_modified(kind, properties)),
            **({"after": after} if after is not None else {}),
        }
        path = self._paths.objects(kind)
        reply = self._client.read("GET", path, operation=f"{kind}.list", params=params)
        return read_page(reply, kind, properties)

    def search(
        self, kind: ObjectType, properties: Sequence[str], filters: Sequence[SearchFilter], *, sort: str
    ) -> Page:
        """The first `search_page_size` records that pass all filters, ascending by `sort`."""
        body: JsonObject = {
            "filterGroups": [{"filters": [each.as_json() for each in filters]}],
            "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
            "properties": _with_modified(kind, properties),
            "limit": self._settings.search_page_size,
        }
        path = self._paths.search(kind)
        operation = f"{kind}.search"
        reply = self._client.read("POST", path, operation=operation, json=body, bucket=SEARCH_BUCKET)
        return read_page(reply, kind, properties)

    def batch_read(
        self, kind: ObjectType, ids: Sequence[str], properties: Sequence[str], *, archived: bool = False
    ) -> list[CrmRecord]:
        """Up to 100 records by id; ids HubSpot does not know are absent from the result."""
        _check_batch(ids, BATCH_READ)
        answer = self._client.read(
            "POST",
            self._paths.batch_read(kind),
            operation=f"{kind}.batch_read",
            params={"archived": "true" if archived else "false"},
            json={
                "inputs": [{"id": each} for each in ids],
                "properties": _with_modified(kind, properties),
                "propertiesWithHistory": [],
            },
        ).json()
        refuse_partial(answer)
        return [read_record(each, kind, properties) for each in answer.field("results").items()]

    def read_one(
        self, kind: ObjectType, identifier: str, properties: Sequence[str], targets: Sequence[ObjectType]
    ) -> tuple[CrmRecord, dict[ObjectType, tuple[Association, ...] | None]] | None:
        """One record and its embedded links by target, None for those that have to be asked for on their
        own (`embedded`). None altogether if HubSpot does not know the id, or has it archived.
        """
        params = {
            "archived": "false",
            "properties": ",".join(_with_modified(kind, properties)),
            "associations": ",".join(plural(target) for target in targets),
        }
        path = self._paths.object(kind, identifier)
        try:
            answer = self._client.read("GET", path, operation=f"{kind}.read", params=params).json()
        except NotFound:
            return None
        return read_record(answer, kind, properties), embedded_links(answer, targets)

    def associations(
        self, source: ObjectType, target: ObjectType, ids: Sequence[str]
    ) -> dict[str, tuple[Association, ...]]:
        """Links of up to 1,000 records to all `target` records; every asked id is a key of the result."""
        _check_batch(ids, ASSOCIATION_BATCH)
        path = self._paths.associations(source, target)
        operation = f"{source}.associations.{target}"
        found: dict[str, dict[str, Association]] = {each: {} for each in ids}
        seen: set[tuple[str, str]] = set()
        inputs: list[JsonObject] = [{"id": each} for each in ids]
        while inputs:
            answer = self._client.read("POST", path, operation=operation, json={"inputs": inputs}).json()
            refuse_partial(answer)
            inputs = []
            for page in read_links(answer):
                if page.start not in found:
                    raise answer.field("results").wrong(f"results for the ids asked for, not {page.start}")
                found[page.start].update((link.external_id, link) for link in page.links)
                if page.cursor is None:
                    continue
                cursor = (page.start, page.cursor.identifier())
                if cursor in seen:
                    raise page.cursor.wrong("a cursor not given before")
                seen.add(cursor)
                inputs.append({"id": page.start, "after": cursor[1]})
        return {each: tuple(links[to] for to in sorted(links)) for each, links in found.items()}

    def properties(self, kind: ObjectType) -> list[PropertyDefinition]:
        path = self._paths.properties(kind)
        answer = self._client.read("GET", path, operation=f"{kind}.properties").json()
        return [read_property(each) for each in answer.field("results").items()]

    def deal_stages(self) -> list[DealStage]:
        """Stages of all deal pipelines."""
        answer = self._client.read("GET", self._paths.deal_pipelines(), operation="deal.pipelines").json()
        return [
            read_stage(stage, pipeline.field("id").identifier())
            for pipeline in answer.field("results").items()
            for stage in pipeline.field("stages").items()
        ]

    def owners(self) -> list[CrmRecord]:
        def page(after: str | None) -> tuple[list[CrmRecord], Json | None]:
            params = {"limit": str(OWNER_PAGE), **({"after": after} if after is not None else {})}
            answer = self._client.read(
                "GET", self._paths.owners(), operation="owner.list", params=params
            ).json()
            return [read_owner(each) for each in answer.field("results").items()], next_cursor(answer)

        return [owner for owners in follow_cursor(page) for owner in owners]


def _with_modified(kind: ObjectType, properties: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*properties, modified_property(kind)]))


def _check_batch(ids: Sequence[str], limit: int) -> None:
    if not 0 < len(ids) <= limit:
        raise ValueError(f"a batch takes 1 to {limit} ids, got {len(ids)}")
