"""The HTTP client every connector uses: one call in, a checked answer or a recovery class out.

Belongs here: sending, time limits, size limits, retries of what may be repeated. Does not belong here:
paths, paging and shapes of a vendor, nor the idempotency of posting (posting intents decide whether a write
is sent again).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

import httpx
from prometheus_client import REGISTRY, CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.transport.clock import Clock, MonotonicClock
from integration_pipeline.transport.failures import (
    Attempted,
    ErrorReply,
    FailureTable,
    QuotaExhausted,
    Throttled,
    Transient,
    Uncertain,
    VendorFailure,
    malformed,
    parse_http_date,
)
from integration_pipeline.transport.json_types import JsonValue, dump_json, parse_json
from integration_pipeline.transport.metrics import VendorMetrics
from integration_pipeline.transport.rate_limit import RateLimiter
from integration_pipeline.transport.shapes import Json

_ERROR_TEXT_BYTES = 2_000
_URLS_KEPT = 256


class BearerAuth(httpx.Auth):
    """`Authorization: Bearer …`. The token stays inside a SecretStr and leaves only in the header."""

    def __init__(self, token: SecretStr) -> None:
        text = token.get_secret_value()
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            # A line break pasted along with a token would otherwise show up, token and all, in httpx's error.
            raise ValueError("the bearer token is empty or holds spaces, line breaks or non-ASCII characters")
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds. `answer` bounds a whole call: `read` alone lets a server drip one byte at a time for ever."""

    connect: float = 5.0
    read: float = 30.0
    answer: float = 120.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a repeatable call is repeated.

    The wait before repetition n is drawn from [0, min(cap, base * 2^n)] ("full jitter": clients that failed
    together do not come back together). A `Retry-After` is a lower bound to it. `total_seconds` bounds
    everything.
    """

    attempts: int = 6
    base_seconds: float = 0.5
    cap_seconds: float = 15.0
    total_seconds: float = 90.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A 2xx answer, read completely. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    attempted: Attempted

    @property
    def served_at(self) -> datetime | None:
        """The vendor's clock when it answered, cut to the second; None if it does not tell."""
        return parse_http_date(self.headers.get("date", ""))

    def json(self) -> Json:
        """The parsed body; raises `Malformed` (for a write `Uncertain`) if it is not JSON."""
        try:
            return Json(parse_json(self.body), self.attempted)
        except ValueError as error:
            problem = f"answered {self.status} with a body that is not JSON: {error}"
        raise malformed(self.attempted, problem, status=self.status)


@dataclass(frozen=True, slots=True)
class _Call:
    attempted: Attempted
    operation: str
    params: Mapping[str, str] | None
    content: bytes | None
    headers: Mapping[str, str]
    bucket: str | None


