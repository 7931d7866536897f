"""What every API request passes first: its version, its session, the allowance of the day."""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integration_pipeline.sandbox.salesforce.errors import (
    SalesforceError,
    invalid_session,
    limit_exceeded,
    not_found,
)
from integration_pipeline.sandbox.salesforce.org import Org
from integration_pipeline.sandbox.salesforce.rendering import Answer

DATA = "/services/data"
OLDEST, NEWEST = 31, 67
_VERSION = re.compile(rf"{DATA}/v(\d+)\.0(?:/|$)")


class Gate:
    """Lets API requests through to `app`; the list of versions and the log-in are free of it."""

    def __init__(self, app: ASGIApp, *, org: Org) -> None:
        self._app = app
        self._org = org

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"] if scope["type"] == "http" else ""
        if not path.startswith(f"{DATA}/v"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(path, Headers(scope=scope))
        if refusal is not None:
            await Answer(refusal.body(), refusal.status, self._org.allowance.header())(scope, receive, send)
            return

        async def send_with_usage(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._org.allowance.header())
            await send(message)

        await self._app(scope, receive, send_with_usage)

    def _refusal(self, path: str, headers: Headers) -> SalesforceError | None:
        version = _VERSION.match(path)
        if version is None or not OLDEST <= int(version[1]) <= NEWEST:
            return not_found()
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "oauth") or not self._org.sessions.use(token):
            return invalid_session()
        return None if self._org.allowance.admit() else limit_exceeded()
