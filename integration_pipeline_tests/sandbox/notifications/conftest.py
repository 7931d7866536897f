"""Webhooks that run in this process, and where they go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.notifications.events import Attempt, JsonObject, Post
from integration_pipeline.sandbox.notifications.service import Notifications
from integration_pipeline_tests.sandbox.notifications.receiver import Receiver

_LONG = 10


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


def compose(events: Sequence[JsonObject], attempt: Attempt) -> Post:
    body = json.dumps({"events": events, "attempt": attempt.number}).encode()
    return Post(body, {"Signature": "forged" if attempt.forged else "true"})


Make = Callable[..., Notifications]


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock()


@pytest.fixture
def make(tmp_path: Path, clock: SandboxClock) -> Make:
    """Webhooks of a vendor with this manner; by default two retries an hour apart, one event a POST."""

    def make(**manner: Any) -> Notifications:
        settings: dict[str, Any] = {"retry_seconds": (3600, 3600), "most_events": 1}
        return Notifications(tmp_path, clock, compose, **(settings | manner))

    return make


async def until(reached: Callable[[], object]) -> None:
    """Wait for something that must become true."""
    async with asyncio.timeout(_LONG):
        while not reached():
            await asyncio.sleep(0.005)


def idle(notifications: Notifications) -> bool:
    queue = notifications.queue()
    return not (queue["open"] or queue["duplicates"] or queue["requests"])


def run(notifications: Notifications, scenario: Callable[[], Awaitable[None]]) -> None:
    """Play a scenario while the webhooks are delivered."""

    async def played() -> None:
        notifications.start()
        try:
            await scenario()
        finally:
            await notifications.stop()

    asyncio.run(played())
