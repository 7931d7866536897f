"""The Salesforce connector: which records to read, in which order, so that none is lost and none is read for
ever.

Belongs here: first load, incremental reads, what was deleted. Does not belong here: watermarks (the caller
keeps them) and the meaning of fields (the mapping).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from prometheus_client import REGISTRY, CollectorRegistry

from integration_pipeline.crm.records import CrmRecord, ObjectType, Wanted
from integration_pipeline.crm.salesforce.answers import read_owner, read_stage
from integration_pipeline.crm.salesforce.api import SalesforceApi
from integration_pipeline.crm.salesforce.bulk import Bulk
from integration_pipeline.crm.salesforce.changes import StampedRecords
from integration_pipeline.crm.salesforce.config import (
    DAYS_IN_RECYCLE_BIN,
    OBJECTS,
    RECORDS_IN_A_WRITE,
    SOURCE,
    SalesforceSettings,
)
from integration_pipeline.crm.salesforce.errors import SALESFORCE_FAILURES
from integration_pipeline.crm.salesforce.fetching import Fetching
from integration_pipeline.crm.salesforce.login import Login, SessionAuth, app_auth
from integration_pipeline.crm.salesforce.metadata import DealStage, FieldDefinition, FieldTypes
from integration_pipeline.crm.salesforce.soql import written_from
from integration_pipeline.crm.salesforce.writing import DealWriter
from integration_pipeline.crm.write_back import FieldValues, Refusal
from integration_pipeline.transport.client import RetryPolicy, TimeLimits, VendorClient
from integration_pipeline.transport.clock import Clock, MonotonicClock
from integration_pipeline.transport.limits import Limiter
from integration_pipeline.transport.metrics import VendorMetrics
from integration_pipeline.transport.rate_limit import RateLimiter

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
# A call in a quiet hour should not wait for a TLS handshake, and what is written is set, not added.
_IDLE_SECONDS = 100.0
_FETCHED_AT_ONCE = 1_000
_DELETIONS = timedelta(days=DAYS_IN_RECYCLE_BIN) - timedelta(minutes=10)
_SHORTEST_SPAN = timedelta(minutes=2)
# Beside it there may be `per-app-api-usage`.
_USAGE = re.compile(r"(?<![\w-])api-usage=(?P<used>\d{1,9})/(?P<most>\d{1,9})", re.ASCII)


class SalesforceSource:
    """Reads one Salesforce org. Safe for threads; close it or use it as a context manager.

    Every record has exactly the properties asked for (None where Salesforce holds nothing): names of fields,
    also of records referred to (`Owner.Email`). Methods raise the transport's `VendorFailure`s: `Malformed`
    names the record and the field. `limiter` shares the org's allowance with other processes.
    """

    name = SOURCE

    def __init__(
        self,
        settings: SalesforceSettings,
        *,
        retries: RetryPolicy | None = None,
        time_limits: TimeLimits | None = None,
        registry: CollectorRegistry = REGISTRY,
        clock: Clock | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        self._settings = settings
        clock = clock or MonotonicClock()
        self._login = VendorClient(
            SOURCE,
            settings.base_url,
            auth=app_auth(settings),
            failures=SALESFORCE_FAILURES,
            retries=retries,
            time_limits=time_limits,
            registry=registry,
            clock=clock,
        )
        self._client = VendorClient(
            SOURCE,
            settings.base_url,
            auth=SessionAuth(Login(self._login, settings)),
            failures=SALESFORCE_FAILURES,
            limiter=limiter or RateLimiter(settings.windows(), clock),
            quota_headers=_requests_left,
            retries=retries,
            time_limits=time_limits,
            idle_seconds=_IDLE_SECONDS,
            registry=registry,
            clock=clock,
        )
        self._api = SalesforceApi(self._client, settings)
        self._types = FieldTypes(self._api.fields)
        self._bulk = Bulk(self._client, settings, self._types, clock)
        self._writer = DealWriter(self._api, self._types)
        self._pool = ThreadPoolExecutor(settings.parallel_reads, thread_name_prefix="salesforce-read")
        self._fetching = Fetching(self._api, self._pool)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._client.close()
        self._login.close()

    @property
    def metrics(self) -> VendorMetrics:
        return self._client.metrics

    @property
    def load(self) -> float:
        """How much of the daily allowance is used; without one set, nothing ever waits."""
        return self._client.load

    def changed_since(
        self, object_type: ObjectType, since: datetime | None, properties: Sequence[str]
    ) -> Iterator[list[CrmRecord]]:
        """Complete records stamped since `since` less the overlap, or all of them if `since` is None.

        Deals come with their companies, contacts and line items, contacts with their companies, line items
        with their deals. Records inside the overlap come again: the caller tells versions apart by
        `content_hash`. The next `since` is the highest `modified_at` received. Deleted records are not among
        them: see `archived_since`.
        """
        if since is None:
            yield from self._everything(object_type, properties)
            return
        start = self._overlapped(since)
        read: set[str] = set()
        for records in self._stamped(object_type, properties).since(start):
            read.update(record.external_id for record in records)
            yield records
        if object_type is ObjectType.DEAL:
            yield from self._deals_of_contacts(start, properties, read)

    def archived_since(
        self, object_type: ObjectType, since: datetime | None, properties: Sequence[str]
    ) -> Iterator[list[CrmRecord]]:
        """Records deleted since `since` less the overlap, without links. Salesforce knows the last 15 days.

        What was removed from the recycle bin meanwhile comes without values.
        """
        start = _EVER if since is None else self._overlapped(since)
        seen: set[str] = set()
        for records in self._stamped(object_type, properties, deleted=True).since(start):
            seen.update(record.external_id for record in records)
            yield records
        now = datetime.now(UTC)
        if since is None:
            return
        start = min(max(start, now - _DELETIONS), now - _SHORTEST_SPAN)
        gone = [
            CrmRecord(SOURCE, object_type, identifier, moment, True, dict.fromkeys(properties))
            for identifier, moment in self._api.deleted(OBJECTS[object_type], start, now)
            if identifier not in seen
        ]
        # Deleted and restored is in the log, too.
        there = {
            record.external_id
            for record in self.fetch(object_type, [record.external_id for record in gone], ())
        }
        if gone := [record for record in gone if record.external_id not in there]:
            yield gone

    def fetch(
        self, object_type: ObjectType, ids: Sequence[str], properties: Sequence[str]
    ) -> list[CrmRecord]:
        """Complete records by id, deleted ones included (without links); unknown ids are absent."""
        return self._fetching.fetch([Wanted(object_type, ids, properties)])

    def fetch_together(self, wanted: Sequence[Wanted]) -> list[CrmRecord]:
        """The same for records of several types: one call for up to five times 200 of them."""
        return self._fetching.fetch([each for each in wanted if each.ids])

    def property_names(self, object_type: ObjectType) -> list[FieldDefinition]:
        """Salesforce's live metadata of an object, custom fields included."""
        fields = self._api.fields(OBJECTS[object_type])
        self._types.learn(OBJECTS[object_type], fields)
        return fields

    def deal_stages(self) -> list[DealStage]:
        """All stages of opportunities, in their order."""
        soql = "SELECT ApiName, MasterLabel, IsClosed, IsWon FROM OpportunityStage WHERE IsActive = true"
        return [
            read_stage(each)
            for each in self._api.records(f"{soql} ORDER BY SortOrder", operation="deal.stages")
        ]

    def owners(self) -> list[CrmRecord]:
        """All active users with `Name`, `Email`, `FirstName`, `LastName`."""
        soql = (
            "SELECT Id, Name, Email, FirstName, LastName, IsActive, SystemModstamp FROM User"
            " WHERE IsActive = true"
        )
        return [read_owner(each) for each in self._api.records(soql, operation="owner.list")]

    @property
    def deals_in_a_call(self) -> int:
        """How many deals one call of `update_deals` carries."""
        return RECORDS_IN_A_WRITE

    def update_deals(self, changes: Mapping[str, FieldValues]) -> Mapping[str, Refusal]:
        """Set these fields of these deals, by id; what was refused, by id: all else is written."""
        return self._writer.update(changes)

    def read_deals(self, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, FieldValues]:
        """What these fields hold now, by id; deals that are gone or deleted are absent. Numbers are without
        trailing zeros, however they were written.
        """
        wanted = Wanted(ObjectType.DEAL, ids, fields, with_links=False)
        return {
            record.external_id: record.properties
            for record in self._fetching.fetch([wanted])
            if not record.archived
        }

    def writable_fields(self) -> frozenset[str]:
        """Names of the fields of opportunities that this user may change."""
        return frozenset(each.name for each in self.property_names(ObjectType.DEAL) if each.writable)

    def _everything(self, kind: ObjectType, properties: Sequence[str]) -> Iterator[list[CrmRecord]]:
        """By query while there are few, by the bulk API from `bulk_from` on."""
        if self._api.count(OBJECTS[kind]) < self._settings.bulk_from:
            yield from self._stamped(kind, properties).since(_EVER)
            return
        stamps: dict[str, datetime] = {}
        newest = _EVER
        for records in self._bulk.load(kind, properties):
            stamps.update((record.external_id, record.modified_at) for record in records)
            newest = max([newest, *(record.modified_at for record in records)])
            yield records
        # A job shows the org as it was at some moment of its run: later than the newest record in it.
        for changed in self._stamped(kind, properties).since(self._overlapped(newest)):
            later = [record for record in changed if stamps.get(record.external_id) != record.modified_at]
            if later:
                yield later

    def _deals_of_contacts(
        self, start: datetime, properties: Sequence[str], read: set[str]
    ) -> Iterator[list[CrmRecord]]:
        """Deals that got or lost a contact, which does not count as a change of the deal."""
        soql = f"SELECT OpportunityId FROM OpportunityContactRole WHERE {written_from(start, None)}"  # noqa: S608 - SOQL of ours
        roles = self._api.records(soql, operation="deal.contact_roles", deleted=True)
        ids = sorted({role.field("OpportunityId").identifier() for role in roles} - read)
        for first in range(0, len(ids), _FETCHED_AT_ONCE):
            records = self.fetch(ObjectType.DEAL, ids[first : first + _FETCHED_AT_ONCE], properties)
            yield [record for record in records if not record.archived]

    def _stamped(
        self, kind: ObjectType, properties: Sequence[str], *, deleted: bool = False
    ) -> StampedRecords:
        return StampedRecords(self._api, kind, properties, self._settings.page_size, deleted=deleted)

    def _overlapped(self, since: datetime) -> datetime:
        return max(_EVER, since - timedelta(minutes=self._settings.overlap_minutes))


def _requests_left(headers: Mapping[str, str]) -> Mapping[str, int]:
    """`Sforce-Limit-Info: api-usage=18/15000`, of the whole org; others use it, too."""
    told = _USAGE.search(headers.get("sforce-limit-info", ""))
    return {} if told is None else {"daily": max(0, int(told["most"]) - int(told["used"]))}
