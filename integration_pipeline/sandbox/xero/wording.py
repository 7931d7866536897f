"""Xero's words for what ordered faults make it answer; the bodies are those of `errors`."""

from __future__ import annotations

from http import HTTPStatus
from typing import cast

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from integration_pipeline.sandbox.exact_json import JsonObject, dump, parse
from integration_pipeline.sandbox.xero.errors import internal_error, rate_limited, unauthenticated
from integration_pipeline.sandbox.xero.limits import PROBLEMS, RateLimiter

_EXHAUSTED = {
    "minute": "X-MinLimit-Remaining",
    "day": "X-DayLimit-Remaining",
    "appminute": "X-AppMinLimit-Remaining",
}
# Of the envelope, and no list of records.
_HEAD = frozenset({"Id", "Status", "ProviderName", "DateTimeUTC", "pagination"})


class XeroWording:
    """`faults.wording.Wording` of Xero."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    def error(self, status: int) -> Response:
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return internal_error().response()
        said = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
        return Response(f"<html><body><h1>{status} {said}</h1></body></html>", status, media_type="text/html")

    def throttled(self, scope: Scope, policy: str | None, retry_after: int | None) -> Response:
        """By minute unless another limit is named; concurrency is the one without Retry-After."""
        problem = policy or "minute"
        if not self.known_policy(problem):
            raise ValueError(f"Xero has no limit {policy!r}; there are {', '.join(PROBLEMS)}")
        headers = self._limiter.headers("", Headers(scope=scope).get("xero-tenant-id", ""))
        if problem in _EXHAUSTED:
            headers[_EXHAUSTED[problem]] = "0"
            retry_after = 1 if retry_after is None else retry_after
        return rate_limited(problem, headers, retry_after).response()

    def unauthorized(self) -> Response:
        return unauthenticated().response()

    def garbage(self, form: str, body: bytes) -> Response:
        """`shape`: no list of records. `record`: the true answer, but every record is a text."""
        if form == "text":
            return Response("<html><h1>It works!</h1></html>", media_type="text/html")
        answer: JsonObject = {"Status": "OK", "unexpected": True}
        if form == "record":
            answer = cast("JsonObject", parse(body or b"{}"))
            for name in set(answer) - _HEAD:
                if isinstance(answer[name], list):
                    answer[name] = ["unexpected"] * len(answer[name])
        return Response(dump(answer), media_type="application/json; charset=utf-8")

    def known_policy(self, policy: str) -> bool:
        return policy in PROBLEMS
