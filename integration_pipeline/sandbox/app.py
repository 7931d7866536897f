"""The sandbox as an ASGI application: HubSpot's endpoints behind its token check and rate limits, and the
faults somebody ordered in front of it all.

Starting a server is `server`; what the endpoints do is `hubspot`.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integration_pipeline.sandbox.faults.middleware import Faults
from integration_pipeline.sandbox.faults.plan import FaultPlan
from integration_pipeline.sandbox.hubspot.account import Account
from integration_pipeline.sandbox.hubspot.errors import (
    HubSpotError,
    internal_error,
    rate_limited,
    resource_not_found,
    unauthenticated,
)
from integration_pipeline.sandbox.hubspot.limits import Limits, RateLimiter
from integration_pipeline.sandbox.hubspot.routes import ADMIN_ROOT, ROUTES
from integration_pipeline.sandbox.hubspot.wording import HubSpotWording
from integration_pipeline.sandbox.told import Refused, refused


def create_app(data_dir: Path, *, token: str, limits: Limits | None = None) -> Starlette:
    """An account that lives in `data_dir` and answers to `Authorization: Bearer <token>`.

    `limits` are HubSpot's unless given. Raises `StorageInUseError` when another process has the directory.
    """
    account = Account(data_dir, limits or Limits())
    wording = HubSpotWording(account.limiter)
    faults = FaultPlan()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        account.webhooks.start()
        yield
        await account.webhooks.stop()
        account.storage.close()

    app = Starlette(
        routes=ROUTES,
        middleware=[
            # A network's faults happen to callers without a token too, and before anything is counted.
            Middleware(Faults, plan=faults, wording=wording, spared=ADMIN_ROOT),
            Middleware(Gate, token=token, limiter=account.limiter),
        ],
        exception_handlers={
            Refused: refused,
            HubSpotError: _refused,
            HTTPException: _not_served,
            Exception: _failed,
        },
        lifespan=lifespan,
    )
    app.state.account = account
    app.state.faults = faults
    app.state.wording = wording
    return app


class Gate:
    """What every request passes first: the length of its URL, its token, the limits."""

    def __init__(self, app: ASGIApp, *, token: str, limiter: RateLimiter) -> None:
        self._app = app
        self._authorization = f"Bearer {token}".encode()
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        search = path.endswith("/search")
        refusal = self._refusal(scope, path, search=search)
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._limiter.headers())
            await send(message)

        # A search's answer carries no rate limit headers.
        counted = not search and not path.startswith(ADMIN_ROOT)
        await self._app(scope, receive, send_with_limits if counted else send)

    def _refusal(self, scope: Scope, path: str, *, search: bool) -> Response | None:
        if len(scope["raw_path"]) + len(scope["query_string"]) > self._limiter.limits.url_length:
            return Response("<html><h1>414 Request-URI Too Large</h1></html>", 414, media_type="text/html")
        presented = Headers(scope=scope).get("authorization", "").encode()
        if not secrets.compare_digest(presented, self._authorization):
            error = unauthenticated()
            return JSONResponse(error.body(), error.status_code)
        if path.startswith(ADMIN_ROOT):
            return None
        policy = self._limiter.admit(search=search)
        if policy is None:
            return None
        return JSONResponse(rate_limited(policy), 429, headers={} if search else self._limiter.headers())


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HubSpotError)  # noqa: S101
    return JSONResponse(error.body(), error.status_code)


async def _not_served(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    return JSONResponse(resource_not_found().body(), error.status_code, headers=error.headers)


async def _failed(_: Request, __: Exception) -> Response:
    # The traceback goes to the log; Starlette raises the exception again after this answer.
    return JSONResponse(internal_error().body(), 500)
