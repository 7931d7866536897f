"""What is announced arrives, is tried again on the sandbox's clock, and is kept until it is acknowledged."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline_tests.sandbox.notifications.conftest import Make, idle, run, until
from integration_pipeline_tests.sandbox.notifications.receiver import Receiver


def test_an_event_arrives_signed_and_is_recorded(make: Make, receiver: Receiver) -> None:
    webhooks = make()
    webhooks.configure({"url": receiver.url})

    async def scenario() -> None:
        webhooks.announce({"name": "a"}, key="invoice 1")
        await until(lambda: idle(webhooks))
        [event] = webhooks.events(0, 10)
        assert (event["key"], event["status"], event["attempts"]) == ("invoice 1", "acknowledged", 1)
        [delivery] = webhooks.deliveries(0, 10)
        assert (delivery["events"], delivery["status"], delivery["accepted"]) == ([event["id"]], 200, True)

    run(webhooks, scenario)
    assert receiver.names == ["a"]
    assert receiver.signatures == ["true"]


def test_without_a_receiver_nothing_is_recorded(make: Make) -> None:
    webhooks = make()

    async def scenario() -> None:
        webhooks.announce({"name": "a"})
        assert webhooks.events(0, 10) == []

    run(webhooks, scenario)


def test_events_that_wait_are_sent_together_up_to_the_most_of_a_post(make: Make, receiver: Receiver) -> None:
    webhooks = make(most_events=3)
    webhooks.configure({"url": receiver.url})

    async def scenario() -> None:
        for name in "abcde":
            webhooks.announce({"name": name})
        await until(lambda: idle(webhooks))

    run(webhooks, scenario)
    assert sorted(len(body["events"]) for body in receiver.bodies) == [2, 3]


def test_a_refused_event_waits_for_the_sandboxs_clock(
    make: Make, receiver: Receiver, clock: SandboxClock
) -> None:
    webhooks = make()
    webhooks.configure({"url": receiver.url})
    receiver.answers.append(500)

    async def scenario() -> None:
        webhooks.announce({"name": "a"})
        await until(lambda: len(webhooks.deliveries(0, 10)) == 1)
        clock.advance(Decimal(3599))
        assert webhooks.queue()["open"] == 1
        clock.advance(Decimal(1))
        await until(lambda: idle(webhooks))
        assert [each["status"] for each in webhooks.deliveries(0, 10)] == [500, 200]

    run(webhooks, scenario)
    assert [body["attempt"] for body in receiver.bodies] == [1, 2]


def test_an_event_is_given_up_after_its_last_retry(
    make: Make, receiver: Receiver, clock: SandboxClock
) -> None:
    webhooks = make()
    webhooks.configure({"url": receiver.url})
    receiver.answers.extend([500, 500, 500])

    async def scenario() -> None:
        webhooks.announce({"name": "a"})
        for attempts in (1, 2, 3):
            await until(lambda made=attempts: len(webhooks.deliveries(0, 10)) == made)
            clock.advance(Decimal(3600))
        await until(lambda: idle(webhooks))
        [event] = webhooks.events(0, 10)
        assert (event["status"], event["attempts"]) == ("given up", 3)

    run(webhooks, scenario)


def test_a_vendor_that_disables_keeps_its_events_until_the_receiver_is_set_again(
    make: Make, receiver: Receiver
) -> None:
    webhooks = make(retry_seconds=(), disables=True)
    webhooks.configure({"url": receiver.url})
    receiver.answers.append(500)

    async def scenario() -> None:
        webhooks.announce({"name": "a"})
        await until(lambda: not webhooks.queue()["enabled"])
        webhooks.announce({"name": "b"})
        assert webhooks.queue()["open"] == 2
        webhooks.configure({"url": receiver.url})
        await until(lambda: idle(webhooks))

    run(webhooks, scenario)
    assert sorted(receiver.names) == ["a", "a", "b"]


def test_in_order_an_unacknowledged_event_holds_back_the_later_ones(
    make: Make, receiver: Receiver, clock: SandboxClock
) -> None:
    webhooks = make(ordered=True)
    webhooks.configure({"url": receiver.url})
    receiver.answers.append(500)

    async def scenario() -> None:
        webhooks.announce({"name": "a"})
        await until(lambda: len(webhooks.deliveries(0, 10)) == 1)
        webhooks.announce({"name": "b"})
        webhooks.announce({"name": "c"})
        assert webhooks.queue()["open"] == 3
        clock.advance(Decimal(3600))
        await until(lambda: idle(webhooks))

    run(webhooks, scenario)
    assert receiver.names == ["a", "a", "b", "c"]


def test_out_of_order_later_events_pass_one_that_failed(
    make: Make, receiver: Receiver, clock: SandboxClock
) -> None:
    webhooks = make()
    webhooks.configure({"url": receiver.url})
    receiver.answers.append(500)

    async def scenario() -> None:
        webhooks.announce({"name": "a"})
        await until(lambda: len(webhooks.deliveries(0, 10)) == 1)
        webhooks.announce({"name": "b"})
        await until(lambda: webhooks.queue()["open"] == 1)
        clock.advance(Decimal(3600))
        await until(lambda: idle(webhooks))

    run(webhooks, scenario)
    assert receiver.names == ["a", "b", "a"]


def test_the_body_of_an_answer_can_decide_as_well(make: Make, receiver: Receiver) -> None:
    def acknowledges(body: bytes) -> bool:
        return b"<Ack>true</Ack>" in body

    webhooks = make(retry_seconds=(), answer=acknowledges)
    webhooks.configure({"url": receiver.url})
    receiver.said = b"<Ack>false</Ack>"

    async def scenario() -> None:
        webhooks.announce({"name": "a"})
        await until(lambda: idle(webhooks))
        receiver.said = b"<Ack>true</Ack>"
        webhooks.announce({"name": "b"})
        await until(lambda: idle(webhooks))
        assert [each["status"] for each in webhooks.events(0, 10)] == ["given up", "acknowledged"]

    run(webhooks, scenario)


def test_a_receiver_that_is_away_is_recorded_with_the_reason(make: Make, receiver: Receiver) -> None:
    webhooks = make(retry_seconds=())
    webhooks.configure({"url": receiver.url})
    receiver.stop()

    async def scenario() -> None:
        webhooks.announce({"name": "a"})
        await until(lambda: idle(webhooks))
        [delivery] = webhooks.deliveries(0, 10)
        assert delivery["status"] is None
        assert "ConnectError" in str(delivery["error"])

    run(webhooks, scenario)


def test_what_was_not_acknowledged_is_sent_by_the_next_process(
    make: Make, receiver: Receiver, clock: SandboxClock
) -> None:
    first = make()
    first.configure({"url": receiver.url})
    receiver.answers.append(503)

    async def refused() -> None:
        first.announce({"name": "a"})
        await until(lambda: len(first.deliveries(0, 10)) == 1)

    run(first, refused)
    second = make()

    async def again() -> None:
        clock.advance(Decimal(3600))
        await until(lambda: idle(second))

    run(second, again)
    assert receiver.names == ["a", "a"]


def test_an_announced_event_is_in_the_file_before_anything_was_sent(
    make: Make, receiver: Receiver, tmp_path: Path
) -> None:
    webhooks = make(name="relay")
    webhooks.configure({"url": receiver.url})
    webhooks.announce({"name": "a"})

    async def nothing() -> None:
        pass

    run(webhooks, nothing)
    with sqlite3.connect(tmp_path / "relay.sqlite") as file:
        [(status,)] = file.execute("SELECT status FROM events").fetchall()
    file.close()
    assert status in {"waiting", "acknowledged"}


def test_a_reset_forgets_the_receiver_and_all_events(make: Make, receiver: Receiver) -> None:
    webhooks = make()
    webhooks.configure({"url": receiver.url})

    async def scenario() -> None:
        webhooks.announce({"name": "a"})
        await until(lambda: idle(webhooks))
        webhooks.reset()
        assert webhooks.settings.url is None
        assert webhooks.events(0, 10) == []
        assert webhooks.deliveries(0, 10) == []

    run(webhooks, scenario)


@pytest.mark.parametrize("changes", [{"url": "ftp://x"}, {"faults": {"lose_share": 2}}, {"speed": 1}])
def test_settings_that_cannot_be_are_refused(make: Make, changes: dict[str, object]) -> None:
    webhooks = make()
    with pytest.raises(ValueError):
        webhooks.configure(changes)
