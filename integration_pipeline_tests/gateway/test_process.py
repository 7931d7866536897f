"""Gateways as processes: what a killed one has left, how one ends, and several on one port."""

from __future__ import annotations

import errno
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from integration_pipeline.gateway.server import GatewayProcess
from integration_pipeline_tests.gateway.conftest import USAGE_KEY, Inbox, Running, gateway_settings, url_of
from integration_pipeline_tests.gateway.hubspot import SECRET, body_of, event, signed


def post(url: str, *events: object) -> int:
    body = body_of(*events)
    return httpx.post(url, content=body, headers=signed(url, body), timeout=30).status_code


def test_what_was_acknowledged_survives_a_kill_at_any_moment(
    engine: Engine, inbox: Inbox, tmp_path: Path
) -> None:
    gateway = GatewayProcess(gateway_settings(url_of(engine)), log=tmp_path / "gateway.log").start()
    url = gateway.webhook_url
    acknowledged: list[int] = []
    enough = threading.Event()

    def send(first: int) -> None:
        for number in range(first, first + 1_000):
            try:
                status = post(url, event(number))
            except httpx.TransportError:
                return
            assert status == 200
            acknowledged.append(number)
            if len(acknowledged) >= 60:
                enough.set()

    with ThreadPoolExecutor(4) as senders:
        sending = [senders.submit(send, 1 + 1_000 * sender) for sender in range(4)]
        assert enough.wait(60)
        assert gateway.kill() == -signal.SIGKILL
    for each in sending:
        each.result()

    kept = {int(row["external_ids"][0]) for row in inbox.rows("external_ids")}
    assert set(acknowledged) <= kept
    # At most the request of each sender that was under way was kept without being acknowledged.
    assert len(kept - set(acknowledged)) <= 4


def test_a_gateway_that_is_stopped_ends_cleanly(engine: Engine, tmp_path: Path) -> None:
    gateway = GatewayProcess(gateway_settings(url_of(engine)), log=tmp_path / "gateway.log").start()
    assert post(gateway.webhook_url, event(1)) == 200

    assert gateway.stop() == 0
    assert (tmp_path / "gateway.log").read_text() == ""


def test_several_gateways_share_a_port_and_a_database(engine: Engine, inbox: Inbox, tmp_path: Path) -> None:
    with GatewayProcess(gateway_settings(url_of(engine)), log=tmp_path / "first.log") as first:
        port = httpx.URL(first.base_url).port
        settings = gateway_settings(url_of(engine), gateway_port=port)
        with GatewayProcess(settings, log=tmp_path / "second.log") as second:
            assert second.base_url == first.base_url
            for number in range(1, 21):
                assert post(first.webhook_url, event(number), event(number + 1)) == 200
        # A connection that the system had given to the other one would be refused now.
        assert post(first.webhook_url, event(100)) == 200

    assert inbox.count == 22


def test_a_port_that_something_else_has_taken_is_an_error(engine: Engine, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = gateway_settings(url_of(engine), gateway_port=other.getsockname()[1])
        with pytest.raises(RuntimeError, match="Address already in use"):
            GatewayProcess(settings, log=tmp_path / "gateway.log").start()


def test_a_gateway_ends_with_the_process_that_started_it(engine: Engine, tmp_path: Path) -> None:
    settings = gateway_settings(url_of(engine)).model_dump(mode="json", include={"database_url"})
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from integration_pipeline.gateway.server import GatewayProcess\n"
        "from integration_pipeline.settings import Settings\n"
        f"settings = Settings(_env_file=None, gateway_port=0, **{settings!r})\n"
        f"print(GatewayProcess(settings, log=Path({str(tmp_path / 'gateway.log')!r})).start().base_url)\n"
        "sys.stdout.flush()\n"
        "os._exit(1)\n"
    )
    parent = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)  # noqa: S603 - our own interpreter
    url = httpx.URL(parent.stdout.strip())

    deadline = time.monotonic() + 30
    while not _is_refused(url):
        assert time.monotonic() < deadline, "the gateway outlives the process that started it"
        time.sleep(0.01)


def _is_refused(url: httpx.URL) -> bool:
    """Whether nobody listens there: any other failure to connect says nothing."""
    with socket.socket() as probe:
        return probe.connect_ex((url.host, url.port or 0)) == errno.ECONNREFUSED


def test_secrets_are_in_no_argument_and_no_message(running: Running) -> None:
    post(running.process.webhook_url, event(1), {})
    httpx.post(f"{running.process.base_url}/usage", headers={"Authorization": "Bearer wrong-key"}, json={})
    arguments = Path(f"/proc/{running.process.pid}/cmdline").read_bytes().decode()
    said = running.log.read_text()

    assert '"event": "refused"' in said
    for secret in (SECRET, USAGE_KEY, "wrong-key", "postgresql", "deal.propertyChange"):
        assert secret not in arguments
        assert secret not in said
