"""How events reach their receiver: signed, in batches, again until they are taken."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from hubspot.utils.signature import Signature  # pyright: ignore[reportMissingTypeStubs] - has no types

from integration_pipeline.sandbox.hubspot.webhooks.signature import signature_headers
from integration_pipeline.sandbox.server import SandboxProcess
from integration_pipeline_tests.sandbox.webhooks.conftest import SECRET, Receiver, Subscribe

DEALS = "/crm/v3/objects/deals"
QUEUE = "/_sandbox/webhooks/queue"
UNNAMED = {"properties": {"dealname": ""}}


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_hubspots_library_accepts_both_signatures(
    create: Any, receiver: Receiver, subscribe: Subscribe
) -> None:
    subscribe("deal.propertyChange:dealname")
    create("deals", dealname="Übung, “quoted”")
    receiver.events(1)
    [delivery] = receiver.deliveries
    headers, body = delivery.headers, delivery.body.decode()
    timestamp = headers["X-HubSpot-Request-Timestamp"]
    assert Signature.is_valid(
        headers["X-HubSpot-Signature-v3"],
        SECRET,
        body,
        receiver.url,
        signature_version="v3",
        timestamp=timestamp,
    )
    assert Signature.is_valid(headers["X-HubSpot-Signature"], SECRET, body, receiver.url)
    assert headers["X-HubSpot-Signature-Version"] == "v2"


def test_version_3_signs_the_decoded_url() -> None:
    escaped, plain = (
        signature_headers("secret", url, b"[]", 1_700_000_000_000)["X-HubSpot-Signature-v3"]
        for url in ("https://a.example/in?to=%2Fb%3Fc%40d%20e", "https://a.example/in?to=/b?c@d%20e")
    )
    assert escaped == plain


def test_a_failed_event_is_sent_again_with_a_higher_attempt_number(
    create: Any, receiver: Receiver, subscribe: Subscribe, settled: Any
) -> None:
    receiver.answers = [500, 404, 302]
    subscribe("deal.creation")
    deal = create("deals")
    events = receiver.events(4)
    assert [event.pop("attemptNumber") for event in events] == [0, 1, 2, 3]
    assert all(event == events[0] for event in events)
    [entry] = settled()
    assert (entry["object_id"], entry["attempts"], entry["status"]) == (int(deal), 4, "acknowledged")
    assert entry["recorded_at"] <= entry["sent_at"] < entry["acknowledged_at"]


def test_an_answer_after_the_deadline_is_none(create: Any, receiver: Receiver, subscribe: Subscribe) -> None:
    receiver.answers = [None]
    subscribe("deal.creation", deadline_ms=100)
    create("deals")
    assert [event["attemptNumber"] for event in receiver.events(2)] == [0, 1]


def test_events_wait_for_a_receiver_nobody_runs(
    client: httpx.Client, create: Any, receiver: Receiver, subscribe: Subscribe
) -> None:
    subscribe("deal.creation", targetUrl=f"http://127.0.0.1:{closed_port()}/", retry_scale=0.000_1)
    create("deals")
    while client.get("/_sandbox/webhooks/deliveries").json()["results"][0]["attempts"] == 0:
        pass
    client.put("/_sandbox/webhooks", json={"target_url": receiver.url})
    [event] = receiver.events(1)
    assert event["attemptNumber"] > 0


def test_after_ten_retries_an_event_is_given_up(
    create: Any, receiver: Receiver, subscribe: Subscribe, settled: Any
) -> None:
    receiver.answers = [503] * 11
    subscribe("deal.creation", retry_scale=0)
    create("deals")
    [entry] = settled()
    assert (entry["status"], entry["attempts"], entry["acknowledged_at"]) == ("given up", 11, None)
    assert [event["attemptNumber"] for event in receiver.events(11)] == list(range(11))


def test_a_kept_connection_that_ends_without_an_answer_costs_no_attempt(
    create: Any, receiver: Receiver, subscribe: Subscribe
) -> None:
    receiver.one_answer_a_connection = True
    subscribe("deal.creation")
    for count in (1, 2, 3):
        create("deals")
        assert [event["attemptNumber"] for event in receiver.events(count)] == [0] * count


@pytest.mark.parametrize(("batch_size", "most"), [(100, 100), (7, 7)])
def test_events_gather_in_batches_while_no_request_is_free(
    client: httpx.Client, create: Any, receiver: Receiver, subscribe: Subscribe, batch_size: int, most: int
) -> None:
    receiver.answers = [None]
    subscribe("deal.creation", batch_size=batch_size)
    create("deals")
    receiver.events(1)
    for _ in range(2):
        client.post(f"{DEALS}/batch/create", json={"inputs": [UNNAMED] * 60}).raise_for_status()
    assert client.get(QUEUE).json() == {
        "open": 121,
        "duplicates": 0,
        "requests": 1,
        "forged": {"sent": 0, "accepted": 0},
    }
    receiver.released.set()
    events = receiver.events(121)
    assert [event["objectId"] for event in events] == sorted(event["objectId"] for event in events)
    sizes = [len(delivery.events) for delivery in receiver.deliveries]
    assert sizes[:2] == [1, most]
    assert max(sizes) == most


def test_no_more_requests_are_under_way_than_allowed(
    client: httpx.Client, create: Any, receiver: Receiver, subscribe: Subscribe
) -> None:
    receiver.answers = [None] * 5
    subscribe("deal.creation", max_concurrent_requests=3)
    for _ in range(5):
        create("deals")
    receiver.events(3)
    assert client.get(QUEUE).json()["requests"] == 3
    receiver.released.set()
    assert len(receiver.events(5)) == 5


def test_an_event_survives_a_killed_sandbox(tmp_path: Path, receiver: Receiver) -> None:
    settings = {
        "target_url": f"http://127.0.0.1:{closed_port()}/",
        "client_secret": SECRET,
        "subscriptions": [{"event_type": "deal.creation"}],
        "retry_scale": 0.001,
    }
    sandbox = SandboxProcess(tmp_path, token="pat")
    with httpx.Client(base_url=sandbox.start().base_url, headers=sandbox.headers) as client:
        client.put("/_sandbox/webhooks", json=settings).raise_for_status()
        deal = client.post(DEALS, json={"properties": {}}).json()["id"]
    assert sandbox.kill() == -signal.SIGKILL

    with (
        SandboxProcess(tmp_path, token="pat") as again,
        httpx.Client(base_url=again.base_url, headers=again.headers) as client,
    ):
        assert client.get(QUEUE).json()["open"] == 1
        client.put("/_sandbox/webhooks", json={"target_url": receiver.url}).raise_for_status()
        [event] = receiver.events(1)
        assert (event["objectId"], event["eventId"]) == (int(deal), 1)
        client.post(DEALS, json={"properties": {}})
        assert receiver.events(2)[1]["eventId"] == 2


def test_a_reset_forgets_settings_and_events(
    client: httpx.Client, create: Any, receiver: Receiver, subscribe: Subscribe
) -> None:
    receiver.answers = [None]
    subscribe("deal.creation")
    create("deals")
    create("deals")
    receiver.events(1)
    client.post("/_sandbox/reset").raise_for_status()
    assert client.get(QUEUE).json()["open"] == 0
    assert client.get("/_sandbox/webhooks").json()["target_url"] is None
    receiver.released.set()
    subscribe("deal.creation")
    deal = create("deals")
    last = receiver.events(2)[1]
    assert (last["objectId"], last["eventId"]) == (int(deal), 1)


def test_the_log_of_deliveries_is_read_in_pages(
    client: httpx.Client, subscribe: Subscribe, settled: Any
) -> None:
    subscribe("deal.creation")
    client.post(f"{DEALS}/batch/create", json={"inputs": [UNNAMED] * 3})
    settled()
    first = client.get("/_sandbox/webhooks/deliveries", params={"limit": 2}).json()
    after = first["paging"]["next"]["after"]
    second = client.get("/_sandbox/webhooks/deliveries", params={"limit": 2, "after": after}).json()
    assert [entry["id"] for entry in first["results"]] == [1, 2]
    assert [entry["id"] for entry in second["results"]] == [3]
    assert "paging" not in second
