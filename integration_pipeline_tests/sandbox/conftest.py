"""One sandbox for the session, emptied before each test; a client for it, and HubSpot's own library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hubspot import HubSpot  # pyright: ignore[reportMissingTypeStubs] - the library has no types

from integration_pipeline.sandbox.hubspot.limits import Limits
from integration_pipeline.sandbox.server import SandboxProcess

TOKEN = "pat-na1-test"

Create = Callable[..., str]


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    data_dir: Path = tmp_path_factory.mktemp("sandbox")
    with SandboxProcess(data_dir, token=TOKEN, limits=Limits.unlimited()) as running:
        yield running


@pytest.fixture(scope="session")
def connection(sandbox: SandboxProcess) -> Iterator[httpx.Client]:
    # One for the session: making a client takes longer than most tests here.
    with httpx.Client(base_url=sandbox.base_url, headers=sandbox.headers) as connected:
        yield connected


@pytest.fixture
def client(connection: httpx.Client) -> httpx.Client:
    """A client of an empty account without request limits."""
    connection.post("/_sandbox/reset").raise_for_status()
    connection.put("/_sandbox/limits", json=Limits.unlimited().model_dump()).raise_for_status()
    return connection


@pytest.fixture
def create(client: httpx.Client) -> Create:
    """Create a record of a type with these properties; its id."""

    def create(object_type: str, **properties: object) -> str:
        answer = client.post(f"/crm/v3/objects/{object_type}", json={"properties": properties})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    return create


@pytest.fixture
def hubspot(sandbox: SandboxProcess, client: httpx.Client) -> Any:
    """HubSpot's client library, pointed at the (emptied) sandbox."""
    return HubSpot(access_token=TOKEN, host=sandbox.base_url)
