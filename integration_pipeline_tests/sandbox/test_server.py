"""The sandbox as a process: what outlives it, how it ends, who may share its directory."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

from integration_pipeline.sandbox.server import SandboxProcess

DEALS = "/crm/v3/objects/deals"
PO = {
    "name": "po_number",
    "label": "PO",
    "type": "string",
    "fieldType": "text",
    "groupName": "dealinformation",
}


def test_committed_changes_survive_a_killed_process(tmp_path: Path) -> None:
    sandbox = SandboxProcess(tmp_path, token="pat")
    with httpx.Client(base_url=sandbox.start().base_url, headers=sandbox.headers) as client:
        client.post("/crm/v3/properties/deals", json=PO).raise_for_status()
        client.put("/_sandbox/owners", json={"owners": [{"id": "7", "email": "a@example.com"}]})
        made = client.post(DEALS, json={"properties": {"dealname": "kept", "po_number": "4711"}}).json()
    assert sandbox.kill() == -signal.SIGKILL

    with SandboxProcess(tmp_path, token="pat") as again:
        client = httpx.Client(base_url=again.base_url, headers=again.headers)
        read = client.get(f"{DEALS}/{made['id']}", params={"properties": "dealname,po_number"}).json()
        assert (read["properties"]["dealname"], read["properties"]["po_number"]) == ("kept", "4711")
        assert read["updatedAt"] == made["updatedAt"]
        assert client.get("/crm/v3/owners/7").json()["email"] == "a@example.com"
        assert int(client.post(DEALS, json={"properties": {}}).json()["id"]) > int(made["id"])


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_frees_the_directory(tmp_path: Path, ending: signal.Signals) -> None:
    sandbox = SandboxProcess(tmp_path, token="pat")
    sandbox.start()
    os.kill(sandbox.pid, ending)
    assert sandbox.stop() == 0
    assert (tmp_path / "server.log").read_text() == ""
    assert not (tmp_path / "hubspot.sqlite-wal").exists()


def test_a_second_process_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    with (
        SandboxProcess(tmp_path, token="pat"),
        pytest.raises(RuntimeError, match="used by another sandbox"),
        SandboxProcess(tmp_path, token="pat"),
    ):
        pass


def test_a_taken_port_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        sandbox = SandboxProcess(tmp_path, token="pat", port=taken.getsockname()[1])
        with pytest.raises(RuntimeError, match="Address already in use"):
            sandbox.start()
