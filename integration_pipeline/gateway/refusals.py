"""Requests that are refused: with which status, and how that is said to the caller and to the log."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from integration_pipeline.gateway.metrics import Outcome

log: structlog.stdlib.BoundLogger = structlog.get_logger("gateway")


class Refusal(BaseModel):
    """Why a request was refused."""

    detail: str = Field(description="The first thing that is wrong with the request, in words.")


class Refused(Exception):  # noqa: N818 - reads as the statement it makes
    """Ends a request. `closes` the connection where the rest of its body is not to be waited for.

    `logged` replaces the detail in the log, where the detail quotes what the request held. `challenge` is the
    scheme that a 401 names; with `bare` the answer has no body.
    """

    challenge = "Bearer"
    bare = False

    def __init__(
        self, status: int, outcome: Outcome, detail: str, *, closes: bool = False, logged: str | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.outcome: Outcome = outcome
        self.detail = detail
        self.closes = closes
        self.logged = logged or detail


def refuse(request: Request, refused: Refused) -> Response:
    """The answer to a refused request, which is logged: why and from where, but nothing of what it held."""
    log.warning(
        "refused",
        path=request.url.path,
        status=refused.status,
        reason=refused.logged,
        client=request.client.host if request.client else None,
    )
    headers: dict[str, str] = {}
    if refused.closes:
        headers["connection"] = "close"
    if refused.status == 401:
        headers["www-authenticate"] = refused.challenge
    if refused.status == 503:
        headers["retry-after"] = "5"
    if refused.bare:
        return Response(status_code=refused.status, headers=headers)
    return JSONResponse({"detail": refused.detail}, refused.status, headers)


def documented(**meanings: str) -> dict[int | str, dict[str, Any]]:
    """`s400="..."` as OpenAPI's entry of a status."""
    return {
        int(status.removeprefix("s")): {"model": Refusal, "description": meaning}
        for status, meaning in meanings.items()
    }
