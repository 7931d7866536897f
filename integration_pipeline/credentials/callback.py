"""Waiting for a browser to come back from the vendor: a server for one request, on this machine only.

Belongs here: that server. Does not belong here: what the callback says (`consent`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Generic, Self, TypeVar
from urllib.parse import urlsplit

from integration_pipeline.credentials.consent import NotOurs

T = TypeVar("T")

_HERE = ("127.0.0.1", "localhost")
_DONE = "Thank you. You may close this page; the rest is shown where you started."
_SECONDS_A_REQUEST = 5.0


class CallbackServer(Generic[T]):
    """Listens at a redirect address such as `http://localhost:8801/callback`; port 0 takes a free one.

    `accept` reads an address that the browser came to; what it raises `NotOurs` for is answered 400 and
    waited past, so that no other page of this browser can end the waiting.
    """

    def __init__(self, redirect_uri: str, accept: Callable[[str], T]) -> None:
        parts = urlsplit(redirect_uri)
        if not is_local(redirect_uri):
            raise ValueError(f"{redirect_uri!r} is not an http address of this machine")
        self._path = parts.path or "/"
        self._accept = accept
        self._accepted: list[T] = []
        self._server = HTTPServer(("127.0.0.1", 80 if parts.port is None else parts.port), self._handler())
        self.redirect_uri = f"http://{parts.hostname}:{self._server.server_port}{self._path}"
        """What to register with the vendor and to send along."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.server_close()

    def wait(self, seconds: float) -> T | None:
        """What was accepted, or None if nothing was in time."""
        deadline = time.monotonic() + seconds
        while not self._accepted and (left := deadline - time.monotonic()) > 0:
            self._server.timeout = left
            self._server.handle_request()
        return self._accepted[0] if self._accepted else None

    def _came(self, target: str) -> tuple[int, str]:
        if urlsplit(target).path != self._path:
            return 404, "There is nothing here."
        try:
            self._accepted.append(self._accept(target))
        except NotOurs as refusal:
            return 400, f"This is not what is waited for: {refusal}."
        return 200, _DONE

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            timeout = _SECONDS_A_REQUEST

            def do_GET(self) -> None:
                status, said = server._came(self.path)
                body = said.encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                # The address holds the code; the next page has no business with it.
                self.send_header("Referrer-Policy", "no-referrer")
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Not a line: it would hold the code."""

        return Handler


def is_local(redirect_uri: str) -> bool:
    """Whether a server of this machine can receive it: otherwise a person pastes what the browser shows."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and parts.hostname in _HERE
