"""A HubSpot sandbox for the session, emptied before each test, and an impostor that answers what no sandbox
would.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.crm.hubspot.config import HubSpotSettings
from integration_pipeline.crm.hubspot.source import HubSpotSource
from integration_pipeline.sandbox.hubspot.limits import Limits
from integration_pipeline.sandbox.server import SandboxProcess

TOKEN = "pat-na1-connector-test"
ROOMY = {"requests_per_ten_seconds": 100_000, "searches_per_second": 100_000}


class Portal:
    """The account behind the connector, written to as HubSpot's users and other apps would."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def create(
        self, kind: str, count: int = 1, *, to: Sequence[tuple[str, int]] = (), **properties: str
    ) -> list[str]:
        """`count` equal records, linked to the (id, association type) pairs of `to`; a batch shares one
        moment.
        """
        one = {
            "properties": properties,
            "associations": [
                {
                    "to": {"id": target},
                    "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}],
                }
                for target, type_id in to
            ],
        }
        ids: list[str] = []
        for start in range(0, count, 100):
            inputs = [one] * min(100, count - start)
            answer = self._ask("POST", f"/crm/v3/objects/{kind}/batch/create", {"inputs": inputs})
            ids += [result["id"] for result in answer["results"]]
        return ids

    def update(self, kind: str, identifier: str, **properties: str) -> None:
        self._ask("PATCH", f"/crm/v3/objects/{kind}/{identifier}", {"properties": properties})

    def archive(self, kind: str, identifier: str) -> None:
        self._ask("DELETE", f"/crm/v3/objects/{kind}/{identifier}")

    def define(self, kind: str, **definition: object) -> None:
        self._ask("POST", f"/crm/v3/properties/{kind}", definition)

    def hire(self, **owner: str) -> None:
        self._ask("PUT", "/_sandbox/owners", {"owners": [owner]})

    def limit(self, **limits: int) -> None:
        self._ask("PUT", "/_sandbox/limits", limits)

    def empty(self) -> None:
        self._ask("POST", "/_sandbox/reset")
        self._ask("PUT", "/_sandbox/limits", Limits.unlimited().model_dump())

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, list[dict[str, str]]]:
        answer = self._http.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("hubspot"), token=TOKEN) as running:
        yield running


@pytest.fixture(scope="session")
def connection(sandbox: SandboxProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.base_url, headers=sandbox.headers, timeout=30) as connected:
        yield connected


@pytest.fixture
def portal(connection: httpx.Client) -> Portal:
    """An empty account without request limits."""
    account = Portal(connection)
    account.empty()
    return account


Connect = Callable[..., HubSpotSource]


@pytest.fixture
def connect(sandbox: SandboxProcess) -> Iterator[Connect]:
    """Make a connector to the sandbox: settings by name, `clock` for one that does not wait."""
    opened: list[HubSpotSource] = []

    def connect(clock: WoundClock | None = None, **settings: object) -> HubSpotSource:
        values = {"token": SecretStr(TOKEN), "base_url": sandbox.base_url, **ROOMY, **settings}
        opened.append(
            HubSpotSource(HubSpotSettings.model_validate(values), registry=CollectorRegistry(), clock=clock)
        )
        return opened[-1]

    yield connect
    for source in opened:
        source.close()


@pytest.fixture
def source(connect: Connect) -> HubSpotSource:
    return connect()


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
def clock() -> WoundClock:
    return WoundClock()


class Impostor:
    """A server that calls itself HubSpot and answers every call to a path with the same body."""

    def __init__(self) -> None:
        self.bodies: dict[str, tuple[int, bytes]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answers(self, path: str, body: Mapping[str, object] | list[object], status: int = 200) -> None:
        self.bodies[path] = (status, json.dumps(body).encode())

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, body = bodies.get(self.path.partition("?")[0], (200, b'{"results": []}'))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - the base class calls it by this name

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """A line per request on stderr helps nobody."""

        return Handler


@pytest.fixture
def impostor() -> Iterator[Impostor]:
    running = Impostor()
    yield running
    running.close()
