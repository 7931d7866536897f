"""The HubSpot connector: which records to read, in which order, so that none is lost and none is read for
ever.

Belongs here: first load, incremental reads, completing records with their associations. Does not belong here:
watermarks (the caller keeps them) and the meaning of properties (the mapping).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self
from urllib.parse import quote

from prometheus_client import REGISTRY, CollectorRegistry

from integration_pipeline.crm.hubspot.answers import SOURCE, Page
from integration_pipeline.crm.hubspot.api import HubSpotApi
from integration_pipeline.crm.hubspot.changes import ModifiedRecords
from integration_pipeline.crm.hubspot.config import (
    ASSOCIATION_BATCH,
    LONGEST_PROPERTY_LIST,
    HubSpotSettings,
    plural,
)
from integration_pipeline.crm.hubspot.errors import HUBSPOT_FAILURES
from integration_pipeline.crm.hubspot.fetching import Fetching, Links, joined
from integration_pipeline.crm.hubspot.metadata import DealStage, PropertyDefinition
from integration_pipeline.crm.records import CrmRecord, ObjectType, Wanted
from integration_pipeline.transport.client import BearerAuth, RetryPolicy, TimeLimits, VendorClient
from integration_pipeline.transport.clock import Clock
from integration_pipeline.transport.limits import Limiter
from integration_pipeline.transport.metrics import VendorMetrics
from integration_pipeline.transport.paging import follow_cursor
from integration_pipeline.transport.rate_limit import RateLimiter
from integration_pipeline.transport.shapes import Json

_GROUPS_AHEAD = 2
# The server that answers and the one that stamps a record need not agree on the second.
_CLOCKS_APART = timedelta(seconds=1)
# A deal that comes after quiet minutes should not wait for a TLS handshake. Nothing is ever written here.
_IDLE_SECONDS = 240.0
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class HubSpotSource:
    """Reads one HubSpot account. Safe for threads; close it or use it as a context manager.

    Without `limiter` this process keeps to the account's limits by itself.

    Every record has exactly the properties asked for (None where HubSpot has no value). Methods raise the
    transport's `VendorFailure`s: `Malformed` names the record and the field.
    """

    name = SOURCE

    def __init__(
        self,
        settings: HubSpotSettings,
        *,
        limiter: Limiter | None = None,
        retries: RetryPolicy | None = None,
        time_limits: TimeLimits | None = None,
        registry: CollectorRegistry = REGISTRY,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._client = VendorClient(
            SOURCE,
            settings.base_url,
            auth=BearerAuth(settings.token),
            failures=HUBSPOT_FAILURES,
            limiter=limiter or RateLimiter(settings.windows(), clock),
            retries=retries,
            time_limits=time_limits,
            idle_seconds=_IDLE_SECONDS,
            registry=registry,
            clock=clock,
        )
        self._api = HubSpotApi(self._client, settings)
        self._pool = ThreadPoolExecutor(settings.parallel_reads, thread_name_prefix="hubspot-read")
        self._fetching = Fetching(self._api, self._pool)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    @property
    def metrics(self) -> VendorMetrics:
        """Requests, retries, throttling and seconds so far, for stage reports."""
        return self._client.metrics

    @property
    def load(self) -> float:
        return self._client.load

    def changed_since(
        self, object_type: ObjectType, since: datetime | None, properties: Sequence[str]
    ) -> Iterator[list[CrmRecord]]:
        """Groups of up to about 1,000 complete records modified since `since` less the overlap; None reads
        all.

        Deals come with their companies, contacts and line items, contacts with their companies, line items
        with their deals. Records inside the overlap come again: the caller tells versions apart by
        `content_hash`. The next `since` is the highest `modified_at` received. Archived records are not
        among them: see `archived_since`.
        """
        plural(object_type)
        pages = (
            self._everything(object_type, properties)
            if since is None
            else ModifiedRecords(self._api, object_type, properties).since(self._overlapped(since))
        )
        return self._completed(object_type, _grouped(pages))

    def fetch(
        self, object_type: ObjectType, ids: Sequence[str], properties: Sequence[str]
    ) -> list[CrmRecord]:
        """Complete records by id, archived ones included (without associations); unknown ids are absent.

        All calls go out together, and few records need one call each (`fetching`).
        """
        return self._fetching.fetch([Wanted(object_type, ids, properties)])

    def fetch_together(self, wanted: Sequence[Wanted]) -> list[CrmRecord]:
        """The same for records of several types: nothing waits for anything but what was not found."""
        return self._fetching.fetch([each for each in wanted if each.ids])

    def archived_since(
        self, object_type: ObjectType, since: datetime | None, properties: Sequence[str]
    ) -> Iterator[list[CrmRecord]]:
        """Records archived since `since` less the overlap, without associations; their `modified_at` is no
        earlier than their archiving.

        Search knows no archived records, and the list has no order, so it is always read to the end.
        """
        start = _EVER if since is None else self._overlapped(since)
        for page in self._listed(object_type, properties, archived=True):
            recent = [record for record in page.records if record.modified_at >= start]
            if recent:
                yield recent

    def property_names(self, object_type: ObjectType) -> list[PropertyDefinition]:
        """HubSpot's live metadata of an object type, custom properties included."""
        return self._api.properties(object_type)

    def deal_stages(self) -> list[DealStage]:
        return self._api.deal_stages()

    def owners(self) -> list[CrmRecord]:
        """All active owners with `email`, `firstName`, `lastName`, `type`."""
        return self._api.owners()

    def _overlapped(self, since: datetime) -> datetime:
        return since - timedelta(minutes=self._settings.overlap_minutes)

    def _everything(self, kind: ObjectType, properties: Sequence[str]) -> Iterator[list[CrmRecord]]:
        """The list endpoint, free of search's 5 calls a second, then what changed while it was read."""
        if len(quote(",".join(properties))) > LONGEST_PROPERTY_LIST:
            yield from ModifiedRecords(self._api, kind, properties).since(_EVER)
            return
        asked = datetime.now(UTC)
        begun: datetime | None = None
        recent: dict[str, datetime] = {}
        for page in self._listed(kind, properties):
            begun = begun or self._begun(asked, page)
            for record in page.records:
                if record.modified_at >= begun:
                    recent[record.external_id] = record.modified_at
            yield page.records
        for changed in ModifiedRecords(self._api, kind, properties).since(begun or asked):
            yield [record for record in changed if recent.get(record.external_id) != record.modified_at]

    def _begun(self, asked: datetime, first: Page) -> datetime:
        """HubSpot's time when the list was asked for, by its own clock where it tells.

        Without that, our clock and the overlap: minutes of an import just finished would be read twice.
        """
        if first.served_at is None:
            return self._overlapped(asked)
        return first.served_at - (datetime.now(UTC) - asked) - _CLOCKS_APART

    def _listed(
        self, kind: ObjectType, properties: Sequence[str], *, archived: bool = False
    ) -> Iterator[Page]:
        def page(after: str | None) -> tuple[Page, Json | None]:
            found = self._api.list_page(kind, properties, after, archived=archived)
            return found, found.cursor

        return follow_cursor(page)

    def _completed(self, kind: ObjectType, groups: Iterable[list[CrmRecord]]) -> Iterator[list[CrmRecord]]:
        """Read the associations of a few groups in the background while the next pages come in."""
        ahead: deque[tuple[list[CrmRecord], dict[ObjectType, Future[Links]]]] = deque()
        for group in groups:
            ahead.append((group, self._fetching.links(kind, [record.external_id for record in group])))
            if len(ahead) > _GROUPS_AHEAD:
                yield joined(*ahead.popleft())
        while ahead:
            yield joined(*ahead.popleft())


def _grouped(pages: Iterable[list[CrmRecord]]) -> Iterator[list[CrmRecord]]:
    """Pages joined up to one association batch: 1,000 records then cost one call per kind of association."""
    group: list[CrmRecord] = []
    for page in pages:
        if group and len(group) + len(page) > ASSOCIATION_BATCH:
            yield group
            group = []
        group += page
    if group:
        yield group
