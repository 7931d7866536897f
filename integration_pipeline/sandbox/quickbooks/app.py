"""QuickBooks Online as an ASGI application: OAuth, the API behind its token check and limits, webhooks."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integration_pipeline.sandbox.frame import frame
from integration_pipeline.sandbox.quickbooks import admin, api, responses
from integration_pipeline.sandbox.quickbooks.errors import unsupported_operation
from integration_pipeline.sandbox.quickbooks.oauth.endpoints import OAuth
from integration_pipeline.sandbox.quickbooks.options import Options
from integration_pipeline.sandbox.quickbooks.state import QuickBooks
from integration_pipeline.sandbox.quickbooks.wording import QuickBooksWording

__all__ = ["Options", "create_app"]

# Shorter than any token of Intuit's.
_LEAST_TOKEN = 40


def create_app(data_dir: Path, options: Options) -> Starlette:
    """The companies of `options`, kept in `data_dir`.

    Raises `StorageInUseError` when another process has the directory.
    """
    quickbooks = QuickBooks(data_dir, options)
    wording = QuickBooksWording(quickbooks.clock, quickbooks.limiter)

    async def stop() -> None:
        await quickbooks.notifications.stop()
        quickbooks.file.close()

    async def not_served(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
        refusal = unsupported_operation(f"{request.method} {request.url.path:.100}")
        return responses.fault(refusal, quickbooks.clock.now().isoformat(timespec="seconds"))

    async def failed(_: Request, __: Exception) -> Response:
        # The traceback goes to the log; Starlette raises the exception again after this answer.
        return wording.error(500)

    app = frame(
        [
            *OAuth(options, quickbooks.grants).routes(),
            *admin.routes(),
            *quickbooks.notifications.routes(),
            *api.routes(),
        ],
        options=options,
        clock=quickbooks.clock,
        wording=wording,
        exception_handlers={HTTPException: not_served, Exception: failed},
        middleware=[Middleware(_Gate, quickbooks=quickbooks)],
        on_start=quickbooks.notifications.start,
        on_stop=stop,
    )
    app.state.quickbooks = quickbooks
    return app


class _Gate:
    """What every request to a company passes first: its token, the token's company, the limits."""

    def __init__(self, app: ASGIApp, *, quickbooks: QuickBooks) -> None:
        self._app = app
        self._quickbooks = quickbooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_tid(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["intuit_tid"] = responses.tid()
            await send(message)

        refusal = self._refusal(scope) if scope["path"].startswith(f"{api.ROOT}/") else None
        await (refusal or self._app)(scope, receive, send_with_tid)

    def _refusal(self, scope: Scope) -> Response | None:
        realm, _, rest = scope["path"].removeprefix(f"{api.ROOT}/").partition("/")
        now = self._quickbooks.clock.now()
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or len(token) < _LEAST_TOKEN:
            return responses.unauthenticated(now, "Malformed bearer token: too short or too long")
        granted = self._quickbooks.grants.realm_of(token)
        if granted is None:
            return responses.unauthenticated(now, "Token expired")
        if granted != realm or realm not in self._quickbooks.companies:
            return responses.foreign_company(now)
        if self._quickbooks.limiter.admit(realm, batch=rest == "batch") is not None:
            return responses.throttled(now, self._quickbooks.limiter.limits.throttle_form)
        return None
