"""Usage events for tests, by the few things a test is about."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from integration_pipeline.billing.usage.events import UsageEvent


def instant(text: str) -> datetime:
    """`2026-01-31` or `2026-01-31T08:00`, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def event(
    occurred: str, quantity: int | str = 1, received: str | None = None, event_id: str = "", **properties: str
) -> UsageEvent:
    """An event of the metric `calls`, received when it occurred unless stated."""
    return UsageEvent(
        event_id=event_id or f"{occurred} {quantity} {sorted(properties.items())}",
        customer="acme",
        metric="calls",
        occurred_at=instant(occurred),
        received_at=instant(received or occurred),
        quantity=Decimal(quantity),
        properties=properties,
    )
