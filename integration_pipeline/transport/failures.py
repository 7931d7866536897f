"""What a call to a vendor can end in, named by what the caller must do next.

Belongs here: the recovery classes, the one table from HTTP status or httpx exception to class and advice,
and the cleaning of vendor text for messages. Does not belong here: waiting and retrying (`client`), and
what one vendor means by one of its error bodies (that vendor's folder, handed in as `explain`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from math import isfinite
from types import MappingProxyType

import httpx

from integration_pipeline.transport.json_types import JsonValue

MAX_VENDOR_TEXT = 300
# A vendor's header must not lead out of the calendar.
_LONGEST_QUOTA = 366 * 86_400.0
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


@dataclass(frozen=True, slots=True)
class Attempted:
    """The call a failure speaks of. `path` carries no query string: queries may hold secrets.

    Of a confidential call's answer nothing is quoted but what the vendor's `explain` picks of an error.
    """

    vendor: str
    method: str
    path: str
    is_write: bool
    is_confidential: bool = False

    def __str__(self) -> str:
        return f"{self.vendor}: {self.method} {self.path}"


class VendorFailure(Exception):  # noqa: N818 - its subclasses are named by recovery
    """Base of all recovery classes. The message names the call, the status, the vendor's words and the next
    step.

    Never in the message, the attributes or the exception chain: headers, tokens, query strings, request
    bodies.
    """

    def __init__(
        self,
        attempted: Attempted,
        problem: str,
        action: str,
        *,
        status: int | None = None,
        vendor_message: str = "",
        correlation_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.attempted = attempted
        self.problem = problem
        self.action = action
        self.status = status
        self.vendor_message = vendor_message
        self.correlation_id = correlation_id
        self.retry_after = retry_after
        said = f': "{vendor_message}"' if vendor_message else ""
        trace = f" [correlation id {correlation_id}]" if correlation_id else ""
        super().__init__(f"{attempted} {problem}{said}{trace}. {action}")


class Transient(VendorFailure):
    """Nothing happened at the vendor, or it was only a read: the same call may be sent again."""


class Throttled(VendorFailure):
    """Refused for its rate before anything was done. `retry_after` is in seconds, None if the vendor did
    not say.
    """


class QuotaExhausted(Throttled):
    """A quota that minutes of waiting do not refill, such as a daily one: stop and run again later.

    `retry_after` is in seconds, None if nobody knows when the quota is free again.
    """

    @property
    def free_at(self) -> datetime | None:
        """When it will be free again, by our clock, UTC."""
        if self.retry_after is None:
            return None
        return datetime.now(UTC) + timedelta(seconds=min(self.retry_after, _LONGEST_QUOTA))


class Uncertain(VendorFailure):
    """A write that may or may not have happened: look it up before sending it again."""


class Rejected(VendorFailure):
    """A definite refusal: the record or the request has to change first."""


class NotFound(Rejected):
    """The addressed record does not exist, or these credentials may not see it."""


class Conflict(Rejected):
    """The vendor holds a newer version or a duplicate: read its state, then decide."""


class Unauthorized(VendorFailure):
    """The credentials are wrong, expired or lack a permission: renew or widen them."""


class Withheld(VendorFailure):
    """We did not send it: whoever made the call had lost the right to. The vendor knows of nothing."""


class Malformed(VendorFailure):
    """An answer that does not parse or has the wrong shape: nothing of it was used."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of the table: the recovery class for a read, for a write, and the advice in the message."""

    on_read: type[VendorFailure]
    on_write: type[VendorFailure]
    action: str


def _both(failure: type[VendorFailure], action: str) -> Outcome:
    return Outcome(failure, failure, action)


_RENEW = "Renew the credentials of this connection."
_FIX = "Correct the record or the request; sending it again unchanged will be refused again."
_LATER = "Try again later; for a write, first look up whether it arrived."
_SLOW_DOWN = "Wait as long as the vendor asks, then try again."
_NOT_SENT = "Nothing was sent; check the address and the network, then try again."
_NOT_HTTP = "This cannot be sent as HTTP; check the headers and the credentials."
_CHECK_URL = "Check the base URL and the API version of this connection."

# A write answered 408 or 5xx may have been committed before the answer was lost in a gateway, so it is never
# "failed": see `Uncertain`.
STATUSES: Mapping[int, Outcome] = MappingProxyType(
    {
        401: _both(Unauthorized, _RENEW),
        403: _both(Unauthorized, "Grant these credentials the permission the vendor names."),
        404: _both(NotFound, "Check the record id and that these credentials may see it."),
        408: Outcome(Transient, Uncertain, _LATER),
        409: _both(Conflict, "Read the vendor's current record, then decide whether to send this again."),
        410: _both(NotFound, "The record is gone at the vendor; decide whether it should be."),
        412: _both(Conflict, "Read the vendor's current version, then apply the change to that."),
        425: Outcome(Transient, Uncertain, _LATER),
        429: _both(Throttled, _SLOW_DOWN),
    }
)
STATUS_CLASSES: Mapping[int, Outcome] = MappingProxyType(
    {
        1: Outcome(Malformed, Uncertain, _CHECK_URL),
        3: _both(Rejected, _CHECK_URL),
        4: _both(Rejected, _FIX),
        5: Outcome(Transient, Uncertain, _LATER),
    }
)
# First match wins. Down to the comment the request certainly never left.
EXCEPTIONS: tuple[tuple[type[Exception], Outcome], ...] = (
    (httpx.ConnectError, _both(Transient, _NOT_SENT)),
    (httpx.ConnectTimeout, _both(Transient, _NOT_SENT)),
    (httpx.PoolTimeout, _both(Transient, _NOT_SENT)),
    (httpx.ProxyError, _both(Transient, _NOT_SENT)),
    (httpx.UnsupportedProtocol, _both(Rejected, _CHECK_URL)),
    (httpx.LocalProtocolError, _both(Rejected, _NOT_HTTP)),
    # From here on some of it may have arrived.
    (httpx.DecodingError, Outcome(Malformed, Uncertain, _LATER)),
    (httpx.TransportError, Outcome(Transient, Uncertain, _LATER)),
)


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """What a vendor's `explain` may look at: `body` is parsed JSON, or None when it was not JSON."""

    status: int
    headers: Mapping[str, str]
    body: JsonValue
    text: str


