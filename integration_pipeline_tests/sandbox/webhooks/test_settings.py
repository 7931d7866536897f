"""Setting webhooks up: what is kept, what is shown, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from integration_pipeline.sandbox.hubspot.storage import Storage
from integration_pipeline.sandbox.hubspot.webhooks.outbox import Event, Outbox
from integration_pipeline.sandbox.hubspot.webhooks.watch import Notice

PATH = "/_sandbox/webhooks"
READY = {"target_url": "https://hooks.example/in", "client_secret": "s"}


def test_settings_named_change_and_the_others_stay(client: httpx.Client) -> None:
    client.put(PATH, json={**READY, "batch_size": 7, "subscriptions": [{"eventType": "deal.creation"}]})
    client.put(PATH, json={"maxConcurrentRequests": 3})
    kept = client.get(PATH).json()
    assert (kept["batch_size"], kept["max_concurrent_requests"]) == (7, 3)
    assert [(each["id"], each["event_type"]) for each in kept["subscriptions"]] == [(1, "deal.creation")]


def test_the_secret_is_never_shown(client: httpx.Client) -> None:
    answer = client.put(PATH, json={**READY, "client_secret": "hidden-from-all"})
    assert "hidden-from-all" not in answer.text + client.get(PATH).text


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"target_url": "https://hooks.example/in"}, "client_secret"),
        ({**READY, "target_url": "ftp://hooks.example"}, "target_url"),
        ({**READY, "target_url": "http://a.example/in\r\nX: y"}, "target_url"),
        ({**READY, "target_url": "http://a..example/in"}, "target_url"),
        ({**READY, "target_url": "http://a.example:99999/in"}, "target_url"),
        ({"batch_size": 101}, "batch_size"),
        ({"bacth_size": 1}, "bacth_size"),
        ({"subscriptions": [{"eventType": "deal.changed"}]}, "deal.changed"),
        ({"subscriptions": [{"eventType": "deal.propertyChange"}]}, "property_name"),
        ({"subscriptions": [{"eventType": "deal.creation", "propertyName": "amount"}]}, "property_name"),
        ({"subscriptions": [{"eventType": "object.creation"}]}, "object_type_id"),
        ({"faults": {"drop_share": 2}}, "drop_share"),
        ({"faults": {"delay_ms": [5, 1]}}, "delay_ms"),
        ([], "an object"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(client: httpx.Client, settings: Any, named: str) -> None:
    answer = client.put(PATH, json=settings)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert named in answer.json()["message"]
    assert client.get(PATH).json()["target_url"] is None


def test_the_log_keeps_the_newest_events_and_all_that_wait(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    outbox = Outbox(storage, kept=10)
    for number in range(1, 31):
        [event] = outbox.record([Notice(1, "deal.creation", "{}")], [], at_us=0)
        if number != 3:
            outbox.acknowledge([event], 1, 2)
    assert [entry["id"] for entry in outbox.log(0, 100)] == [3, *range(21, 31)]
    assert outbox.waiting() == [Event(3, "{}", 0)]
    storage.close()
