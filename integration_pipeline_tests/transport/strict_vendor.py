"""A vendor that counts strictly: real HTTP, sliding windows to the microsecond, 429 for one call too many."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil
from typing import ClassVar, Self

from integration_pipeline.transport.limits import AtOnce, Limit, Window


def soonest(limits: Sequence[Limit], calls: int, *, answer: float = 0.0) -> float:
    """When the last of so many calls can be made at the earliest, the first being made at 0; each takes
    `answer` seconds, for as long as it counts among those at once.
    """
    moments: list[float] = []
    for number in range(calls):
        free = [
            moments[number - limit.limit] + (limit.seconds if isinstance(limit, Window) else answer)
            for limit in limits
            if number >= limit.limit
        ]
        moments.append(max([*free, *moments[-1:]], default=0.0))
    return moments[-1]


class StrictServer:
    """Allows 60 calls in a minute of its own time and 5 at once, as Xero does; each takes 20 ms of ours."""

    LIMITS: ClassVar[tuple[Limit, ...]] = (AtOnce(5), Window(60, 60.0, name="minute"))

    def __init__(
        self, speed: float, *, limits: tuple[Limit, ...] = LIMITS, refuses_all: bool = False
    ) -> None:
        self._speed = speed
        self._refuses_all = refuses_all
        self._at_once = next((limit.limit for limit in limits if isinstance(limit, AtOnce)), 10**6)
        self._windows = [(limit, deque[float]()) for limit in limits if isinstance(limit, Window)]
        self._under_way = 0
        self._lock = threading.Lock()
        self.moments: list[float] = []
        self.refused = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def accepted(self) -> int:
        return len(self.moments)

    def _comes(self) -> int | None:
        """Count a call; gives None if it may go on, else the seconds until it may come again."""
        with self._lock:
            now = time.monotonic() * self._speed
            self._under_way += 1
            wait = 1.0 if self._refuses_all or self._under_way > self._at_once else 0.0
            for window, seen in self._windows:
                while seen and seen[0] <= now - window.seconds:
                    seen.popleft()
                if len(seen) >= window.limit:
                    wait = max(wait, seen[0] + window.seconds - now)
            if wait > 0:
                self.refused += 1
                return ceil(wait)
            for _, seen in self._windows:
                seen.append(now)
            self.moments.append(now)
            return None

    def _goes(self) -> None:
        with self._lock:
            self._under_way -= 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                wait = vendor._comes()
                time.sleep(0 if wait is not None else 0.02)
                # Before the answer: who reads it may call again at once.
                vendor._goes()
                self.send_response(200 if wait is None else 429)
                self.send_header("Content-Length", "2")
                if wait is not None and not vendor._refuses_all:
                    self.send_header("Retry-After", str(wait))
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST  # noqa: N815 - the base class calls it by this name

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """A line per request on stderr helps nobody."""

        return Handler
