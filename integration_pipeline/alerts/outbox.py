"""Alerts on their way: what has yet to be sent where, tried again a bounded number of times.

Belongs here: the state between two attempts, as text for whoever keeps it. Does not belong here: the channels
themselves. An alert is kept by its sender and not in the pipeline's database, because a database that is down
is what people must be told of.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from integration_pipeline.alerts.alert import Alert, NotDelivered
from integration_pipeline.alerts.channels import Send

ATTEMPTS = 10
"""With the waits between them eight hours."""
_FIRST_WAIT_SECONDS = 60.0
_LONGEST_WAIT_SECONDS = 4 * 3_600.0
_KEPT = 50
_SECONDS_AT_ONCE = 30.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class OnItsWay:
    """An alert with the channels that have yet to take it."""

    alert: Alert
    left: list[str]
    attempts: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class Outbox:
    """Alerts on their way, and conditions that people were told of and that still hold.

    `seen` is a mark of the keeper's own: up to where it has looked.
    """

    seen: str | None = None
    on_their_way: list[OnItsWay] = field(default_factory=list[OnItsWay])
    standing: list[str] = field(default_factory=list[str])

    @staticmethod
    def read(text: str | None) -> Outbox:
        """The outbox `as_text` wrote, an empty one at first."""
        return _OUTBOX.validate_json(text) if text else Outbox()

    def as_text(self) -> str:
        """All of it, for keeping."""
        return _OUTBOX.dump_json(self).decode()

    def put(self, alert: Alert, channels: Mapping[str, Send]) -> None:
        """Have it sent over every channel. When 50 wait already, the newest are only logged."""
        if len(self.on_their_way) >= _KEPT:
            _log.error("alert not sent, %s others wait: %s", _KEPT, alert.title)
        elif channels:
            self.on_their_way.append(OnItsWay(alert, list(channels)))

    def put_once(self, condition: str, holds: bool, alert: Alert, channels: Mapping[str, Send]) -> None:
        """Have it sent when the condition begins to hold, and not again until it has ceased to."""
        if holds and condition not in self.standing:
            self.standing.append(condition)
            self.put(alert, channels)
        elif not holds and condition in self.standing:
            self.standing.remove(condition)

    def send(self, channels: Mapping[str, Send], now: float) -> int:
        """Try what is due at `now` (seconds of a clock that runs on between calls); how many got through.

        A channel that was taken out of the settings is forgotten. After half a minute the rest waits for the
        next call.
        """
        sent = 0
        until = time.monotonic() + _SECONDS_AT_ONCE
        kept: list[OnItsWay] = []
        for each in self.on_their_way:
            each.left = [name for name in each.left if name in channels]
            if each.not_before <= now and time.monotonic() < until:
                sent += _try(each, channels, now)
            if each.left and each.attempts < ATTEMPTS:
                kept.append(each)
            elif each.left:
                _log.error("alert given up after %s attempts: %s", each.attempts, each.alert.title)
        self.on_their_way = kept
        return sent


def _try(each: OnItsWay, channels: Mapping[str, Send], now: float) -> int:
    sent = 0
    for name in list(each.left):
        try:
            channels[name](each.alert)
        except NotDelivered as error:
            _log.warning("alert by %s did not get through, attempt %s: %s", name, each.attempts + 1, error)
        except Exception as error:
            # A setting that no channel foresaw must not cost the others; what was said may quote a secret.
            _log.error(
                "alert by %s did not get through, attempt %s: %s; look at the settings of the channel",
                name,
                each.attempts + 1,
                type(error).__name__,
            )
        else:
            each.left.remove(name)
            sent += 1
    if each.left:
        each.attempts += 1
        wait = min(_FIRST_WAIT_SECONDS * 2.0 ** (each.attempts - 1), _LONGEST_WAIT_SECONDS)
        each.not_before = now + wait
    return sent


_OUTBOX = TypeAdapter(Outbox)
