"""Gateways before an empty database: in this process for most tests, as processes where that matters.

Starting a gateway and copying a database take longer than most tests here: a package shares one of each. The
database is emptied before a test, and counters are read as what they grew by.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import Engine, NullPool, create_engine, text

from integration_pipeline.gateway.server import GatewayProcess, http_config
from integration_pipeline.settings import Settings
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline_tests.conftest import database_copy
from integration_pipeline_tests.gateway.hubspot import SECRET, Signing
from integration_pipeline_tests.gateway.vendors import key_server, secrets
from integration_pipeline_tests.pipeline.conftest import mapping, office, pipeline, portal, rules

__all__ = ["mapping", "office", "pipeline", "portal", "rules"]

PUBLIC_URL = "https://hooks.example.com"
USAGE_KEY = "usage-key-0815"

Open = Callable[..., httpx.Client]


def gateway_settings(database_url: str, **changes: Any) -> Settings:
    """Settings of a gateway on a free port, with all secrets."""
    given: dict[str, Any] = {
        "database_url": database_url,
        "hubspot_client_secret": SecretStr(SECRET),
        "usage_api_key": SecretStr(USAGE_KEY),
        "gateway_port": 0,
        **changes,
    }
    return Settings(_env_file=None, **given)  # pyright: ignore[reportCallIssue] - pydantic-settings' own


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


@dataclass(frozen=True, slots=True)
class Inbox:
    """What is kept."""

    engine: Engine

    def rows(self, columns: str = "*") -> list[dict[str, Any]]:
        """Columns of every event, in the order in which they came."""
        with self.engine.connect() as connection:
            found = connection.execute(text(f"SELECT {columns} FROM inbox.events ORDER BY id"))  # noqa: S608
            return [dict(row) for row in found.mappings()]

    def value(self, statement: str) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(text(statement)).scalar_one()

    @property
    def count(self) -> int:
        return self.value("SELECT count(*) FROM inbox.events")


@pytest.fixture(scope="package")
def lasting(postgres: EmbeddedPostgres, administrator: psycopg.Connection, template: str) -> Iterator[Engine]:
    """A migrated database for all tests here. Unpooled: a test may do what it likes to a session."""
    with database_copy(administrator, template, "gateway_tests") as name:
        yield create_engine(postgres.url(name), poolclass=NullPool)


@pytest.fixture
def engine(lasting: Engine) -> Engine:
    """The lasting database without any event."""
    with lasting.begin() as connection:
        connection.execute(
            text("TRUNCATE inbox.events, inbox.batches, inbox.nudges, billing.usage_events RESTART IDENTITY")
        )
    return lasting


@pytest.fixture
def inbox(engine: Engine) -> Inbox:
    return Inbox(engine)


@contextmanager
def served(settings: Settings) -> Generator[str]:
    """The base URL of a gateway that is served by a thread of this process."""
    assert settings.database_url is not None
    server = uvicorn.Server(http_config(settings, settings.database_url))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)


@contextmanager
def signing_client(engine: Engine, **changes: Any) -> Generator[httpx.Client]:
    """A client that signs, as HubSpot does, of a gateway in this process; settings may be changed."""
    settings = gateway_settings(url_of(engine), **{"public_url": PUBLIC_URL, **changes})
    with served(settings) as url:
        auth = Signing(settings.public_url or url)
        with httpx.Client(base_url=url, auth=auth, timeout=30) as client:
            yield client


@pytest.fixture
def open_gateway(engine: Engine) -> Iterator[Open]:
    """Opens clients of gateways of the test's own."""
    with ExitStack() as stack:

        def open_one(**changes: Any) -> httpx.Client:
            return stack.enter_context(signing_client(engine, **changes))

        yield open_one


@pytest.fixture(scope="package")
def lasting_client(lasting: Engine) -> Iterator[httpx.Client]:
    with signing_client(lasting) as client:
        yield client


@pytest.fixture
def client(lasting_client: httpx.Client, engine: Engine) -> httpx.Client:
    """A client that signs, of the gateway before the lasting database, which is empty."""
    return lasting_client


Counted = Callable[[], dict[str, float]]


@pytest.fixture
def counted(client: httpx.Client) -> Counted:
    """What the gateway counted since the test began, as `measured` names it."""
    before = measured(client)
    return lambda: {name: now - before.get(name, 0) for name, now in measured(client).items()}


def measured(client: httpx.Client) -> dict[str, float]:
    """Every metric's value by its name and labels: `gateway_webhook_requests_total{forged,hubspot}`."""
    return {
        sample.name + (f"{{{','.join(sample.labels.values())}}}" if sample.labels else ""): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway process and what it keeps."""

    process: GatewayProcess
    inbox: Inbox
    log: Path


@pytest.fixture(scope="package")
def running(
    postgres: EmbeddedPostgres,
    administrator: psycopg.Connection,
    template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    """One gateway process, and a database of its own, for tests that leave nothing behind."""
    log = tmp_path_factory.mktemp("gateway") / "gateway.log"
    with database_copy(administrator, template, "gateway_process") as name, key_server() as keys:
        engine = create_engine(postgres.url(name), poolclass=NullPool)
        settings = gateway_settings(postgres.url(name), **secrets(keys.url))
        with GatewayProcess(settings, log=log) as process:
            yield Running(process, Inbox(engine), log)
