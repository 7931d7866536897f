"""The Stripe connector: which objects to read, so that no movement is lost and none is read for ever.

Belongs here: the first load, catching up by events, what an event names. Does not belong here: keeping the
cursor and telling known movements from new ones (the caller's), what an object means (`reading`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from prometheus_client import REGISTRY, CollectorRegistry

from integration_pipeline.crm.webhooks import WebhookEvent
from integration_pipeline.payments.movements import Movement, MovementSource, Page, Payer, Unreadable
from integration_pipeline.payments.stripe.api import StripeApi
from integration_pipeline.payments.stripe.config import API_VERSION, StripeSettings
from integration_pipeline.payments.stripe.errors import STRIPE_FAILURES
from integration_pipeline.payments.stripe.reading import Person, Read, Reader
from integration_pipeline.payments.stripe.webhooks import EVENT_TYPES, Target, target_of
from integration_pipeline.transport.client import BearerAuth, RetryPolicy, TimeLimits, VendorClient
from integration_pipeline.transport.clock import Clock
from integration_pipeline.transport.failures import Attempted, NotFound
from integration_pipeline.transport.limits import Limiter
from integration_pipeline.transport.metrics import VendorMetrics
from integration_pipeline.transport.rate_limit import RateLimiter
from integration_pipeline.transport.shapes import Json

_EVENTS_KEPT_SECONDS = 29 * 86_400
"""Stripe keeps events for 30 days; of the last of them nothing is to be missed."""
_TOGETHER = 50
_CUSTOMERS_KEPT = 1_000
_IDLE_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class _Announced:
    target: Target
    created: int


class StripeSource:
    """Reads one Stripe account. Safe for threads; close it or use it as a context manager.

    Methods raise the transport's failures: `Malformed` names the object and the field.
    """

    name = MovementSource.STRIPE

    def __init__(
        self,
        settings: StripeSettings,
        *,
        limiter: Limiter | None = None,
        retries: RetryPolicy | None = None,
        time_limits: TimeLimits | None = None,
        registry: CollectorRegistry = REGISTRY,
        clock: Clock | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._now = now
        self._client = VendorClient(
            "stripe",
            settings.base_url,
            auth=BearerAuth(settings.api_key),
            headers={"Stripe-Version": API_VERSION},
            failures=STRIPE_FAILURES,
            limiter=limiter or RateLimiter(settings.windows(), clock),
            retries=retries,
            time_limits=time_limits,
            idle_seconds=_IDLE_SECONDS,
            registry=registry,
            clock=clock,
        )
        self._api = StripeApi(self._client)
        self._reader = Reader(settings)
        self._pool = ThreadPoolExecutor(settings.parallel_reads, thread_name_prefix="stripe-read")
        self._customers = _Customers(self._api)

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

    def changes_since(self, cursor: str | None) -> Iterator[Page]:
        """Movements of what happened since `cursor` less the overlap: those inside it come again.

        Events say what changed; what it is now is read, and from the balance what no event tells of, in a
        payout or not: Stripe's own fees. Without a cursor, and after more than the 30 days
        for which Stripe keeps events, the balance itself is read instead. The cursor is a moment, as
        seconds since 1970. Raises ValueError for a text that is none.
        """
        since = self._settings.begin if cursor is None else _seconds(cursor)
        oldest = int(self._now().timestamp()) - _EVENTS_KEPT_SECONDS
        if cursor is None or since - self._settings.overlap_seconds < oldest:
            return self._from_balance(max(self._settings.begin, since - self._settings.overlap_seconds))
        return self._from_events(since)

    def fetch(self, event: WebhookEvent) -> Page:
        """The movements of the object an event names, as it is now; none for an event of another kind.

        The page has no cursor.
        """
        wanted = target_of(Json(event.body, Attempted("stripe", "POST", "/webhooks/stripe", is_write=False)))
        if wanted is None:
            return Page()
        if wanted.kind == "payout":
            pages = list(self._payout(wanted.id))
            return _page(*((*page.movements, *page.unreadable) for page in pages))
        return _page(self._read(wanted))

    def _from_events(self, since: int) -> Iterator[Page]:
        reached = since
        announced: list[_Announced] = []
        for index, listed in enumerate(self._api.events(EVENT_TYPES, since - self._settings.overlap_seconds)):
            if index == 0 and listed.served_at is not None:
                reached = max(reached, int(listed.served_at.timestamp()))
            for event in listed.items:
                target = target_of(event)
                if target is not None:
                    announced.append(_Announced(target, event.field("created").integer()))
        for listed in self._api.balance_transactions(since - self._settings.overlap_seconds):
            silent = [each for each in listed.items if not self._reader.is_announced(each)]
            yield _page(*self._pool.map(self._read_transaction, silent))
        # Listed newest first; told oldest first, so that each page's cursor covers all before it.
        announced.reverse()
        for start in range(0, len(announced), _TOGETHER):
            together = announced[start : start + _TOGETHER]
            targets = list(dict.fromkeys(each.target for each in together))
            single = [target for target in targets if target.kind != "payout"]
            yield _page(*self._pool.map(self._read, single))
            # After the movements in it, since it knows their group; and read by several calls at once itself.
            for target in targets:
                if target.kind == "payout":
                    yield from self._payout(target.id)
            yield Page(cursor=str(together[-1].created))
        yield Page(cursor=str(max([reached, *(each.created for each in announced[-1:])])))

    def _from_balance(self, since: int) -> Iterator[Page]:
        """Payouts with what is in them, then everything else that moved on the balance."""
        reached = int(self._now().timestamp())
        told: set[str] = set()
        for index, listed in enumerate(self._api.payouts(since)):
            if index == 0 and listed.served_at is not None:
                reached = int(listed.served_at.timestamp())
            for payout in listed.items:
                for page, transactions in self._paid_out(payout):
                    told.update(transactions)
                    yield page
        for listed in self._api.balance_transactions(since):
            fresh = [each for each in listed.items if each.field("id").identifier() not in told]
            yield _page(*self._pool.map(self._read_transaction, fresh))
        yield Page(cursor=str(reached))

    def _read(self, target: Target) -> list[Read]:
        try:
            match target.kind:
                case "charge":
                    return self._read_charge(self._api.charge(target.id))
                case "payment_intent":
                    charge = self._api.payment_intent(target.id).optional("latest_charge")
                    return self._read_charge(self._api.charge(charge.identifier())) if charge else []
                case "refund":
                    return self._read_refund(self._api.refund(target.id))
                case "refunds of charge":
                    pages = self._api.refunds_of(target.id)
                    return [read for page in pages for each in page.items for read in self._read_refund(each)]
                case "dispute":
                    dispute = self._api.dispute(target.id)
                    return [
                        read
                        for transaction in dispute.field("balance_transactions").items()
                        for read in self._reader.of_transaction(transaction, dispute)
                    ]
                case "payout":
                    raise AssertionError("payouts are read by `_payout`")
        except NotFound:
            # Of another account, or of its test mode: there is no such movement here.
            return []

    def _payout(self, identifier: str) -> Iterator[Page]:
        try:
            payout = self._api.payout(identifier)
        except NotFound:
            return
        for page, _ in self._paid_out(payout):
            yield page

    def _read_charge(self, charge: Json, transaction: Json | None = None) -> list[Read]:
        transaction = transaction or charge.optional("balance_transaction")
        intent = charge.optional("payment_intent")
        paid = self._api.invoice_payments(intent.identifier()) if intent else []
        return self._reader.payment(charge, transaction, paid, self._payer(charge))

    def _read_refund(self, refund: Json) -> list[Read]:
        transactions = (
            refund.optional("balance_transaction"),
            refund.optional("failure_balance_transaction"),
        )
        plain = _collapsed(refund, "balance_transaction", "failure_balance_transaction")
        return [read for each in transactions if each for read in self._reader.of_transaction(each, plain)]

    def _read_transaction(self, transaction: Json) -> list[Read]:
        source = transaction.optional("source")
        if source is not None and self._reader.is_payment(transaction):
            return self._read_charge(source, transaction)
        return self._reader.of_transaction(transaction, source)

    def _paid_out(self, payout: Json) -> Iterator[tuple[Page, list[str]]]:
        """A payout, and if Stripe says what is in it, all that with the payout as its group.

        With the ids of the balance transactions that are told by it.
        """
        identifier = payout.field("id").identifier()
        own = [
            each
            for name in ("balance_transaction", "failure_balance_transaction")
            if (each := payout.optional(name)) is not None
        ]
        plain = _collapsed(payout, "balance_transaction", "failure_balance_transaction")
        reads = [read for each in own for read in self._reader.of_transaction(each, plain)]
        yield _page(reads), [each.field("id").identifier() for each in own]
        known = {each.field("id").identifier() for each in own}
        if not payout.field("automatic").flag() or payout.field("reconciliation_status").value != "completed":
            return
        for listed in self._api.in_payout(identifier):
            inside = [each for each in listed.items if each.field("id").identifier() not in known]
            page = _page(*self._pool.map(self._read_transaction, inside))
            grouped = tuple(replace(each, group=each.group or identifier) for each in page.movements)
            yield replace(page, movements=grouped), [each.field("id").identifier() for each in inside]

    def _payer(self, charge: Json) -> Payer:
        person = Person.of(charge)
        complete = person.name and person.email
        if person.customer is None or complete:
            return person.known_as(None)
        return person.known_as(self._customers.get(person.customer))


class _Customers:
    """Customers by id, each asked for once; the newest are kept."""

    def __init__(self, api: StripeApi) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Json | None] = OrderedDict()

    def get(self, identifier: str) -> Json | None:
        with self._lock:
            if identifier in self._known:
                self._known.move_to_end(identifier)
                return self._known[identifier]
        found = self._api.customer(identifier)
        with self._lock:
            self._known[identifier] = found
            while len(self._known) > _CUSTOMERS_KEPT:
                self._known.popitem(last=False)
        return found


def _collapsed(source: Json, *names: str) -> Json:
    """The object with ids where it was asked for with objects."""
    fields = dict(source.object())
    for name in names:
        value = fields.get(name)
        if isinstance(value, Mapping):
            fields[name] = value.get("id")
    return Json(fields, source.attempted, source.at)


def _page(*reads: Sequence[Read]) -> Page:
    """Of a movement that comes twice the last one."""
    flat = [each for group in reads for each in group]
    movements = {(each.kind, each.external_id): each for each in flat if isinstance(each, Movement)}
    return Page(
        movements=tuple(movements.values()),
        unreadable=tuple(each for each in flat if isinstance(each, Unreadable)),
    )


def _seconds(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 12:
        raise ValueError(f"{cursor!r} is no cursor of Stripe's: those are seconds since 1970")
    return int(cursor)
