"""What each fault does to a request, in front of everything else the sandbox does.

Which request it is for is `plan`; the wording of refusals is HubSpot's, from `hubspot.errors`.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integration_pipeline.sandbox.faults.connection import hang_up, until_disconnected
from integration_pipeline.sandbox.faults.plan import Due, FaultPlan
from integration_pipeline.sandbox.faults.rules import (
    Delay,
    DropAfter,
    DropBefore,
    Error,
    Garbage,
    Hang,
    Throttle,
    Truncate,
    Unauthorized,
)
from integration_pipeline.sandbox.hubspot.errors import (
    HubSpotError,
    Policy,
    internal_error,
    rate_limited,
    unauthenticated,
)
from integration_pipeline.sandbox.hubspot.limits import RateLimiter


class Faults:
    """Lets requests through but for those a rule is due for. Paths under `spared` never meet a fault."""

    def __init__(self, app: ASGIApp, *, plan: FaultPlan, limiter: RateLimiter, spared: str) -> None:
        self._app = app
        self._plan = plan
        self._limiter = limiter
        self._spared = spared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(self._spared):
            due = self._plan.due(scope["method"], scope["path"])
            if due is not None:
                await self._suffer(due, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _suffer(self, due: Due, scope: Scope, receive: Receive, send: Send) -> None:
        match due.fault:
            case Delay(bounds=(low, high)):
                await asyncio.sleep(due.between(low, high) / 1_000)
                await self._app(scope, receive, send)
            case Error(status=status):
                await _refusal(_error(status))(scope, receive, send)
            case Unauthorized():
                await _refusal(unauthenticated())(scope, receive, send)
            case Throttle() as throttle:
                await self._throttled(throttle, scope)(scope, receive, send)
            case DropBefore():
                await _take_in(receive)
                await hang_up(scope, receive)
            case Hang(max_ms=max_ms):
                with suppress(TimeoutError):
                    async with asyncio.timeout(max_ms / 1_000):
                        await until_disconnected(receive)
                        return
                await hang_up(scope, receive)
            case DropAfter():
                await self._carried_out(scope, receive)
                await hang_up(scope, receive)
            case Truncate():
                answer = await self._carried_out(scope, receive)
                await send(answer.start)
                half = answer.body[: len(answer.body) // 2]
                await send({"type": "http.response.body", "body": half, "more_body": True})
                await hang_up(scope, receive)
            case Garbage(form=form):
                answer = await self._carried_out(scope, receive)
                await _garbage(form, answer.body)(scope, receive, send)

    def _throttled(self, throttle: Throttle, scope: Scope) -> Response:
        search = scope["path"].endswith("/search")
        policy = throttle.policy or (Policy.SECONDLY if search else Policy.TEN_SECONDLY)
        headers = {} if search else self._limiter.exhausted_headers(policy)
        if throttle.retry_after is not None:
            headers["Retry-After"] = str(throttle.retry_after)
        return JSONResponse(rate_limited(policy), 429, headers)

    async def _carried_out(self, scope: Scope, receive: Receive) -> _Answer:
        answer = _Answer()
        await self._app(scope, receive, answer.keep)
        return answer


@dataclass(slots=True)
class _Answer:
    """An answer the client has seen nothing of yet."""

    start: Message = field(default_factory=dict[str, object])
    body: bytes = b""

    async def keep(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")


async def _take_in(receive: Receive) -> None:
    """Read the request's body: closing a socket with unread bytes resets it, which looks different."""
    message = await receive()
    while message.get("more_body", False):
        message = await receive()


def _refusal(error: HubSpotError) -> Response:
    return JSONResponse(error.body(), error.status_code)


def _error(status: int) -> HubSpotError:
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return internal_error()
    # HubSpot's own for an account on the move is in no registry of statuses.
    said = "Migration in progress" if status == 477 else HTTPStatus(status).phrase
    return HubSpotError(status, "INTERNAL_ERROR", said)


def _garbage(form: str, body: bytes) -> Response:
    if form == "text":
        return Response("<html><h1>It works!</h1></html>", media_type="text/html")
    if form == "shape":
        return JSONResponse({"results": {"unexpected": True}})
    answer = json.loads(body or b"{}")
    for record in answer.get("results", [answer]):
        record["properties"] = []
    return JSONResponse(answer)