class VendorClient:
    """Calls one vendor. Safe for threads; keeps connections alive; close it or use it as a context manager.

    `failures` holds the vendor's own reading of its errors, `limiter` its limits. Paths are relative to
    `base_url` and nothing else can be called, so the credentials never reach a host that an answer named.
    `idle_seconds`: how long an unused connection is kept. One that the vendor closed first is noticed before
    it is used again, but for a moment in which a write would become uncertain: stay below the vendor's own.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        *,
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        failures: FailureTable | None = None,
        limiter: RateLimiter | None = None,
        retries: RetryPolicy | None = None,
        time_limits: TimeLimits | None = None,
        max_answer_bytes: int = 64_000_000,
        max_connections: int = 16,
        idle_seconds: float = 5.0,
        registry: CollectorRegistry = REGISTRY,
        clock: Clock | None = None,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._vendor = vendor
        self._failures = failures or FailureTable()
        self._clock = clock or MonotonicClock()
        self._limiter = limiter or RateLimiter(clock=self._clock)
        self._retries = retries or RetryPolicy()
        self._limits = time_limits or TimeLimits()
        self._max_answer_bytes = max_answer_bytes
        self._jitter = jitter
        self.metrics = VendorMetrics(vendor, registry)
        self._http = httpx.Client(
            base_url=base_url,
            auth=auth,
            headers={"Accept": "application/json", **(headers or {})},
            # The pool hands out a connection as soon as another thread is done; waiting for one is not a
            # failure.
            timeout=httpx.Timeout(self._limits.read, connect=self._limits.connect, pool=self._limits.answer),
            limits=httpx.Limits(
                max_connections=max_connections,
                max_keepalive_connections=max_connections,
                keepalive_expiry=idle_seconds,
            ),
            follow_redirects=False,
        )
        self._url = lru_cache(_URLS_KEPT)(self._parsed_url)

    def __repr__(self) -> str:
        return f"VendorClient({self._vendor!r}, {str(self._http.base_url)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @property
    def load(self) -> float:
        """How much of the vendor's limits is used just now, from 0 to 1."""
        return self._limiter.load()

    def read(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        params: Mapping[str, str] | None = None,
        json: JsonValue = None,
        headers: Mapping[str, str] | None = None,
        bucket: str | None = None,
    ) -> Reply:
        """A call that changes nothing (a POST search is one): repeated under the retry policy.

        Raises the `VendorFailure` that was still there at the end.
        """
        attempted = Attempted(self._vendor, method, path, is_write=False)
        content = None if json is None else dump_json(json)
        sent = (
            dict(headers or {})
            if content is None
            else {"Content-Type": "application/json", **(headers or {})}
        )
        call = _Call(attempted, operation, params, content, sent, bucket)
        return self._repeat(call, (Transient, Throttled))

    def write(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        params: Mapping[str, str] | None = None,
        json: JsonValue = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        bucket: str | None = None,
        idempotent: bool = False,
    ) -> Reply:
        """A call that changes something: sent once, unless `idempotent` says the vendor recognises a
        repetition.

        `content` is a body encoded by the caller, with its `Content-Type` among `headers`; otherwise `json`
        is sent. Raises `Uncertain` whenever the vendor may have committed it, also when that was only the
        first of several attempts; any other class means that nothing was changed.
        """
        attempted = Attempted(self._vendor, method, path, is_write=True)
        sent = dict(headers or {})
        if content is None and json is not None:
            content = dump_json(json)
            sent = {"Content-Type": "application/json", **sent}
        call = _Call(attempted, operation, params, content, sent, bucket)
        return self._repeat(call, (Transient, Throttled, Uncertain) if idempotent else ())

    def _repeat(self, call: _Call, repeatable: tuple[type[VendorFailure], ...]) -> Reply:
        started = self._clock.now()
        uncertain: Uncertain | None = None
        attempt = 0
        while True:
            result = self._attempt(call)
            if isinstance(result, Reply):
                return result
            attempt += 1
            if isinstance(result, Uncertain):
                uncertain = result
            wait = self._wait_before(attempt, result)
            over = self._clock.now() - started + wait > self._retries.total_seconds
            if not _may_repeat(result, repeatable) or attempt >= self._retries.attempts or over:
                raise uncertain or result
            self.metrics.retried(call.operation)
            self.metrics.waited(call.operation, wait)
            self._clock.sleep(wait)

    def _wait_before(self, attempt: int, failure: VendorFailure) -> float:
        backoff = min(self._retries.cap_seconds, self._retries.base_seconds * 2 ** (attempt - 1))
        if failure.retry_after is None:
            return self._jitter(0.0, backoff)
        return failure.retry_after + self._jitter(0.0, min(backoff, self._retries.base_seconds))

    def _attempt(self, call: _Call) -> Reply | VendorFailure:
        # Failures are returned, not raised, out of the httpx handler: an exception raised in there would
        # carry httpx's own, with the request and its headers, along its chain.
        with self._limiter.slot(call.bucket) as waited:
            if waited:
                self.metrics.waited(call.operation, waited)
            started = self._clock.now()
            result = self._exchange(call)
            seconds = self._clock.now() - started
        throttled = isinstance(result, Throttled)
        if throttled:
            self._limiter.throttled(call.bucket, min(result.retry_after or 0.0, self._retries.cap_seconds))
        outcome = "ok" if isinstance(result, Reply) else type(result).__name__
        self.metrics.sent(call.operation, outcome, seconds, throttled=throttled)
        return result

    def _exchange(self, call: _Call) -> Reply | VendorFailure:
        attempted = call.attempted
        request = self._http.build_request(
            attempted.method,
            self._url(_relative(attempted.path), urlencode(call.params or {}, quote_via=quote)),
            content=call.content,
            headers=call.headers,
        )
        try:
            response = self._http.send(request, stream=True)
            try:
                body = self._body(response)
            finally:
                response.close()
        except httpx.HTTPError as error:
            return self._failures.of_exception(attempted, error)
        if body is None:
            problem = f"answered {response.status_code} with more than {self._max_answer_bytes} bytes"
            return malformed(attempted, problem, status=response.status_code)
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.is_success:
            return Reply(response.status_code, headers, body, attempted)
        credential = response.request.headers.get("authorization", "").rpartition(" ")[2]
        return self._failures.of_reply(
            attempted, _error_reply(response.status_code, headers, body), credential
        )

    def _parsed_url(self, path: str, query: str) -> httpx.URL:
        """An absolute URL. Given a relative one and parameters, httpx would parse three at every call."""
        return httpx.URL(f"{str(self._http.base_url).rstrip('/')}{path}{'?' if query else ''}{query}")

    def _body(self, response: httpx.Response) -> bytes | None:
        """The decoded body, or None once it passes the size limit; raises ReadTimeout past the whole-answer
        limit.
        """
        started = self._clock.now()
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > self._max_answer_bytes:
                return None
            if self._clock.now() - started > self._limits.answer:
                raise httpx.ReadTimeout("the answer as a whole took too long")
            chunks.append(chunk)
        return b"".join(chunks)


def _may_repeat(failure: VendorFailure, repeatable: tuple[type[VendorFailure], ...]) -> bool:
    return isinstance(failure, repeatable) and not isinstance(failure, QuotaExhausted)


def _relative(path: str) -> str:
    if not path.startswith("/") or path.startswith("//") or "?" in path or "#" in path:
        raise ValueError(f"a path starts with one slash and carries no query, got {path!r}")
    return path


def _error_reply(status: int, headers: Mapping[str, str], body: bytes) -> ErrorReply:
    text = body[:_ERROR_TEXT_BYTES].decode("utf-8", errors="replace")
    try:
        parsed = parse_json(body)
    except ValueError:
        parsed = None
    return ErrorReply(status, headers, parsed, text)
