"""Counters of vendor calls: for Prometheus, and as totals that a stage report can show.

Labels are bounded: vendor, account (a tenant this pipeline is connected to), operation (the connector's own
name for a call, never a path with ids), outcome.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram


@dataclass(frozen=True, slots=True)
class Totals:
    """Calls of one client so far. `seconds` were spent in calls, `waited_seconds` on limits and between
    retries.
    """

    requests: int = 0
    retries: int = 0
    throttled: int = 0
    failed: int = 0
    seconds: float = 0.0
    waited_seconds: float = 0.0

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.requests + other.requests,
            self.retries + other.retries,
            self.throttled + other.throttled,
            self.failed + other.failed,
            self.seconds + other.seconds,
            self.waited_seconds + other.waited_seconds,
        )

    def __sub__(self, other: Totals) -> Totals:
        """What happened since `other` was taken."""
        return Totals(
            self.requests - other.requests,
            self.retries - other.retries,
            self.throttled - other.throttled,
            self.failed - other.failed,
            self.seconds - other.seconds,
            self.waited_seconds - other.waited_seconds,
        )


class _Instruments:
    def __init__(self, registry: CollectorRegistry) -> None:
        by_outcome = ("vendor", "account", "operation", "outcome")
        by_operation = ("vendor", "operation")
        self.requests = Counter(
            "vendor_requests", "Requests sent to a vendor, retries included", by_outcome, registry=registry
        )
        self.retries = Counter("vendor_retries", "Requests sent again", by_operation, registry=registry)
        self.seconds = Histogram(
            "vendor_request_seconds", "Time from sending to the whole answer", by_operation, registry=registry
        )
        self.waited = Counter(
            "vendor_wait_seconds",
            "Time spent on rate limits and between retries",
            by_operation,
            registry=registry,
        )
        self.quota_left = Gauge(
            "vendor_quota_left",
            "Calls left in a window, by the vendor's word or our count, whichever came last",
            ("vendor", "account", "window"),
            registry=registry,
        )


# A registry refuses a metric's name twice, and every client of a process shares one registry.
_instruments: WeakKeyDictionary[CollectorRegistry, _Instruments] = WeakKeyDictionary()
_instruments_lock = threading.Lock()


def _instruments_of(registry: CollectorRegistry) -> _Instruments:
    with _instruments_lock:
        if registry not in _instruments:
            _instruments[registry] = _Instruments(registry)
        return _instruments[registry]


class VendorMetrics:
    """Records the calls of one client. Safe for threads."""

    def __init__(self, vendor: str, registry: CollectorRegistry = REGISTRY, *, account: str = "") -> None:
        self._vendor = vendor
        self._account = account
        self._instruments = _instruments_of(registry)
        self._lock = threading.Lock()
        self._by_operation: defaultdict[str, Totals] = defaultdict(Totals)

    def sent(self, operation: str, outcome: str, seconds: float, *, throttled: bool) -> None:
        """One request went out and ended: `outcome` is `ok` or the name of a recovery class."""
        self._instruments.requests.labels(self._vendor, self._account, operation, outcome).inc()
        self._instruments.seconds.labels(self._vendor, operation).observe(seconds)
        failed = outcome != "ok"
        self._add(operation, Totals(requests=1, throttled=throttled, failed=failed, seconds=seconds))

    def retried(self, operation: str) -> None:
        self._instruments.retries.labels(self._vendor, operation).inc()
        self._add(operation, Totals(retries=1))

    def waited(self, operation: str, seconds: float) -> None:
        self._instruments.waited.labels(self._vendor, operation).inc(seconds)
        self._add(operation, Totals(waited_seconds=seconds))

    def quota_left(self, window: str, remaining: int) -> None:
        """How many calls the vendor has left for us in a window."""
        self._instruments.quota_left.labels(self._vendor, self._account, window).set(remaining)

    def totals(self) -> Totals:
        """All calls of this client so far."""
        return sum(self.by_operation().values(), Totals())

    def by_operation(self) -> Mapping[str, Totals]:
        with self._lock:
            return dict(self._by_operation)

    def _add(self, operation: str, more: Totals) -> None:
        with self._lock:
            self._by_operation[operation] += more
