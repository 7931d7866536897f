"""HubSpot's words for what ordered faults make it answer. The bodies are those of `errors`."""

from __future__ import annotations

import json
from http import HTTPStatus

from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from integration_pipeline.sandbox.hubspot.errors import (
    HubSpotError,
    Policy,
    internal_error,
    rate_limited,
    unauthenticated,
)
from integration_pipeline.sandbox.hubspot.limits import RateLimiter


class HubSpotWording:
    """`faults.wording.Wording` of HubSpot; its headers tell what is left of the limits."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    def error(self, status: int) -> Response:
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return _refusal(internal_error())
        # HubSpot's own for an account on the move is in no registry of statuses.
        said = "Migration in progress" if status == 477 else HTTPStatus(status).phrase
        return _refusal(HubSpotError(status, "INTERNAL_ERROR", said))

    def throttled(self, scope: Scope, policy: str | None, retry_after: int | None) -> Response:
        """Searches reach SECONDLY, the rest TEN_SECONDLY_ROLLING. HubSpot sends no Retry-After."""
        search = scope["path"].endswith("/search")
        reached = Policy(policy) if policy else Policy.SECONDLY if search else Policy.TEN_SECONDLY
        headers = {} if search else self._limiter.exhausted_headers(reached)
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return JSONResponse(rate_limited(reached), 429, headers)

    def unauthorized(self) -> Response:
        return _refusal(unauthenticated())

    def garbage(self, form: str, body: bytes) -> Response:
        """`shape`: `results` are no list. `record`: every record's `properties` are a list."""
        if form == "text":
            return Response("<html><h1>It works!</h1></html>", media_type="text/html")
        if form == "shape":
            return JSONResponse({"results": {"unexpected": True}})
        answer = json.loads(body or b"{}")
        for record in answer.get("results", [answer]):
            record["properties"] = []
        return JSONResponse(answer)

    def known_policy(self, policy: str) -> bool:
        return policy in set(Policy)


def _refusal(error: HubSpotError) -> Response:
    return JSONResponse(error.body(), error.status_code)
