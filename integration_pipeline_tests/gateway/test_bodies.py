"""How much of all bodies is held at a time."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from integration_pipeline.gateway.bodies import Bodies
from integration_pipeline.gateway.refusals import Refused


def request(*chunks: bytes) -> Request:
    """A POST whose body comes in these chunks, and then no more of it."""
    left = list(chunks)

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(0), "more_body": True}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def whole(body: bytes) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


async def taken(bodies: Bodies, body: bytes) -> bytes:
    async with bodies.read(whole(body), limit=100, seconds=30) as read:
        return read


def test_a_body_that_is_worked_on_counts_until_the_work_is_done() -> None:
    async def scene() -> None:
        bodies = Bodies(memory=100)
        async with bodies.read(whole(b"a" * 80), limit=100, seconds=30):
            with pytest.raises(Refused, match="too many large requests at once") as refused:
                await taken(bodies, b"b" * 21)
            assert refused.value.status == 503
            assert await taken(bodies, b"c" * 20) == b"c" * 20
        assert await taken(bodies, b"d" * 100) == b"d" * 100

    asyncio.run(scene())


def test_what_has_come_of_a_slow_body_counts_until_it_is_given_up() -> None:
    async def scene() -> None:
        bodies = Bodies(memory=100)
        slow = asyncio.create_task(given_up(bodies))
        await asyncio.sleep(0)
        with pytest.raises(Refused, match="too many large requests at once"):
            await taken(bodies, b"b" * 21)

        slow.cancel()
        await asyncio.wait({slow})
        assert await taken(bodies, b"d" * 100) == b"d" * 100

    async def given_up(bodies: Bodies) -> None:
        async with bodies.read(request(b"a" * 80), limit=100, seconds=30):
            raise AssertionError("it has no end")

    asyncio.run(scene())
