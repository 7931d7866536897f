"""HubSpot's error bodies in terms of the transport's recovery classes.

Shape: `{status, message, category, correlationId, errors: [{message, code, in}], policyName?}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from integration_pipeline.transport.failures import (
    ErrorReply,
    Explanation,
    FailureTable,
    Outcome,
    QuotaExhausted,
    Throttled,
    Transient,
    text_in,
)
from integration_pipeline.transport.json_types import JsonValue

# Neither 429 carries a Retry-After (search answers carry no rate-limit header at all). The ten-second window
# rolls, so a part of it is free again soon, and the retry policy's repeated waits outlast it.
_PAUSES = MappingProxyType({"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 2.0})
_LOCKED = "HubSpot holds a lock on this record; try again in a few seconds."
_MIGRATING = "HubSpot is moving this account; run again after the time it names."


def explain(reply: ErrorReply) -> Explanation:
    """The message with its category and details; a used-up daily quota is not worth waiting for."""
    if not isinstance(reply.body, Mapping):
        return Explanation(message=reply.text)
    body = reply.body
    policy = text_in(body, "policyName")
    parts = [text_in(body, "message"), *_details(body.get("errors"))]
    category = text_in(body, "category") or policy
    message = "; ".join(part for part in parts if part) + (f" ({category})" if category else "")
    daily = reply.status == 429 and policy == "DAILY"
    return Explanation(
        message=message,
        correlation_id=text_in(body, "correlationId") or None,
        failure=QuotaExhausted if daily else None,
        action="The daily quota of this app is used up; run again tomorrow or raise it." if daily else None,
        retry_after=_PAUSES.get(policy) if reply.status == 429 else None,
    )


HUBSPOT_FAILURES = FailureTable(explain).overridden(
    {
        423: Outcome(Transient, Transient, _LOCKED),
        477: Outcome(Throttled, Throttled, _MIGRATING),
    }
)


def _details(errors: JsonValue) -> list[str]:
    if not isinstance(errors, list):
        return []
    return [text_in(error, "message") for error in errors[:3] if isinstance(error, Mapping)]
