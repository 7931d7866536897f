"""A receiver of webhooks over real HTTP that keeps what it is sent and answers as a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

SECRET = "a-client-secret"

Subscribe = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        return json.loads(self.body)


class Receiver:
    """Answers 200, unless `answers` holds other statuses to use up; None gives no answer until released."""

    def __init__(self) -> None:
        self.answers: list[int | None] = []
        self.deliveries: list[Delivery] = []
        self.one_answer_a_connection = False
        self.released = threading.Event()
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/hubspot?tenant=1"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def events(self, count: int) -> list[dict[str, Any]]:
        """All events so far, in the order they came, as soon as there are `count`."""
        with self._changed:
            done = self._changed.wait_for(lambda: len(self._events()) >= count, timeout=20)
            assert done, f"{len(self._events())} of {count} events came: {self._events()}"
            return self._events()

    def _events(self) -> list[dict[str, Any]]:
        return [event for delivery in self.deliveries for event in delivery.events]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            answered = False

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.answered and receiver.one_answer_a_connection:
                    self.close_connection = True
                    return
                with receiver._changed:
                    receiver.deliveries.append(Delivery(self.path, dict(self.headers.items()), body))
                    answer = receiver.answers.pop(0) if receiver.answers else 200
                    receiver._changed.notify_all()
                if answer is None:
                    receiver.released.wait()
                    answer = 200
                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()
                self.answered = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()


@pytest.fixture
def subscribe(client: httpx.Client, receiver: Receiver) -> Subscribe:
    """Subscribe the receiver to `deal.creation` and the like, or `deal.propertyChange:dealstage`.

    One request at a time unless a test says otherwise, so that events come in order.
    """

    def subscribe(*wanted: str, **settings: object) -> None:
        subscriptions: list[dict[str, object]] = []
        for each in wanted:
            event_type, _, name = each.partition(":")
            subscriptions.append({"eventType": event_type, "propertyName": name or None})
        body = {
            "targetUrl": receiver.url,
            "clientSecret": SECRET,
            "subscriptions": subscriptions,
            "retry_scale": 0.000_01,
            "max_concurrent_requests": 1,
            **settings,
        }
        answer = client.put("/_sandbox/webhooks", json=body)
        assert answer.status_code == 200, answer.text

    return subscribe


@pytest.fixture
def settled(client: httpx.Client) -> Callable[[], list[dict[str, Any]]]:
    """The log of all deliveries, once there is nothing left to deliver."""

    def settled() -> list[dict[str, Any]]:
        while any(
            client.get("/_sandbox/webhooks/queue").json()[key] for key in ("open", "duplicates", "requests")
        ):
            pass
        return client.get("/_sandbox/webhooks/deliveries").json()["results"]

    return settled
