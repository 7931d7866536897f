"""What a CRM announces, as the gateway hands it to the inbox."""

from __future__ import annotations

from datetime import UTC, datetime

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.webhooks import WebhookEvent


def announced(
    key: str,
    external_id: str,
    kind: ObjectType = ObjectType.DEAL,
    *,
    source: str = "hubspot",
    at: datetime | None = None,
) -> WebhookEvent:
    """That a record changed `at` that moment, or now; `key` is the event's own."""
    occurred_at = at or datetime.now(UTC)
    return WebhookEvent(source, key, f"{kind.value}.change", kind, (external_id,), occurred_at, {})
