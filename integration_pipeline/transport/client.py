"""The HTTP client every connector uses: one call in, a checked answer or a recovery class out.

Belongs here: sending, retries of what may be repeated, keeping to the vendor's limits. Does not belong here:
paths, paging and shapes of a vendor, nor the idempotency of posting (posting intents decide whether a write
is sent again).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

import httpx
from prometheus_client import REGISTRY, CollectorRegistry

from integration_pipeline.transport.auth import BasicAuth, BearerAuth, HeaderAuth
from integration_pipeline.transport.calls import Body, Call, Form, Reply, idempotency_header
from integration_pipeline.transport.clock import Clock, MonotonicClock
from integration_pipeline.transport.failures import (
    Attempted,
    FailureTable,
    QuotaExhausted,
    Throttled,
    Transient,
    Uncertain,
    VendorFailure,
    malformed,
    not_authenticated,
    quota_spent,
    withheld,
)
from integration_pipeline.transport.json_types import JsonValue
from integration_pipeline.transport.limits import Limiter, QuotaSpentError
from integration_pipeline.transport.metrics import VendorMetrics
from integration_pipeline.transport.policies import RetryPolicy, TimeLimits
from integration_pipeline.transport.rate_limit import RateLimiter
from integration_pipeline.transport.wire import Turn, error_reply, open_http, read_body, timeout
from integration_pipeline.transport.withholding import WithheldError

__all__ = ["BasicAuth", "BearerAuth", "HeaderAuth", "Reply", "RetryPolicy", "TimeLimits", "VendorClient"]

_URLS_KEPT = 256

QuotaHeaders = Callable[[Mapping[str, str]], Mapping[str, int]]
"""Reads from an answer's headers (lower case names) how many calls are left, by a window's label."""


class VendorClient:
    """Calls one vendor. Safe for threads; keeps connections alive; close it or use it as a context manager.

    `failures` holds the vendor's own reading of its errors, `limiter` its limits, `quota_headers` where its
    answers tell what is left of them. Paths are relative to `base_url` and nothing else can be called, so the
    credentials never reach a host that an answer named. `auth` may send a request a second time (a token that
    was just renewed): that takes a slot of its own. `account` is a label of the metrics.
    `idle_seconds`: how long an unused connection is kept. One that the vendor closed first is noticed before
    it is used again, but for a moment in which a write would become uncertain: stay below the vendor's own.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        *,
        account: str = "",
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        failures: FailureTable | None = None,
        limiter: Limiter | None = None,
        quota_headers: QuotaHeaders | None = None,
        retries: RetryPolicy | None = None,
        time_limits: TimeLimits | None = None,
        idempotency_key_header: str = "Idempotency-Key",
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
        self._quota_headers = quota_headers
        self._retries = retries or RetryPolicy()
        self._limits = time_limits or TimeLimits()
        self._idempotency_key_header = idempotency_key_header
        self._max_answer_bytes = max_answer_bytes
        self._jitter = jitter
        self.metrics = VendorMetrics(vendor, registry, account=account)
        self._http = open_http(
            base_url,
            auth=auth,
            headers={"Accept": "application/json", **(headers or {})},
            limits=self._limits,
            max_connections=max_connections,
            idle_seconds=idle_seconds,
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
        form: Form | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        bucket: str | None = None,
        limits: TimeLimits | None = None,
        confidential: bool = False,
    ) -> Reply:
        """A call that changes nothing (a POST search is one): repeated under the retry policy.

        Bodies, `limits` and `confidential` as for `write`. Raises the `VendorFailure` that was still there at
        the end.
        """
        attempted = Attempted(self._vendor, method, path, is_write=False, is_confidential=confidential)
        call = self._call(attempted, operation, params, Body(json, form, content), headers, bucket, limits)
        return self._repeat(call, (Transient, Throttled))

    def write(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        params: Mapping[str, str] | None = None,
        json: JsonValue = None,
        form: Form | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        bucket: str | None = None,
        idempotency_key: str | None = None,
        idempotent: bool = False,
        limits: TimeLimits | None = None,
        confidential: bool = False,
    ) -> Reply:
        """A call that changes something: sent once, unless `idempotent` says the vendor recognises a
        repetition (by `idempotency_key`, or something else in the call).

        The body is `json`, a `form`, or `content` encoded by the caller with its `Content-Type` among
        `headers`. `limits` replaces the client's time limits, `confidential` keeps the answer's words and
        values out of failures (token endpoints). Raises `Uncertain` whenever the vendor may have committed
        it, also when that was only the first of several attempts; any other class means that nothing was
        changed.
        """
        attempted = Attempted(self._vendor, method, path, is_write=True, is_confidential=confidential)
        sent = {**(headers or {}), **idempotency_header(self._idempotency_key_header, idempotency_key)}
        call = self._call(attempted, operation, params, Body(json, form, content), sent, bucket, limits)
        return self._repeat(call, (Transient, Throttled, Uncertain) if idempotent else ())

    def _call(
        self,
        attempted: Attempted,
        operation: str,
        params: Mapping[str, str] | None,
        body: Body,
        headers: Mapping[str, str] | None,
        bucket: str | None,
        limits: TimeLimits | None,
    ) -> Call:
        content, typed = body.encoded()
        secrets = frozenset(body.secrets()) if attempted.is_confidential else frozenset[str]()
        query = urlencode(params or {}, quote_via=quote)
        sent = {**typed, **(headers or {})}
        return Call(attempted, operation, query, content, sent, bucket, limits or self._limits, secrets)

    def _repeat(self, call: Call, repeatable: tuple[type[VendorFailure], ...]) -> Reply:
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

    def _attempt(self, call: Call) -> Reply | VendorFailure:
        # Failures are returned, not raised, out of the httpx handler: an exception raised in there would
        # carry httpx's own, with the request and its headers, along its chain.
        turn = Turn(lambda: self._limiter.slot(call.bucket))
        try:
            with turn:
                result = self._exchange(call, turn)
                seconds = time.monotonic() - turn.started
        except QuotaSpentError as spent:
            return quota_spent(call.attempted, spent.label, spent.free_in)
        except WithheldError as reason:
            return withheld(call.attempted, str(reason))
        if turn.waited:
            self.metrics.waited(call.operation, turn.waited)
        for _ in range(1, turn.requests):
            self.metrics.sent(call.operation, "Unauthorized", 0.0, throttled=False)
        if isinstance(result, QuotaExhausted):
            self._limiter.exhausted(call.bucket, result.retry_after)
        elif isinstance(result, Throttled):
            self._limiter.throttled(call.bucket, result.retry_after or 0.0)
        outcome = "ok" if isinstance(result, Reply) else type(result).__name__
        self.metrics.sent(call.operation, outcome, seconds, throttled=isinstance(result, Throttled))
        return result

    def _exchange(self, call: Call, turn: Turn) -> Reply | VendorFailure:
        attempted = call.attempted
        request = self._http.build_request(
            attempted.method,
            self._url(_relative(attempted.path), call.query),
            content=call.content,
            headers=call.headers,
            timeout=timeout(call.limits),
        )
        turn.carried_by(request)
        try:
            response = self._http.send(request, stream=True)
            try:
                body = read_body(response, most_bytes=self._max_answer_bytes, seconds=call.limits.answer)
            finally:
                response.close()
        except httpx.HTTPError as error:
            return self._failures.of_exception(attempted, error)
        except VendorFailure as failure:
            return not_authenticated(attempted, failure)
        headers = {name.lower(): value for name, value in response.headers.items()}
        self._observe(headers)
        if body is None:
            problem = f"answered {response.status_code} with more than {self._max_answer_bytes} bytes"
            return malformed(attempted, problem, status=response.status_code)
        if response.is_success:
            return Reply(response.status_code, headers, body, attempted)
        reply = error_reply(response.status_code, headers, body)
        return self._failures.of_reply(attempted, reply, *turn.secrets, *call.secrets)

    def _observe(self, headers: Mapping[str, str]) -> None:
        if self._quota_headers is None:
            return
        for window, remaining in self._quota_headers(headers).items():
            self._limiter.observed(window, remaining)
            self.metrics.quota_left(window, remaining)

    def _parsed_url(self, path: str, query: str) -> httpx.URL:
        """An absolute URL. Given a relative one and parameters, httpx would parse three at every call."""
        return httpx.URL(f"{str(self._http.base_url).rstrip('/')}{path}{'?' if query else ''}{query}")


def _may_repeat(failure: VendorFailure, repeatable: tuple[type[VendorFailure], ...]) -> bool:
    return isinstance(failure, repeatable) and not isinstance(failure, QuotaExhausted)


def _relative(path: str) -> str:
    if not path.startswith("/") or path.startswith("//") or "?" in path or "#" in path:
        raise ValueError(f"a path starts with one slash and carries no query, got {path!r}")
    return path
