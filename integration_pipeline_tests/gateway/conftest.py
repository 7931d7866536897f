"""Gateways before a fresh database: in this process for most tests, as processes where that matters."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, text

from integration_pipeline.gateway.server import GatewayProcess, http_config
from integration_pipeline.settings import Settings
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline.store.migrate import upgrade
from integration_pipeline_tests.gateway.hubspot import SECRET, Signing
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


@pytest.fixture
def open_gateway(engine: Engine) -> Iterator[Open]:
    """Opens clients, that sign, of gateways in this process; settings may be changed."""
    with ExitStack() as stack:

        def open_one(**changes: Any) -> httpx.Client:
            settings = gateway_settings(url_of(engine), **{"public_url": PUBLIC_URL, **changes})
            url = stack.enter_context(served(settings))
            signing = Signing(settings.public_url or url)
            return stack.enter_context(httpx.Client(base_url=url, auth=signing, timeout=30))

        yield open_one


@pytest.fixture
def client(open_gateway: Open) -> httpx.Client:
    """A client that signs, as HubSpot does."""
    return open_gateway()


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


@pytest.fixture(scope="session")
def running(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One gateway process for tests that leave nothing behind."""
    postgres.ensure_database("gateway")
    engine = create_engine(postgres.url("gateway"))
    upgrade(engine)
    log = tmp_path_factory.mktemp("gateway") / "gateway.log"
    with GatewayProcess(gateway_settings(postgres.url("gateway")), log=log) as process:
        yield Running(process, Inbox(engine), log)
    engine.dispose()
