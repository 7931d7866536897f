"""Alerts that did not get through at first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from integration_pipeline.alerts.alert import Alert, NotDelivered
from integration_pipeline.alerts.outbox import ATTEMPTS, Outbox

ALERT = Alert("failed", (("step", "crm__deals"),))


class Channel:
    """A channel that is closed for its first calls."""

    def __init__(self, closed_for: int = 0) -> None:
        self.closed_for = closed_for
        self.calls = 0
        self.taken: list[Alert] = []

    def __call__(self, alert: Alert) -> None:
        self.calls += 1
        if self.calls <= self.closed_for:
            raise NotDelivered("closed")
        self.taken.append(alert)


def test_an_alert_is_sent_once() -> None:
    outbox, chat = Outbox(), Channel()
    outbox.put(ALERT, {"chat": chat})
    assert outbox.send({"chat": chat}, now=0) == 1
    assert outbox.send({"chat": chat}, now=10_000) == 0
    assert chat.taken == [ALERT]


def test_one_that_did_not_get_through_is_tried_again_after_a_while() -> None:
    outbox, chat = Outbox(), Channel(closed_for=1)
    outbox.put(ALERT, {"chat": chat})
    for now in (0, 59, 60):
        outbox.send({"chat": chat}, now=now)
    assert chat.calls == 2
    assert chat.taken == [ALERT]


def test_it_is_not_tried_for_ever() -> None:
    outbox, chat = Outbox(), Channel(closed_for=1_000)
    outbox.put(ALERT, {"chat": chat})
    for day in range(100):
        outbox.send({"chat": chat}, now=day * 86_400.0)
    assert chat.calls == ATTEMPTS
    assert outbox.on_their_way == []


def test_giving_up_is_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    outbox, chat = Outbox(), Channel(closed_for=1_000)
    outbox.put(ALERT, {"chat": chat})
    for day in range(ATTEMPTS):
        outbox.send({"chat": chat}, now=day * 86_400.0)
    assert f"given up after {ATTEMPTS} attempts: failed" in caplog.text


def test_a_channel_that_took_it_is_not_bothered_again_for_the_other() -> None:
    chat, mail = Channel(), Channel(closed_for=1)
    outbox, ways = Outbox(), {"chat": chat, "mail": mail}
    outbox.put(ALERT, ways)
    outbox.send(ways, now=0)
    outbox.send(ways, now=60)
    assert (len(chat.taken), len(mail.taken)) == (1, 1)


def test_a_channel_that_breaks_counts_as_one_that_did_not_take_it(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Alert) -> None:
        raise UnicodeEncodeError("ascii", "pässword", 1, 2, "not ASCII")

    chat = Channel()
    outbox, ways = Outbox(), {"mail": broken, "chat": chat}
    outbox.put(ALERT, ways)
    for day in range(2):
        assert outbox.send(ways, now=day * 86_400.0) == (1 if day == 0 else 0)
    assert chat.taken == [ALERT]
    assert outbox.on_their_way[0].attempts == 2
    assert "UnicodeEncodeError" in caplog.text
    assert "pässword" not in caplog.text


def test_what_is_on_its_way_outlives_the_process() -> None:
    outbox, chat = Outbox(seen="here"), Channel(closed_for=1)
    outbox.put(ALERT, {"chat": chat})
    outbox.send({"chat": chat}, now=0)
    restored = Outbox.read(outbox.as_text())
    restored.send({"chat": chat}, now=60)
    assert restored.seen == "here"
    assert chat.taken == [ALERT]


def test_a_channel_taken_out_of_the_settings_is_forgotten() -> None:
    outbox = Outbox()
    outbox.put(ALERT, {"chat": Channel()})
    outbox.send({}, now=0)
    assert outbox.on_their_way == []


def test_a_condition_is_told_once_until_it_clears() -> None:
    outbox, chat = Outbox(), Channel()
    ways: dict[str, Callable[[Alert], None]] = {"chat": chat}
    for holds in (False, True, True, False, True):
        outbox.put_once("events_failed", holds, ALERT, ways)
        outbox.send(ways, now=0)
    assert len(chat.taken) == 2


def test_a_flood_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    outbox, chat = Outbox(), Channel(closed_for=1_000)
    for number in range(60):
        outbox.put(Alert(f"failure {number}"), {"chat": chat})
    assert len(outbox.on_their_way) == 50
    assert "failure 59" in caplog.text
