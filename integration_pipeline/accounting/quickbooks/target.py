"""A company's books at QuickBooks Online, as the poster uses every target.

Belongs here: which calls make up each question. Does not belong here: fields, requests and outcomes, which
are modules of this folder each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import httpx
from prometheus_client import REGISTRY, CollectorRegistry

from integration_pipeline.accounting.quickbooks import documents, introducing, payments
from integration_pipeline.accounting.quickbooks.answers import (
    CREDIT_MEMO,
    INVOICE,
    PAYMENT,
    PURCHASE,
    is_deleted,
    read_customer,
    read_record,
)
from integration_pipeline.accounting.quickbooks.api import (
    INACTIVE_TOO,
    MOST_CHANGES,
    QuickBooksApi,
    any_of,
    quoted,
)
from integration_pipeline.accounting.quickbooks.checks import problems
from integration_pipeline.accounting.quickbooks.config import QuickBooksConfig
from integration_pipeline.accounting.quickbooks.errors import QUICKBOOKS_FAILURES
from integration_pipeline.accounting.quickbooks.sending import Parcel, book, send
from integration_pipeline.accounting.quickbooks.taxes import CannotBeSent, TaxRates
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
from integration_pipeline.transport.client import RetryPolicy, TimeLimits, VendorClient
from integration_pipeline.transport.clock import MonotonicClock
from integration_pipeline.transport.limits import Limiter
from integration_pipeline.transport.metrics import VendorMetrics
from integration_pipeline.transport.rate_limit import RateLimiter
from integration_pipeline.transport.shapes import Json

VENDOR = "quickbooks"
_DOCUMENTS = (INVOICE, CREDIT_MEMO)
_MONEY = (PAYMENT, PURCHASE)
_WATCHED = (*_DOCUMENTS, *_MONEY)

# Change data capture looks 30 days back; the vendor's clock is not ours.
_CAPTURED = timedelta(days=29)
# A read that is throttled waits a minute (`errors`), twice if it has to.
_RETRIES = RetryPolicy(total_seconds=200.0)


class QuickBooksTarget:
    """One company. Safe for threads. Sending a document for a known customer is one call.

    `auth` puts the bearer token in. `limiter` shares the company's limits with other processes; without one
    this process counts alone. `clock` may run faster, for sandboxes.
    """

    vendor = VENDOR
    # CurrencyRef of a customer cannot be changed once it is set.
    currency_per_customer = True

    def __init__(
        self,
        config: QuickBooksConfig,
        *,
        auth: httpx.Auth,
        limiter: Limiter | None = None,
        retries: RetryPolicy | None = None,
        time_limits: TimeLimits | None = None,
        clock: MonotonicClock | None = None,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._config = config
        self._clock = clock or MonotonicClock()
        self._client = VendorClient(
            VENDOR,
            config.base_url,
            account=config.account,
            auth=auth,
            failures=QUICKBOOKS_FAILURES,
            limiter=limiter or RateLimiter(config.limits(), self._clock),
            retries=retries or _RETRIES,
            time_limits=time_limits,
            registry=registry,
            clock=self._clock,
        )
        self._api = QuickBooksApi(self._client, config.account, config.page_size)
        self._rates = TaxRates(self._api)

    def __repr__(self) -> str:
        return f"QuickBooksTarget({self.name!r}, realm {self._config.account})"

    def __enter__(self) -> QuickBooksTarget:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    @property
    def name(self) -> str:
        return self._config.name

    @property
    def largest_batch(self) -> int:
        return self._config.batch_size

    @property
    def load(self) -> float:
        """How much of the vendor's limits is used just now, from 0 to 1."""
        return self._client.load

    @property
    def metrics(self) -> VendorMetrics:
        return self._client.metrics

    @property
    def quiet_seconds(self) -> float:
        """As long as Intuit may be at work on a request, in seconds of ours."""
        return self._config.slowest_call_seconds / self._clock.speed

    def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """See `AccountingTarget`. A payment's fee, where one is booked, is sent before it."""
        outcomes: dict[int, Outcome] = {}
        parcels: dict[int, Parcel] = {}
        for place, item in enumerate(batch):
            try:
                parcels[place] = self._parcel(item)
                failed = self._send_fee(item) if isinstance(item, OutgoingPayment) else None
            except CannotBeSent as why:
                failed = Refused(f"{_number(item)}: {why}")
            if failed is not None:
                outcomes[place] = failed
                parcels.pop(place, None)
        sent = send(self._api, list(parcels.values()), self._config.home_currency)
        outcomes.update(zip(parcels, sent, strict=True))
        return [outcomes[place] for place in range(len(batch))]

    def find(self, batch: Sequence[Outgoing]) -> Sequence[Sequence[RemoteRecord]]:
        """See `AccountingTarget`. What was deleted cannot be asked for by anything but its id."""
        wanted: dict[str, list[Outgoing]] = {}
        for item in batch:
            wanted.setdefault(_entity(item), []).append(item)
        found = {entity: self._find(entity, items) for entity, items in wanted.items()}
        return [[record for record in found[_entity(item)] if _is_of(record, item)] for item in batch]

    def changed_since(self, since: datetime) -> Iterator[Sequence[RemoteRecord]]:
        """See `AccountingTarget`. By change data capture; where that is full or does not reach back so far,
        by query, which knows nothing of deletions.
        """
        since -= timedelta(minutes=self._config.overlap_minutes)
        if datetime.now(UTC) - since > _CAPTURED:
            yield from self._queried(since)
            return
        captured = self._api.captured(_WATCHED, since)
        is_full = sum(map(len, captured.values())) >= MOST_CHANGES
        for entity, records in captured.items():
            yield from self._records(entity, [each for each in records if not is_full or is_deleted(each)])
        if is_full:
            yield from self._queried(since)

    def documents(self, first: date, last: date) -> Iterator[Sequence[RemoteRecord]]:
        """See `AccountingTarget`."""
        return self._dated(_DOCUMENTS, first, last)

    def payments(self, first: date, last: date) -> Iterator[Sequence[RemoteRecord]]:
        """See `AccountingTarget`. Deleted ones are not listed, and of expenses only refunds of ours."""
        return self._dated(_MONEY, first, last)

    def customers(self, since: datetime | None) -> Iterator[Sequence[RemoteCustomer]]:
        """See `AccountingTarget`. Those made inactive included."""
        if since is not None:
            since -= timedelta(minutes=self._config.overlap_minutes)
        for page in self._api.changed(introducing.CUSTOMER, since, INACTIVE_TOO):
            yield [read_customer(each) for each in page]

    def create_customers(
        self, batch: Sequence[OutgoingCustomer]
    ) -> Sequence[RemoteCustomer | Refused | Unsure]:
        """See `AccountingTarget`. Names are told apart as `customers.names_of` says."""
        return introducing.create(self._api, self._config, batch)

    def find_customers(self, batch: Sequence[OutgoingCustomer]) -> Sequence[RemoteCustomer | None]:
        """See `AccountingTarget`."""
        return introducing.find(self._api, batch)

    def problems(self) -> Sequence[str]:
        """See `AccountingTarget`."""
        return problems(self._api, self._config, self._rates)

    def _parcel(self, item: Outgoing) -> Parcel:
        match item:
            case OutgoingDocument():
                body = documents.document_body(item, self._config, self._rates)
            case OutgoingApplication():
                body = payments.application_body(item)
            case OutgoingPayment():
                body = payments.payment_body(item, self._config)
        return Parcel(_number(item), item.key, _entity(item), body)

    def _send_fee(self, item: OutgoingPayment) -> Refused | Unsure | None:
        """Book the fee unless it is there; None if the payment may follow.

        Before the payment: a payment without its fee would look as if all was done.
        """
        if item.fee is None or not payments.has_fee(item, self._config):
            return None
        number = payments.fee_number(item)
        body = payments.fee_body(item, item.fee, self._config)
        if self._api.find(PURCHASE, f"DocNumber = {quoted(number)}"):
            return None
        return book(self._api, Parcel(f"the fee of {item.reference}", f"F{item.key}", PURCHASE, body))

    def _find(self, entity: str, items: Sequence[Outgoing]) -> list[RemoteRecord]:
        """Candidates of one entity: those of our numbers, and, for who was given another number since, all
        of the customers and days of those not found.
        """
        field = "PaymentRefNum" if entity == PAYMENT else "DocNumber"
        found = self._asked(entity, any_of(field, [_number(item) for item in items]))
        lost = [item for item in items if not any(_is_of(record, item) for record in found)]
        if lost:
            ids = sorted({item.customer_id for item in lost})
            days = [_day(item).isoformat() for item in lost]
            period = f"TxnDate >= '{min(days)}' AND TxnDate <= '{max(days)}'"
            # A purchase knows its payee, but cannot be asked for it.
            parties = "" if entity == PURCHASE else f"{any_of('CustomerRef', ids)} AND "
            found += self._asked(entity, f"{parties}{period}")
        return list({record.remote_id: record for record in found}.values())

    def _asked(self, entity: str, conditions: str) -> list[RemoteRecord]:
        return [
            record
            for page in self._api.pages(entity, conditions)
            for records in self._records(entity, page)
            for record in records
        ]

    def _dated(self, entities: Sequence[str], first: date, last: date) -> Iterator[Sequence[RemoteRecord]]:
        period = f"TxnDate >= '{first.isoformat()}' AND TxnDate <= '{last.isoformat()}'"
        for entity in entities:
            for page in self._api.pages(entity, period):
                yield from self._records(entity, page)

    def _queried(self, since: datetime) -> Iterator[Sequence[RemoteRecord]]:
        for entity in _WATCHED:
            for page in self._api.changed(entity, since):
                yield from self._records(entity, page)

    def _records(self, entity: str, page: Sequence[Json]) -> Iterator[Sequence[RemoteRecord]]:
        read = (read_record(entity, each, self._config.home_currency) for each in page)
        if records := [record for record in read if record is not None]:
            yield records


def _entity(item: Outgoing) -> str:
    return documents.entity_of(item.kind) if isinstance(item, OutgoingDocument) else payments.entity_of(item)


def _number(item: Outgoing) -> str:
    """What it is called here, in messages, and there, where it is looked for."""
    return item.number if isinstance(item, OutgoingDocument) else item.reference


def _day(item: Outgoing) -> date:
    match item:
        case OutgoingDocument():
            return item.issue_date
        case OutgoingApplication():
            return item.applied_on
        case OutgoingPayment():
            return item.received_on


def _is_of(record: RemoteRecord, item: Outgoing) -> bool:
    return record.reference == item.reference or record.number == _number(item)
