"""Connections to the receiver: one POST at a time each, kept open for the next.

Made of asyncio and the HTTP parser the server runs on, because the sandbox shares the processor with what is
measured against it: a POST through httpx took 2 ms of processor time, one of these 0.03 ms. Answers' bodies
are read and forgotten.
"""

from __future__ import annotations

import asyncio
from typing import cast
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

from integration_pipeline.sandbox.hubspot.webhooks.outbox import now_us


class NoAnswerError(ConnectionError):
    """The connection ended, or its data made no sense, before a whole answer had come."""


class Receiver:
    """Where events go. Connections that stay open after an answer are used again."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None  # noqa: S101 - the settings take no other
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._start = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n"
        self._idle: list[_Connection] = []
        self._closed = False

    async def post(self, headers: dict[str, str], body: bytes) -> tuple[int, int]:
        """The status of the answer, and when the request was written: epoch microseconds, just before.

        Raises OSError when nobody listens and when no whole answer comes. A kept connection may have been
        closed by the other side meanwhile; what it does not answer is sent on a new one.
        """
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"{self._start}{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                try:
                    return await self._send(connection, request)
                except NoAnswerError:
                    break
        return await self._send(await self._connect(), request)

    def close(self) -> None:
        """Keep no connection; one that is in use ends with its answer."""
        self._closed = True
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            _Connection, self._host, self._port, ssl=True if self._secure else None
        )
        return connection

    async def _send(self, connection: _Connection, request: bytes) -> tuple[int, int]:
        at_us = now_us()
        try:
            status = await connection.post(request)
        except BaseException:
            # A cancelled request too: its answer may come yet, and is not the next one's.
            connection.close()
            raise
        if self._closed:
            connection.close()
        elif connection.open:
            self._idle.append(connection)
        return status, at_us


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._answer: asyncio.Future[int] | None = None

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def post(self, request: bytes) -> int:
        self._parser = HttpResponseParser(self)
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            raise NoAnswerError("the connection is closed")
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._fail(f"the answer is no HTTP: {error}")
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(f"the connection was closed: {exc or 'by the other side'}")

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or self._answer is None or self._answer.done():
            return
        if not self._parser.should_keep_alive():
            self.close()
        self._answer.set_result(status)

    def _fail(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NoAnswerError(why))
