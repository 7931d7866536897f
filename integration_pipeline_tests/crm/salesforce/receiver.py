"""Where an org's pushes arrive in tests: a server that reads them as a gateway would."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from integration_pipeline.crm.salesforce.signature import Forged, RelayProof
from integration_pipeline.crm.salesforce.webhooks import read_change_events, read_outbound
from integration_pipeline.crm.webhooks import WebhookEvent


class Receiver:
    """Takes outbound messages at `/outbound` and change events at `/changes`; `events` are those accepted.

    The first `failing` requests are answered 503.
    """

    def __init__(self, organization: str, secret: str) -> None:
        self.events: list[WebhookEvent] = []
        self.forged = 0
        self.failing = 0
        self.acknowledges = True
        self._organization = organization
        self._secret = secret
        self._arrived = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def until(self, enough: Callable[[list[WebhookEvent]], bool]) -> list[WebhookEvent]:
        """The events once they are enough. Raises AssertionError if that does not come."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: enough(self.events), timeout=30), self.events
            return [*self.events]

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        with self._arrived:
            if self.failing:
                self.failing -= 1
                return 503, b""
            try:
                if path == "/outbound":
                    events, said = read_outbound(body, organization=self._organization)
                else:
                    proof = RelayProof.of(headers, time.time_ns() // 1_000_000)
                    proof.require([self._secret], body)
                    events, said = read_change_events(body, own_fields={"NextStep"}), b""
            except Forged:
                self.forged += 1
                return 401, b""
            self.events += events
            self._arrived.notify_all()
            return 200, said if self.acknowledges else b"<html>thanks</html>"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, said = receiver.answer(self.path, headers, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """A line per request on stderr helps nobody."""

        return Handler
