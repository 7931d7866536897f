"""A receiver that answers as it is told, and webhooks that run in this process."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.notifications.events import Attempt, JsonObject, Post
from integration_pipeline.sandbox.notifications.service import Notifications

_LONG = 10


class Receiver:
    """Keeps each body; answers 200 unless other statuses were put into `answers`."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.signatures: list[str | None] = []
        self.answers: deque[int] = deque()
        self.said = b""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.bodies.append(json.loads(body))
                outer.signatures.append(self.headers.get("Signature"))
                self.send_response(outer.answers.popleft() if outer.answers else 200)
                self.send_header("Content-Length", str(len(outer.said)))
                self.end_headers()
                self.wfile.write(outer.said)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def names(self) -> list[str]:
        """The `name` of every event received, in the order of their arrival."""
        return [event["name"] for body in self.bodies for event in body["events"]]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


def compose(events: Sequence[JsonObject], attempt: Attempt) -> Post:
    body = json.dumps({"events": events, "attempt": attempt.number}).encode()
    return Post(body, {"Signature": "forged" if attempt.forged else "true"})


Make = Callable[..., Notifications]


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock()


@pytest.fixture
def make(tmp_path: Path, clock: SandboxClock) -> Make:
    """Webhooks of a vendor with this manner; by default two retries an hour apart, one event a POST."""

    def make(**manner: Any) -> Notifications:
        settings: dict[str, Any] = {"retry_seconds": (3600, 3600), "most_events": 1}
        return Notifications(tmp_path, clock, compose, **(settings | manner))

    return make


async def until(reached: Callable[[], object]) -> None:
    """Wait for something that must become true."""
    async with asyncio.timeout(_LONG):
        while not reached():
            await asyncio.sleep(0.005)


def idle(notifications: Notifications) -> bool:
    queue = notifications.queue()
    return not (queue["open"] or queue["duplicates"] or queue["requests"])


def run(notifications: Notifications, scenario: Callable[[], Awaitable[None]]) -> None:
    """Play a scenario while the webhooks are delivered."""

    async def played() -> None:
        notifications.start()
        try:
            await scenario()
        finally:
            await notifications.stop()

    asyncio.run(played())
