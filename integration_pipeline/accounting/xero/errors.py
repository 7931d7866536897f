"""Xero's refusals in terms of the transport's recovery classes, and in words a bookkeeper can act on.

Two shapes: the platform's `{"Title", "Status", "Detail"}`, and the Accounting API's `{"ErrorNumber", "Type",
"Message", "Elements": [{"ValidationErrors": [{"Message"}]}]}`. A 429 has no body: its header says which
limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from integration_pipeline.accounting.strangers import NotTheVendors
from integration_pipeline.accounting.target import Refused
from integration_pipeline.transport.failures import (
    ErrorReply,
    Explanation,
    FailureTable,
    QuotaExhausted,
    Throttled,
    VendorFailure,
    clean,
    text_in,
)
from integration_pipeline.transport.json_types import JsonValue

_PAUSE = 1.0
_MOST_MESSAGES = 5
_DAILY = "The organisation's calls of the day are used up; they are free again after the time Xero named."
_CONNECT = "Connect the organisation again, with the scopes named in the documentation."

_LEFT = {"x-daylimit-remaining": "day", "x-minlimit-remaining": "minute"}

_NUMBER_TAKEN = re.compile(r"# must be unique", re.IGNORECASE)
_NAME_TAKEN = re.compile(r"contact name .*(already assigned|must be unique)", re.IGNORECASE | re.DOTALL)
_NEXT_STEPS: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern, re.IGNORECASE), step)
    for pattern, step in (
        (
            r"lock date",
            "Move the lock date in Xero (Accounting, Advanced, Financial settings), or book it there by hand",
        ),
        (r"not subscribed to currency", "Add the currency in Xero (Settings, Currencies)"),
        (r"archived", "Restore what was archived in Xero, or name another in the targets file"),
        (
            r"contact",
            "Look at the customer's contact in Xero; link another one to the customer here if needed",
        ),
        (r"tax ?type|tax rate|tax amount", "Correct `taxes` or `untaxed` in the targets file"),
        (r"account", "Correct the account in the targets file, or create it in Xero"),
        (
            r"outstanding|paid off|Authorised",
            "Look at the document in Xero: somebody has settled or changed it",
        ),
    )
)
_ELSE = "Correct it in Xero or in the targets file"


def explain(reply: ErrorReply) -> Explanation:
    """The message with its details; a used-up day is not worth waiting for, and a 400 in other words than
    Xero's is not Xero's.
    """
    if reply.status == 429:
        problem = reply.headers.get("x-rate-limit-problem", "")
        if problem.lower() == "day":
            return Explanation("the daily limit", failure=QuotaExhausted, action=_DAILY)
        # Only concurrency has no Retry-After: some call will be over soon.
        return Explanation(f"the limit: {problem}" if problem else "", failure=Throttled, retry_after=_PAUSE)
    if not isinstance(reply.body, Mapping):
        return _foreign(reply)
    body = reply.body
    if "Title" in body:
        said = ": ".join(filter(None, (text_in(body, "Title"), text_in(body, "Detail"))))
        return Explanation(
            said,
            correlation_id=text_in(body, "Instance") or None,
            action=_CONNECT if _lacks_access(reply) else None,
        )
    details = list(dict.fromkeys(_messages(body)))[:_MOST_MESSAGES]
    said = "; ".join(details) or text_in(body, "Message")
    return Explanation(said) if said else _foreign(reply)


XERO_FAILURES = FailureTable(explain)


def quota_left(headers: Mapping[str, str]) -> Mapping[str, int]:
    """How many calls are left, by the labels of `XeroConfig.limits`.

    None left of the minute is no news: a refusal says by itself when there will be, mostly much sooner than
    in a minute.
    """
    told = {label: headers.get(name, "") for name, label in _LEFT.items()}
    left = {label: int(text) for label, text in told.items() if text.isascii() and text.isdecimal()}
    return {label: calls for label, calls in left.items() if calls or label != "minute"}


def refused(what: str, messages: Sequence[str]) -> Refused:
    """What Xero's validation errors of one element come to; `what` names it: `invoice INV-000007`."""
    said = "; ".join(clean(each) for each in messages[:_MOST_MESSAGES]) or "no reason given"
    step = next((step for pattern, step in _NEXT_STEPS if pattern.search(said)), _ELSE)
    return Refused(
        reason=f"Xero refused {what}: {said}. {step}; then send it again (`targets resend`).",
        code="ValidationException",
        duplicate=_NUMBER_TAKEN.search(said) is not None,
    )


def refused_whole(what: str, failure: VendorFailure) -> Refused:
    """What a refusal of a whole request with one element in it comes to."""
    if failure.status == 400 and failure.vendor_message:
        return refused(what, [failure.vendor_message])
    return Refused(f"{what}: {failure}", code=str(failure.status) if failure.status else None)


def name_taken(messages: Sequence[str]) -> bool:
    """Whether a contact was refused for its name, which another active one has."""
    return any(_NAME_TAKEN.search(each) for each in messages)


def _foreign(reply: ErrorReply) -> Explanation:
    return Explanation(reply.text, failure=NotTheVendors if reply.status == 400 else None)


def _lacks_access(reply: ErrorReply) -> bool:
    """A token that is good, but not for this: another organisation, or a scope it was not granted."""
    return reply.status == 403 or "insufficient_scope" in reply.headers.get("www-authenticate", "")


def _messages(body: Mapping[str, JsonValue]) -> Iterator[str]:
    for element in _objects(body.get("Elements")):
        for error in _objects(element.get("ValidationErrors")):
            yield text_in(error, "Message")


def _objects(value: JsonValue) -> Iterator[Mapping[str, JsonValue]]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, Mapping))
