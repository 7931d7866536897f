"""Salesforce's error bodies in terms of the transport's recovery classes.

Shape: `[{"message", "errorCode", "fields"?}]`; of the token endpoint `{"error", "error_description"}`. One
status stands for many causes, so it is the code that decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from integration_pipeline.transport.failures import (
    Conflict,
    ErrorReply,
    Explanation,
    FailureTable,
    QuotaExhausted,
    Rejected,
    Throttled,
    Transient,
    Unauthorized,
    VendorFailure,
    text_in,
)
from integration_pipeline.transport.json_types import JsonValue

_DAILY = "The org's API requests of 24 hours are used up; run again when some are free, or buy more."
_BUSY = "Too many calls of this org are running at once; wait and try again."
_FIELD = (
    "Check the name of the field in the mapping, and that the integration user may read it (field-level "
    "security): Salesforce says the same of both."
)
_SESSION = "Check that the app may use the API and that its user is active."
_LOG_IN = "Check consumer key, secret or certificate, and that the app is allowed to act as its user."
_LOCKED = "Somebody is writing the record just now; try again in a few seconds."
_AGAIN = "Try again; if it lasts, look at https://status.salesforce.com."
_DUPLICATE = "A duplicate rule of the org refuses this; change the record or the rule."
_CURSOR = "The cursor of this query is gone; read from the beginning."
_PAUSE = 5.0

_CODES: Mapping[str, tuple[type[VendorFailure], str]] = MappingProxyType(
    {
        "INVALID_FIELD": (Rejected, _FIELD),
        "INVALID_TYPE": (Rejected, _FIELD),
        "INVALID_SESSION_ID": (Unauthorized, _SESSION),
        "INVALID_AUTH_HEADER": (Unauthorized, _SESSION),
        "API_DISABLED_FOR_ORG": (
            Unauthorized,
            "This edition of Salesforce has no API; ask its administrator.",
        ),
        "INVALID_QUERY_LOCATOR": (Rejected, _CURSOR),
        "QUERY_TIMEOUT": (Transient, _AGAIN),
        "DUPLICATES_DETECTED": (Conflict, _DUPLICATE),
        "DUPLICATE_VALUE": (Conflict, "Another record has this value; find out which of them is meant."),
    }
)
# Nothing was done by a write that was refused so, which a status alone would leave uncertain.
LOCKED = "UNABLE_TO_LOCK_ROW"


def explain(reply: ErrorReply) -> Explanation:
    """The message with its code; which recovery class it is, where the status says too little."""
    body = reply.body
    if isinstance(body, Mapping):
        return _of_log_in(body)
    problems = [each for each in body if isinstance(each, Mapping)] if isinstance(body, list) else []
    if not problems:
        return Explanation(message=reply.text)
    code = text_in(problems[0], "errorCode")
    message = "; ".join(text_in(each, "message") for each in problems[:3]) + (f" ({code})" if code else "")
    if code == "REQUEST_LIMIT_EXCEEDED":
        if "TotalRequests" in message:
            return Explanation(message, failure=QuotaExhausted, action=_DAILY)
        return Explanation(message, failure=Throttled, action=_BUSY, retry_after=_PAUSE)
    if code == LOCKED:
        return Explanation(message, failure=Transient, action=_LOCKED)
    failure, action = _CODES.get(code, (None, None))
    return Explanation(message, failure=failure, action=action)


SALESFORCE_FAILURES = FailureTable(explain)


def _of_log_in(body: Mapping[str, JsonValue]) -> Explanation:
    error = text_in(body, "error")
    description = text_in(body, "error_description")
    message = f"{description} ({error})" if error and description else error or description
    return Explanation(message, failure=Unauthorized if error else None, action=_LOG_IN if error else None)
