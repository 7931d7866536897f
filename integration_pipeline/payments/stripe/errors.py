"""Stripe's error bodies in terms of the transport's recovery classes.

Shape: `{"error": {type, code, message, param, request_log_url, …}}`, the request's id in `Request-Id`.
"""

from __future__ import annotations

from collections.abc import Mapping

from integration_pipeline.transport.failures import (
    ErrorReply,
    Explanation,
    FailureTable,
    Rejected,
    Transient,
    text_in,
)

# A 429 has no Retry-After. Its second rolls, so that a part of it is free again soon.
_PAUSE_SECONDS = 1.0
_LOCKED = "Stripe holds a lock on this object; try again in a moment."


def explain(reply: ErrorReply) -> Explanation:
    """The message with its code; which limit a 429 is for; a lock is no limit."""
    error = reply.body.get("error") if isinstance(reply.body, Mapping) else None
    correlation = reply.headers.get("request-id")
    if not isinstance(error, Mapping):
        return Explanation(message=reply.text, correlation_id=correlation)
    code = text_in(error, "code") or text_in(error, "type")
    param = text_in(error, "param")
    said = f"{text_in(error, 'message')} ({code}{f', {param}' if param else ''})"
    if reply.status == 429 and code == "lock_timeout":
        return Explanation(said, correlation, Transient, _LOCKED)
    if reply.status == 429:
        limit = reply.headers.get("stripe-rate-limited-reason", "")
        return Explanation(f"{said} [{limit}]" if limit else said, correlation, retry_after=_PAUSE_SECONDS)
    if reply.status == 402:
        return Explanation(said, correlation, Rejected)
    return Explanation(said, correlation)


STRIPE_FAILURES = FailureTable(explain)
