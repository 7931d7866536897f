"""A Xero organisation as an accounting target.

Belongs here: which room answers for what. Does not belong here: what they do (`documents`, `applications`,
`payments`, `contacts`, `problems`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final, Self, TypeVar, cast

import httpx
from prometheus_client import REGISTRY, CollectorRegistry

from integration_pipeline.accounting.target import (
    Outcome,
    Outgoing,
    OutgoingApplication,
    OutgoingCustomer,
    OutgoingDocument,
    OutgoingPayment,
    Refused,
    RemoteCustomer,
    RemoteRecord,
    Unsure,
)
from integration_pipeline.accounting.xero.api import TENANT_HEADER, XeroApi
from integration_pipeline.accounting.xero.applications import Applications
from integration_pipeline.accounting.xero.config import XeroConfig
from integration_pipeline.accounting.xero.contacts import Contacts
from integration_pipeline.accounting.xero.documents import Documents
from integration_pipeline.accounting.xero.errors import XERO_FAILURES, quota_left
from integration_pipeline.accounting.xero.payments import Payments
from integration_pipeline.accounting.xero.problems import problems
from integration_pipeline.accounting.xero.writing import LARGEST_BATCH
from integration_pipeline.transport.client import RetryPolicy, TimeLimits, VendorClient
from integration_pipeline.transport.clock import Clock
from integration_pipeline.transport.limits import Limiter
from integration_pipeline.transport.metrics import VendorMetrics
from integration_pipeline.transport.rate_limit import RateLimiter

T = TypeVar("T")

# After this long nobody knows what became of a posting.
_TIME_LIMITS: Final = TimeLimits(connect=5.0, read=30.0, answer=30.0)


class XeroTarget:
    """`AccountingTarget` of one organisation. Safe for threads; close it or use it as a context manager.

    Without `limiter` this process keeps to the organisation's limits by itself.
    """

    vendor: str = "xero"
    largest_batch: int = LARGEST_BATCH
    currency_per_customer: bool = False

    def __init__(
        self,
        config: XeroConfig,
        *,
        auth: httpx.Auth,
        limiter: Limiter | None = None,
        retries: RetryPolicy | None = None,
        time_limits: TimeLimits | None = None,
        clock: Clock | None = None,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._config = config
        self._client = VendorClient(
            self.vendor,
            config.base_url,
            account=config.account,
            auth=auth,
            headers={TENANT_HEADER: config.account},
            failures=XERO_FAILURES,
            limiter=limiter or RateLimiter(config.limits(), clock),
            quota_headers=quota_left,
            retries=retries,
            time_limits=time_limits or _TIME_LIMITS,
            registry=registry,
            clock=clock,
        )
        self._api = XeroApi(self._client, config.page_size)
        self._documents = Documents(self._api, config)
        self._applications = Applications(self._api)
        self._payments = Payments(self._api, config)
        self._contacts = Contacts(self._api, config)

    def __repr__(self) -> str:
        return f"XeroTarget({self.name!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        return self._config.name

    @property
    def load(self) -> float:
        return self._client.load

    @property
    def quiet_seconds(self) -> float:
        return self._config.quiet_seconds

    @property
    def metrics(self) -> VendorMetrics:
        return self._client.metrics

    def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        match batch:
            case [OutgoingDocument(), *_]:
                return self._documents.send(_all(batch, OutgoingDocument))
            case [OutgoingApplication(), *_]:
                return self._applications.send(_all(batch, OutgoingApplication))
            case [OutgoingPayment(), *_]:
                return self._payments.send(_all(batch, OutgoingPayment))
            case _:
                return []

    def find(self, batch: Sequence[Outgoing]) -> Sequence[Sequence[RemoteRecord]]:
        match batch:
            case [OutgoingDocument(), *_]:
                return self._documents.find(_all(batch, OutgoingDocument))
            case [OutgoingApplication(), *_]:
                return self._applications.find(_all(batch, OutgoingApplication))
            case [OutgoingPayment(), *_]:
                return self._payments.find(_all(batch, OutgoingPayment))
            case _:
                return []

    def changed_since(self, since: datetime) -> Iterator[Sequence[RemoteRecord]]:
        """As the protocol says, but for changes that Xero itself does not count as one (a due date moved):
        the nightly comparison sees those.
        """
        start = since - timedelta(seconds=self._config.overlap_seconds)
        yield from self._documents.changed_since(start)
        yield from self._payments.changed_since(start)

    def documents(self, first: date, last: date) -> Iterator[Sequence[RemoteRecord]]:
        return self._documents.issued(first, last)

    def payments(self, first: date, last: date) -> Iterator[Sequence[RemoteRecord]]:
        yield from self._payments.dated(first, last)
        yield from self._documents.allocated(first, last)

    def customers(self, since: datetime | None) -> Iterator[Sequence[RemoteCustomer]]:
        overlap = timedelta(seconds=self._config.overlap_seconds)
        return self._contacts.pages(None if since is None else since - overlap)

    def create_customers(
        self, batch: Sequence[OutgoingCustomer]
    ) -> Sequence[RemoteCustomer | Refused | Unsure]:
        return self._contacts.create(batch)

    def find_customers(self, batch: Sequence[OutgoingCustomer]) -> Sequence[RemoteCustomer | None]:
        return self._contacts.find(batch)

    def problems(self) -> Sequence[str]:
        return problems(self._api, self._config)

    def close(self) -> None:
        self._client.close()


def _all(batch: Sequence[Outgoing], kind: type[T]) -> Sequence[T]:
    """Raises TypeError for a batch of several subjects: one call is about one."""
    if strangers := [each for each in batch if not isinstance(each, kind)]:
        raise TypeError(f"a batch of {kind.__name__} has a {type(strangers[0]).__name__}")
    return cast("Sequence[T]", batch)
