"""A HubSpot sandbox of its own for the loader's tests, and the folder of the public data set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from integration_pipeline.sandbox.server import SandboxProcess

TOKEN = "pat-datasets"
PUBLIC_FOLDER = Path(__file__).parents[4] / "shared" / "data" / "crm_sales_opportunities"


@pytest.fixture(scope="module")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox"), token=TOKEN) as sandbox:
        yield sandbox


@pytest.fixture
def client(running_sandbox: SandboxProcess) -> Iterator[httpx.Client]:
    """An empty account with HubSpot's own limits, counted anew."""
    with httpx.Client(base_url=running_sandbox.base_url, headers=running_sandbox.headers) as client:
        client.post("/_sandbox/reset").raise_for_status()
        default_limits = {
            "requests_per_ten_seconds": 190,
            "requests_per_day": 625_000,
            "searches_per_second": 5,
        }
        client.put("/_sandbox/limits", json=default_limits).raise_for_status()
        yield client


@pytest.fixture(scope="session")
def public_folder() -> Path:
    if not PUBLIC_FOLDER.is_dir():
        pytest.skip(f"the public data set is not at {PUBLIC_FOLDER}")
    return PUBLIC_FOLDER
