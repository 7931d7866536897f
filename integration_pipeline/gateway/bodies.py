"""Reading a request's body within bounds of size, time and memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import Request
from starlette.requests import ClientDisconnect

from integration_pipeline.gateway.refusals import Refused

MEMORY: Final = 64 * 2**20
"""Bytes of all bodies that are being read or worked on, in one gateway."""


class Bodies:
    """Reads bodies; what all of them hold at a time is bounded by `memory` bytes."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request, *, limit: int, seconds: float) -> AsyncGenerator[bytes]:
        """The whole body, which counts until the block ends: what is made of it takes memory, too, and waits
        for the database longer than bytes wait for one another.

        Raises `Refused`: 400, 408, 413, or 503 while others hold too much.
        """
        body = bytearray()
        try:
            await self._read_into(body, request, limit, seconds)
            yield bytes(body)
        finally:
            self._held -= len(body)

    async def _read_into(self, body: bytearray, request: Request, limit: int, seconds: float) -> None:
        announced = request.headers.get("content-length")
        too_large = Refused(413, "too_large", f"the body has more than {limit} bytes", closes=True)
        if announced is not None and announced.isdecimal() and int(announced[:20]) > limit:
            raise too_large
        try:
            async with asyncio.timeout(seconds):
                async for chunk in request.stream():
                    self._held += len(chunk)
                    body += chunk
                    if len(body) > limit:
                        raise too_large
                    if self._held > self._memory:
                        raise Refused(503, "unavailable", "too many large requests at once", closes=True)
        except TimeoutError:
            raise Refused(408, "too_slow", f"no whole body within {seconds} seconds", closes=True) from None
        except ClientDisconnect:
            # Nobody will read the answer; the log says why there is none.
            raise Refused(400, "malformed", "the caller hung up in the middle of its request") from None
