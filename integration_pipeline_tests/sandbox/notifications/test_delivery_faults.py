"""What can be ordered to go wrong between a vendor and its receiver."""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.notifications.settings import WebhookSettings
from integration_pipeline_tests.sandbox.notifications.conftest import Make, idle, run, until
from integration_pipeline_tests.sandbox.notifications.receiver import Receiver

_NAMES = [f"{number:02}" for number in range(40)]


def _announced(make: Make, receiver: Receiver, faults: dict[str, object], **manner: object) -> list[str]:
    webhooks = make(**manner)
    webhooks.configure({"url": receiver.url, "seed": 7, "faults": faults})

    async def scenario() -> None:
        for name in _NAMES:
            webhooks.announce({"name": name})
        await until(lambda: idle(webhooks))

    run(webhooks, scenario)
    return receiver.names


def test_lost_events_are_never_sent(make: Make, receiver: Receiver) -> None:
    arrived = _announced(make, receiver, {"lose_share": "0.5"})
    assert 0 < len(arrived) < len(_NAMES)


def test_duplicates_arrive_after_the_original_was_acknowledged(make: Make, receiver: Receiver) -> None:
    arrived = _announced(make, receiver, {"duplicate_share": "0.5"})
    assert set(arrived) == set(_NAMES)
    assert len(_NAMES) < len(arrived) < 2 * len(_NAMES)


def test_disorder_lets_later_events_overtake(make: Make, receiver: Receiver) -> None:
    arrived = _announced(make, receiver, {"disorder": "0.3"}, ordered=True)
    assert sorted(arrived) == _NAMES
    assert arrived != _NAMES


def test_without_disorder_an_ordered_vendor_keeps_the_order(make: Make, receiver: Receiver) -> None:
    assert _announced(make, receiver, {}, ordered=True, most_events=7) == _NAMES


def test_forgeries_come_beside_the_true_events_under_a_wrong_signature(
    make: Make, receiver: Receiver
) -> None:
    arrived = _announced(make, receiver, {"forged_share": "0.5"})
    assert set(arrived) == set(_NAMES)
    forged = receiver.signatures.count("forged")
    assert 0 < forged < len(_NAMES)
    assert receiver.signatures.count("true") == len(_NAMES)


def test_an_accepted_forgery_is_counted(make: Make, receiver: Receiver) -> None:
    webhooks = make()
    webhooks.configure({"url": receiver.url, "faults": {"forged_share": 1}})
    receiver.answers.extend([200, 401, 200, 200])

    async def scenario() -> None:
        for name in "ab":
            webhooks.announce({"name": name})
            await until(lambda: idle(webhooks))
        assert webhooks.queue()["forged"] == {"sent": 2, "accepted": 1}

    run(webhooks, scenario)


def test_a_delay_is_waited_for_on_the_sandboxs_clock(
    make: Make, receiver: Receiver, clock: SandboxClock
) -> None:
    webhooks = make()
    webhooks.configure({"url": receiver.url, "faults": {"delay_ms": 3_600_000}})

    async def scenario() -> None:
        webhooks.announce({"name": "a"})
        assert webhooks.queue()["open"] == 1
        clock.advance(Decimal(3600))
        await until(lambda: idle(webhooks))

    run(webhooks, scenario)
    assert receiver.names == ["a"]


def test_the_same_seed_strikes_the_same_events() -> None:
    settings = WebhookSettings.model_validate({"seed": 3, "faults": {"lose_share": "0.3"}})
    other = settings.model_copy(update={"seed": 4})
    lost = [number for number in range(1_000) if settings.loses(number)]
    assert 200 < len(lost) < 400
    assert lost == [number for number in range(1_000) if settings.loses(number)]
    assert lost != [number for number in range(1_000) if other.loses(number)]
