"""Intuit's words for what ordered faults make the sandbox answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import cast

from starlette.responses import Response
from starlette.types import Scope

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.exact_json import JsonObject, dump, parse
from integration_pipeline.sandbox.quickbooks import responses
from integration_pipeline.sandbox.quickbooks.errors import Fault
from integration_pipeline.sandbox.quickbooks.limits import POLICIES, RateLimiter


class QuickBooksWording:
    """`faults.wording.Wording` of QuickBooks."""

    def __init__(self, clock: SandboxClock, limiter: RateLimiter) -> None:
        self._clock = clock
        self._limiter = limiter

    def error(self, status: int) -> Response:
        """500 is a SystemFault with Intuit's code for trouble of its own; others come from a gateway."""
        if status != HTTPStatus.INTERNAL_SERVER_ERROR:
            return Response(f"<html><h1>{status}</h1></html>", status, media_type="text/html")
        refusal = Fault(
            "10000",
            "An application error has occurred while processing your request",
            "System Failure Error: unexpected internal error",
            kind="SystemFault",
            status=500,
        )
        return responses.fault(refusal, self._clock.now().isoformat(timespec="seconds"))

    def throttled(self, scope: Scope, policy: str | None, retry_after: int | None) -> Response:  # noqa: ARG002
        """All limits are refused in the same words. Intuit sends no Retry-After."""
        answer = responses.throttled(self._clock.now(), self._limiter.limits.throttle_form)
        if retry_after is not None:
            answer.headers["Retry-After"] = str(retry_after)
        return answer

    def unauthorized(self) -> Response:
        return responses.unauthenticated(self._clock.now(), "Token revoked")

    def garbage(self, form: str, body: bytes) -> Response:
        """`shape`: lists where objects belong. `record`: each record's Id and Line are of another type."""
        if form == "text":
            return Response("<html><h1>It works!</h1></html>", media_type="text/html")
        if form == "shape":
            return responses.json_text('{"QueryResponse":[],"Invoice":[]}')
        return responses.json_text(dump(_spoilt(parse(body or b"{}", all_decimal=True))))

    def known_policy(self, policy: str) -> bool:
        return policy in POLICIES


def _spoilt(value: object) -> object:
    """Records, alone or in the lists of a query's answer, with an Id and lines of another type."""
    if isinstance(value, list):
        return [_spoilt(each) for each in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    found = cast("JsonObject", value)
    if "Id" in found:
        return {**found, "Id": None, "Line": "none"}
    return {name: _spoilt(member) for name, member in found.items()}
