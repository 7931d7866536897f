"""A vendor reduced to a script: a real HTTP server giving the answers it was told to, and a clock to wind."""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prometheus_client import CollectorRegistry

from integration_pipeline.transport.client import RetryPolicy, TimeLimits, VendorClient


@dataclass(frozen=True, slots=True)
class Received:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    client: str


class ScriptedServer:
    """Answers request n with script entry n; an empty script answers `200 {}`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._script: deque[Callable[[BaseHTTPRequestHandler], None]] = deque()
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answers(
        self, status: int, body: str | bytes = "{}", headers: Mapping[str, str] | None = None
    ) -> None:
        self._script.append(lambda handler: _send(handler, status, body, headers or {}))

    def hangs(self) -> None:
        """Read the request and stay silent until the server is closed."""
        self._script.append(lambda _: self._wait())

    def resets(self) -> None:
        """Read the request, then drop the connection as a crashing gateway does."""
        self._script.append(_reset)

    def answers_and_hangs_up(self) -> None:
        """Close the connection behind an answer that said nothing of it, as idle limits do."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            _send(handler, 200, "{}", {})
            handler.close_connection = True

        self._script.append(answer)

    def drips(self, status: int = 200) -> None:
        """Start an answer that never ends but always sends another byte in time."""

        def drip(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Content-Length", "1000000")
            handler.end_headers()
            while not self._released.wait(0.01):
                handler.wfile.write(b" ")

        self._script.append(drip)

    def close(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _wait(self) -> None:
        self._released.wait()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    # The client hung up, which several tests want.
                    self.close_connection = True

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                body = self.rfile.read(length)
                peer = f"{self.client_address[0]}:{self.client_address[1]}"
                with script._lock:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    script.received.append(Received(self.command, self.path, headers, body, peer))
                    step = script._script.popleft() if script._script else None
                if step is None:
                    _send(self, 200, "{}", {})
                else:
                    step(self)

            do_POST = do_GET  # noqa: N815 - the base class calls it by this name
            do_PUT = do_GET  # noqa: N815

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """A line per request on stderr helps nobody."""

        return Handler


def _send(
    handler: BaseHTTPRequestHandler, status: int, body: str | bytes, headers: Mapping[str, str]
) -> None:
    content = body.encode() if isinstance(body, str) else body
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def _reset(handler: BaseHTTPRequestHandler) -> None:
    # Linger zero turns the close into a TCP reset.
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


class WoundClock:
    """Time passes only by sleeping in it."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    running = ScriptedServer()
    yield running
    running.close()


@pytest.fixture
def clock() -> WoundClock:
    return WoundClock()


@pytest.fixture
def client(server: ScriptedServer, clock: WoundClock) -> Iterator[VendorClient]:
    """Three attempts, the longest jitter every time, a short read limit."""
    with VendorClient(
        "acme",
        server.url,
        retries=RetryPolicy(attempts=3, base_seconds=1.0, cap_seconds=10.0, total_seconds=60.0),
        time_limits=TimeLimits(connect=1.0, read=0.15, answer=5.0),
        max_answer_bytes=10_000,
        registry=CollectorRegistry(),
        clock=clock,
        jitter=lambda _low, high: high,
    ) as made:
        yield made
