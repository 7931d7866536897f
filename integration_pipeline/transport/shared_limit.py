"""A limiter whose windows several processes share: what one of them uses, the others do not have.

Belongs here: who waits for which slot in this process, and what happens while the database is away. Does not
belong here: the counting itself (`store/migrations/sql/quotas.sql`, by way of `quota_table`).

Callers that want a slot at the same time ask for theirs together, so a busy process makes one round trip for
many calls, and an idle one a round trip a call. The database says when each slot may be used; nobody asks for
it twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from math import ceil
from types import TracebackType
from typing import Self

import psycopg
from prometheus_client import REGISTRY, CollectorRegistry

from integration_pipeline.transport.clock import MonotonicClock
from integration_pipeline.transport.limits import (
    LONGEST_PAUSE,
    AtOnce,
    Limit,
    QuotaSpentError,
    blamed,
    counting,
)
from integration_pipeline.transport.metrics import VendorMetrics
from integration_pipeline.transport.quota_table import Given, News, QuotaTable, Rule
from integration_pipeline.transport.rate_limit import RateLimiter, scaled
from integration_pipeline.transport.turns import Ticket, Turns

_log = logging.getLogger(__name__)

# All in real seconds. How far ahead a slot is reserved: a process that dies meanwhile wastes it.
_HORIZON = 1.0
# How long a slot given back waits for a call that takes the news along.
_RETURN_AFTER = 0.005
_LOOK_AGAIN_AFTER = 5.0
# An older word of the vendor's about its window says nothing of the present.
_NEWS_AGE = 0.1
_NEWS_AGE_OF_QUOTA = 60.0


class SharedRateLimiter:
    """Blocks callers of one account of a vendor until it allows their call. Safe for threads.

    `database` is the URL of a migrated database; a connection of its own is opened for it. While that is
    away, every process keeps to `fallback_share` of the limits on its own. A clock that runs faster
    (`SpedUpClock`) makes the windows as much shorter.
    """

    def __init__(
        self,
        database: str,
        vendor: str,
        account: str,
        limits: Sequence[Limit],
        *,
        clock: MonotonicClock | None = None,
        fallback_share: float = 0.2,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._clock = clock or MonotonicClock()
        self._limits = tuple(limits)
        self._rules = {limit: Rule.of(limit, account, self._clock.speed) for limit in self._limits}
        if len({(rule.account, rule.label) for rule in self._rules.values()}) < len(self._limits):
            raise ValueError(f"two limits of {vendor} are called the same; give them names")
        self._vendor = vendor
        self._table = QuotaTable(database, vendor)
        self._metrics = VendorMetrics(vendor, registry, account=account)
        self._fallback_share = fallback_share
        self._lock = threading.Lock()
        self._turns: dict[str | None, Turns] = {}
        self._observed: dict[str, tuple[int, float]] = {}
        self._remaining: dict[str, tuple[int, float]] = {}
        self._returned: list[int] = []
        self._alone: RateLimiter | None = None
        self._alone_until = 0.0
        self._messenger: threading.Thread | None = None
        self._has_returned = threading.Event()
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what is still held, and disconnect."""
        self._is_closed = True
        self._has_returned.set()
        if self._messenger is not None:
            self._messenger.join()
        self._return_now()
        self._table.close()

    @contextmanager
    def slot(self, bucket: str | None = None) -> Generator[float]:
        """Hold a slot for one call; gives the seconds spent waiting for it.

        The slot stays taken until the window and its slack have passed since the moment it was given for.
        That keeps to the vendor's limit wherever the vendor counts the call, as long as the ways of two calls
        to its counter do not differ by more than the slack.
        """
        started = self._clock.now()
        turns = self._turns_of(bucket)
        ticket = turns.take()
        if ticket.counts_alone:
            with self._counting_alone().slot(bucket):
                yield self._clock.now() - started
            return
        wait = ticket.usable_at - time.monotonic()
        if wait > 0:
            self._clock.sleep(wait * self._clock.speed)
        try:
            yield self._clock.now() - started
        finally:
            self._give_back(turns, bucket, ticket.lease)

    def throttled(self, bucket: str | None = None, pause: float = 0.0) -> None:
        """The vendor refused a call: nobody goes on for `pause` seconds (a minute at most), and less is used
        for a while if it was not the only refusal.
        """
        rules = [self._rules[limit] for limit in blamed(self._limits, bucket)]
        try:
            self._table.refuse(rules, min(pause, LONGEST_PAUSE) / self._clock.speed)
        except psycopg.Error as error:
            self._goes_alone(error)
            self._counting_alone().throttled(bucket, pause)

    def exhausted(self, bucket: str | None = None, free_in: float | None = None) -> None:
        """The vendor says a quota is used up: no process sends anything before it is free again."""
        found = [self._rules[limit] for limit in blamed(self._limits, bucket)]
        rules = [rule for rule in found if rule.kind in ("quota", "utc day")] or found
        try:
            self._table.spend(rules, None if free_in is None else free_in / self._clock.speed)
        except psycopg.Error as error:
            self._goes_alone(error)
            self._counting_alone().exhausted(bucket, free_in)

    def observed(self, window: str, remaining: int) -> None:
        """What the vendor said travels with the next call."""
        with self._lock:
            self._observed[window] = (remaining, time.monotonic())

    def load(self, bucket: str | None = None) -> float:
        """By what the database last said; of limits nobody asked for lately, nothing is used."""
        now = time.monotonic()
        with self._lock:
            known = [(limit, self._remaining.get(limit.label)) for limit in counting(self._limits, bucket)]
        return max(
            (
                1.0 - min(1.0, seen[0] / limit.limit)
                for limit, seen in known
                if seen is not None and now - seen[1] < self._rules[limit].span
            ),
            default=0.0,
        )

    def _turns_of(self, bucket: str | None) -> Turns:
        with self._lock:
            if bucket not in self._turns:
                rules = [self._rules[limit] for limit in counting(self._limits, bucket)]
                self._turns[bucket] = Turns(lambda asking: self._settle(rules, asking))
            return self._turns[bucket]

    def _settle(self, rules: Sequence[Rule], asking: Sequence[Ticket]) -> tuple[Sequence[Ticket], float]:
        """One round trip for all that ask."""
        given = None
        if rules and time.monotonic() >= self._alone_until:
            try:
                given = self._trip(rules, [ticket.lease for ticket in asking])
            except psycopg.Error as error:
                self._goes_alone(error)
        if given is None:
            for ticket in asking:
                ticket.counts_alone = True
            return asking, 0.0
        if given.spent is not None:
            for ticket in asking:
                ticket.error = QuotaSpentError(given.spent, given.free_in * self._clock.speed)
            return asking, 0.0
        now = time.monotonic()
        settled = asking[: len(given.waits)]
        for ticket, wait in zip(settled, given.waits, strict=True):
            ticket.usable_at = now + wait
        return settled, given.again

    def _trip(self, rules: Sequence[Rule], leases: Sequence[int]) -> Given:
        news, returned, alone = self._news(rules)
        try:
            given = self._table.take(rules, news, returned=returned, drawn=leases, horizon=_HORIZON)
        except psycopg.Error:
            with self._lock:
                self._returned += returned
            raise
        now = time.monotonic()
        with self._lock:
            if alone is not None and self._alone is alone:
                _log.info("%s quotas are shared with other processes again", self._vendor)
                self._alone = None
            for label, before in given.remaining.items():
                left = before - len(given.waits)
                self._remaining[label] = (left, now)
                self._metrics.quota_left(label, left)
        return given

    def _news(self, rules: Sequence[Rule]) -> tuple[News, list[int], RateLimiter | None]:
        now = time.monotonic()
        with self._lock:
            returned, self._returned = self._returned, []
            observed = {
                rule.label: self._observed.pop(rule.label)
                for rule in rules
                if rule.label in self._observed and rule.kind != "at once"
            }
            alone = self._alone
        fresh = {
            rule.label: observed[rule.label][0]
            for rule in rules
            if rule.label in observed
            and now - observed[rule.label][1]
            < (_NEWS_AGE * rule.span if rule.kind == "window" else _NEWS_AGE_OF_QUOTA)
        }
        unreported = alone.used() if alone is not None else {}
        return News(fresh, unreported), returned, alone

    def _give_back(self, turns: Turns, bucket: str | None, lease: int) -> None:
        if not any(isinstance(limit, AtOnce) for limit in counting(self._limits, bucket)):
            return
        with self._lock:
            self._returned.append(lease)
            if self._messenger is None and not self._is_closed:
                self._messenger = threading.Thread(
                    target=self._return_in_the_background, name=f"{self._vendor}-quotas", daemon=True
                )
                self._messenger.start()
        self._has_returned.set()
        turns.look_now()

    def _return_in_the_background(self) -> None:
        while not self._is_closed:
            self._has_returned.wait()
            self._has_returned.clear()
            time.sleep(_RETURN_AFTER)
            self._return_now()

    def _return_now(self) -> None:
        rules = [rule for rule in self._rules.values() if rule.kind == "at once"]
        if not self._returned or time.monotonic() < self._alone_until:
            return
        try:
            self._trip(rules, ())
        except psycopg.Error as error:
            self._goes_alone(error)

    def _goes_alone(self, error: psycopg.Error) -> None:
        with self._lock:
            if self._alone is None:
                _log.warning(
                    "the database of %s quotas is away (%s): this process uses %s %% of them by itself",
                    self._vendor,
                    type(error).__name__,
                    ceil(self._fallback_share * 100),
                )
            self._alone_until = time.monotonic() + _LOOK_AGAIN_AFTER

    def _counting_alone(self) -> RateLimiter:
        with self._lock:
            if self._alone is None:
                limits = [scaled(limit, self._fallback_share) for limit in self._limits]
                self._alone = RateLimiter(limits, self._clock)
            return self._alone
