"""Plaid's error bodies in terms of the transport's recovery classes.

Shape: `{error_type, error_code, error_message, display_message, request_id, …}`. Nearly everything is a 400,
so the type and the code decide (https://plaid.com/docs/errors).
"""

from __future__ import annotations

from collections.abc import Mapping

from integration_pipeline.transport.failures import (
    ErrorReply,
    Explanation,
    FailureTable,
    Rejected,
    Throttled,
    Transient,
    Unauthorized,
    VendorFailure,
    text_in,
)

MUTATED = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"

# A minute's window rolls, so that a part of it is free again soon.
_PAUSE_SECONDS = 5.0
_SIGN_IN = (
    "Renew the credentials of this connection: somebody signs in to the bank again, in Link's update mode."
)
_KEYS = "Check PLAID_CLIENT_ID, PLAID_SECRET and that they are of this environment."
_TOKEN = "Connect the bank again: Plaid does not know this access token."  # noqa: S105 - advice
_AGAIN = "The bank's data changed while it was read; the sync is begun again from its first cursor."

_CODES: Mapping[str, tuple[type[VendorFailure], str]] = {
    "ITEM_LOGIN_REQUIRED": (Unauthorized, _SIGN_IN),
    "PENDING_DISCONNECT": (Unauthorized, _SIGN_IN),
    "ACCESS_NOT_GRANTED": (Unauthorized, _SIGN_IN),
    "ITEM_NOT_FOUND": (Unauthorized, _TOKEN),
    "INVALID_ACCESS_TOKEN": (Unauthorized, _TOKEN),
    "INVALID_API_KEYS": (Unauthorized, _KEYS),
    "UNAUTHORIZED_ENVIRONMENT": (Unauthorized, _KEYS),
    "PRODUCT_NOT_READY": (Transient, "Plaid is still reading this bank; run again in a few minutes."),
}
_TYPES: Mapping[str, tuple[type[VendorFailure], str | None]] = {
    "RATE_LIMIT_EXCEEDED": (Throttled, None),
    "INSTITUTION_ERROR": (Transient, "The bank does not answer Plaid; try again later."),
    "API_ERROR": (Transient, None),
}


class MutatedDuringSync(Rejected):
    """What was read so far of a sync no longer fits together: begin again from its first cursor."""


def explain(reply: ErrorReply) -> Explanation:
    """The message with its code, and what is to be done about that code."""
    body = reply.body
    if not isinstance(body, Mapping) or not text_in(body, "error_code"):
        return Explanation(message=reply.text)
    kind, code = text_in(body, "error_type"), text_in(body, "error_code")
    said = f"{text_in(body, 'error_message')} ({kind} {code})"
    correlation = text_in(body, "request_id") or None
    if code == MUTATED:
        return Explanation(said, correlation, MutatedDuringSync, _AGAIN)
    failure, action = _CODES.get(code) or _TYPES.get(kind) or (None, None)
    # Of a write that failed inside Plaid nobody knows what became; the table has that by status.
    if failure is Transient and reply.status >= 500:
        failure, action = None, None
    pause = _PAUSE_SECONDS if failure is Throttled else None
    return Explanation(said, correlation, failure, action, pause)


PLAID_FAILURES = FailureTable(explain)
