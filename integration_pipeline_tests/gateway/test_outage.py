"""A database that goes and comes back, under one gateway process that stays."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from integration_pipeline.gateway.server import GatewayProcess
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline_tests.gateway.conftest import gateway_settings
from integration_pipeline_tests.gateway.hubspot import PATH, Signing, body_of, event


@pytest.fixture
def server(tmp_path: Path) -> EmbeddedPostgres:
    """A server of the test's own, to be stopped."""
    server = EmbeddedPostgres.start(tmp_path / "postgres", settings={"fsync": "off"})
    server.ensure_database("pipeline")
    return server


def test_webhooks_are_refused_meanwhile_and_accepted_afterwards(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    settings = gateway_settings(server.url("pipeline"))
    with GatewayProcess(settings, log=tmp_path / "gateway.log") as gateway:
        with httpx.Client(base_url=gateway.base_url, auth=Signing(gateway.base_url), timeout=10) as client:
            answers = [client.post(PATH, content=body_of(event(1)))]
            server.stop()
            answers += [client.post(PATH, content=body_of(event(number))) for number in (2, 3)]
            unready = client.get("/readyz")
            alive = client.get("/healthz")
            metrics = client.get("/metrics")
            EmbeddedPostgres.start(tmp_path / "postgres")
            answers += [client.post(PATH, content=body_of(event(number))) for number in (2, 3)]
            ready = client.get("/readyz")
        server.stop()

    assert [answer.status_code for answer in answers] == [200, 503, 503, 200, 200]
    assert answers[1].headers["retry-after"] == "5"
    assert unready.status_code == 503
    assert unready.json()["problems"][0].startswith("the database cannot be used: ")
    assert (alive.status_code, metrics.status_code) == (200, 200)
    assert (ready.status_code, ready.json()["waiting_events"]) == (200, 3)


def test_a_gateway_may_start_before_its_database(server: EmbeddedPostgres, tmp_path: Path) -> None:
    server.stop()
    settings = gateway_settings(server.url("pipeline"))
    with (
        GatewayProcess(settings, log=tmp_path / "gateway.log") as gateway,
        httpx.Client(base_url=gateway.base_url, auth=Signing(gateway.base_url), timeout=10) as client,
    ):
        assert client.post(PATH, content=body_of(event(1))).status_code == 503
        with EmbeddedPostgres.start(tmp_path / "postgres"):
            # Nobody has migrated it yet, and the probe says so.
            assert "does not exist" in client.get("/readyz").json()["problems"][0]
            with GatewayProcess(settings, log=tmp_path / "second.log"):
                assert client.get("/readyz").json()["ready"] is True
                assert client.post(PATH, content=body_of(event(1))).status_code == 200
