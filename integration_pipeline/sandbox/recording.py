"""The requests a sandbox got, kept so that tests can hold them against the vendor's published schemas.

Credentials are not kept. Opt-in by `PUT /_sandbox/requests`: bodies of thousands of postings are no small
thing to keep.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integration_pipeline.sandbox.told import ADMIN_ROOT

MOST_KEPT = 20_000
_SECRET = frozenset({"authorization", "plaid-secret", "cookie"})

Recorded = Mapping[str, object]


class Recording:
    """The last requests, oldest first, once it was switched on."""

    def __init__(self) -> None:
        self.on = False
        self._kept: deque[Recorded] = deque(maxlen=MOST_KEPT)

    def keep(self, scope: Scope, body: bytes, status: int | None) -> None:
        headers = Headers(scope=scope)
        self._kept.append(
            {
                "method": scope["method"],
                "path": scope["path"],
                "query": scope["query_string"].decode("latin-1"),
                "headers": {name: value for name, value in headers.items() if name not in _SECRET},
                "body": body.decode("utf-8", errors="replace"),
                "status": status,
            }
        )

    def requests(self) -> list[Recorded]:
        return list(self._kept)

    def clear(self) -> None:
        self._kept.clear()


class Recorder:
    """Keeps what passes, with the status it was answered; None where no answer was given."""

    def __init__(self, app: ASGIApp, *, recording: Recording) -> None:
        self._app = app
        self._recording = recording

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._recording.on or scope["path"].startswith(ADMIN_ROOT):
            await self._app(scope, receive, send)
            return
        body: list[bytes] = []
        status: list[int] = []

        async def receive_kept() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                body.append(message.get("body", b""))
            return message

        async def send_kept(message: Message) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])
            await send(message)

        try:
            await self._app(scope, receive_kept, send_kept)
        finally:
            self._recording.keep(scope, b"".join(body), status[0] if status else None)