def text_in(body: Mapping[str, JsonValue], name: str) -> str:
    """A text in an error's body; empty where there is none, or something else."""
    value = body.get(name)
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a vendor's error body says. `failure`, `action` and `retry_after` (seconds) override the table."""

    message: str = ""
    correlation_id: str | None = None
    failure: type[VendorFailure] | None = None
    action: str | None = None
    retry_after: float | None = None


def unexplained(reply: ErrorReply) -> Explanation:
    """For vendors without a known error shape: the body's text as it is."""
    return Explanation(message=reply.text)


@dataclass(frozen=True, slots=True)
class FailureTable:
    """The table in force for one vendor: ours, with that vendor's exceptions to it."""

    explain: Callable[[ErrorReply], Explanation] = unexplained
    statuses: Mapping[int, Outcome] = field(default_factory=lambda: STATUSES)

    def overridden(self, statuses: Mapping[int, Outcome]) -> FailureTable:
        return replace(self, statuses={**self.statuses, **statuses})

    def of_reply(self, attempted: Attempted, reply: ErrorReply, *secrets: str) -> VendorFailure:
        """Classify an answer that is not 2xx. `secrets` are cut out of the vendor's words should they echo
        them.
        """
        said = self.explain(reply)
        if attempted.is_confidential and self.explain is unexplained:
            said = Explanation()
        row = self.statuses.get(reply.status) or STATUS_CLASSES.get(reply.status // 100) or STATUS_CLASSES[5]
        failure = said.failure or (row.on_write if attempted.is_write else row.on_read)
        retry_after = parse_retry_after(reply.headers.get("retry-after"))
        return failure(
            attempted,
            f"answered {reply.status}",
            said.action or row.action,
            status=reply.status,
            vendor_message=clean(said.message, *secrets),
            correlation_id=clean(said.correlation_id, *secrets) if said.correlation_id else None,
            retry_after=said.retry_after if retry_after is None else retry_after,
        )

    def of_exception(self, attempted: Attempted, error: httpx.HTTPError) -> VendorFailure:
        """Classify a call without an answer. Only a connection error's text is quoted; others may hold
        headers.
        """
        row = next((row for kind, row in EXCEPTIONS if isinstance(error, kind)), EXCEPTIONS[-1][1])
        failure = row.on_write if attempted.is_write else row.on_read
        reason = f" ({clean(str(error))})" if isinstance(error, httpx.ConnectError) else ""
        return failure(attempted, f"got no answer: {type(error).__name__}{reason}", row.action)


def malformed(attempted: Attempted, problem: str, *, status: int | None = None) -> VendorFailure:
    """An unusable answer: `Malformed` for a read, `Uncertain` for a write, since the vendor did accept it."""
    if attempted.is_write:
        action = "The write was accepted but its answer cannot be read; look it up before sending it again."
        return Uncertain(attempted, problem, action, status=status)
    return Malformed(
        attempted, problem, "Nothing of this answer was used; report it to the vendor.", status=status
    )


def quota_spent(attempted: Attempted, quota: str, free_in: float | None) -> QuotaExhausted:
    """A call that was not sent because a quota is known to be used up."""
    again = f"in {timedelta(seconds=round(free_in))} hours" if free_in is not None else "later"
    return QuotaExhausted(
        attempted,
        f"was not sent: the quota {quota!r} is used up",
        f"Run again {again}, or raise the quota.",
        retry_after=free_in,
    )


def withheld(attempted: Attempted, reason: str) -> Withheld:
    """A call that was stopped just before it went out (`withholding`)."""
    return Withheld(attempted, f"was not sent: {reason}", "Whoever has the right now sends it.")


def not_authenticated(attempted: Attempted, failure: VendorFailure) -> VendorFailure:
    """A call that authentication stopped before the vendor did anything: it is never uncertain."""
    kind = type(failure) if isinstance(failure, Transient | Throttled | Unauthorized) else Unauthorized
    problem = f"was not done, because its authentication failed: {failure.attempted} {failure.problem}"
    return kind(
        attempted,
        problem,
        failure.action,
        status=failure.status,
        vendor_message=failure.vendor_message,
        correlation_id=failure.correlation_id,
        retry_after=failure.retry_after,
    )


def clean(text: str, *secrets: str) -> str:
    """Vendor text fit for a log line: no control or direction characters, no secret, at most 300
    characters.
    """
    # The cut must not split a secret, so they are removed first, and a longer one before its parts.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "[redacted]")
    text = " ".join(_UNPRINTABLE.sub(" ", text).split())
    return text if len(text) <= MAX_VENDOR_TEXT else text[: MAX_VENDOR_TEXT - 1] + "…"


def parse_retry_after(value: str | None) -> float | None:
    """Seconds to wait from a `Retry-After` header (RFC 9110, seconds or HTTP date); None if absent or
    unreadable.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        moment = parse_http_date(value)
        if moment is None:
            return None
        seconds = (moment - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if isfinite(seconds) else None


def parse_http_date(value: str) -> datetime | None:
    """The moment an HTTP date header names, in UTC; None if it is unreadable."""
    try:
        moment = parsedate_to_datetime(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
