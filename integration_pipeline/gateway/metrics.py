"""What the gateway counts and measures, in Prometheus's terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from integration_pipeline.inbox.receiving import Kept

Outcome: TypeAlias = Literal["accepted", "forged", "malformed", "too_large", "too_slow", "unavailable"]
_OUTCOMES: Final[tuple[Outcome, ...]] = (
    "accepted",
    "forged",
    "malformed",
    "too_large",
    "too_slow",
    "unavailable",
)
_SOURCES: Final = ("hubspot", "salesforce", "quickbooks", "xero", "stripe", "plaid")
_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """Counters of this process, in a registry of their own, and gauges that others hand in."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = Counter(
            "gateway_webhook_requests",
            "Webhook requests by what became of them",
            ["source", "outcome"],
            registry=self._registry,
        )
        self._usage_requests = Counter(
            "gateway_usage_requests",
            "Usage reports by what became of them",
            ["outcome"],
            registry=self._registry,
        )
        self._events = Counter(
            "gateway_webhook_events",
            "Events kept: new, known (delivered before) or ignored (of a type without use)",
            ["outcome"],
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "gateway_webhook_request_seconds",
            "From a webhook request's headers to its answer",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._commit_seconds = Histogram(
            "gateway_commit_seconds",
            "One transaction that keeps events, from the statement to the disk",
            buckets=_SECONDS,
            registry=self._registry,
        )
        # What never happened is 0, not absent: an alert on its rate must see the first one.
        for outcome in _OUTCOMES:
            for source in _SOURCES:
                self._requests.labels(source, outcome)
            self._usage_requests.labels(outcome)
        for outcome in ("new", "known", "ignored"):
            self._events.labels(outcome)

    def webhook(self, source: str, outcome: Outcome, seconds: float) -> None:
        """One webhook request was answered."""
        self._requests.labels(source, outcome).inc()
        self._request_seconds.observe(seconds)

    def usage(self, outcome: Outcome) -> None:
        """One usage report was answered."""
        self._usage_requests.labels(outcome).inc()

    def committed(self, kept: Kept, seconds: float) -> None:
        """One transaction kept events."""
        self._commit_seconds.observe(seconds)
        for outcome, events in (("new", kept.new), ("known", kept.known), ("ignored", kept.ignored)):
            self._events.labels(outcome).inc(events)

    def exposition(self, gauges: Sequence[tuple[str, str, float]]) -> bytes:
        """Everything in Prometheus's text format; `gauges` are names, meanings and values of the moment."""
        registry = CollectorRegistry()
        for name, meaning, value in gauges:
            Gauge(name, meaning, registry=registry).set(value)
        return generate_latest(self._registry) + generate_latest(registry)
