"""A receiver of webhooks that answers as it is told."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """Keeps each POST; answers 200 unless other statuses were put into `answers`."""

    def __init__(self) -> None:
        self.posts: list[tuple[Mapping[str, str], bytes]] = []
        self.answers: deque[int] = deque()
        self.said = b""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.posts.append((dict(self.headers.items()), body))
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
    def bodies(self) -> list[Any]:
        """The parsed bodies, in the order of their arrival."""
        return [json.loads(body) for _, body in self.posts]

    @property
    def signatures(self) -> list[str | None]:
        """Each POST's header Signature."""
        return [headers.get("Signature") for headers, _ in self.posts]

    @property
    def names(self) -> list[str]:
        """The `name` of every event received."""
        return [event["name"] for body in self.bodies for event in body["events"]]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
