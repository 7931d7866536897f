"""Connections to a receiver that no longer is one."""

from __future__ import annotations

import asyncio

from integration_pipeline.sandbox.hubspot.webhooks.connection import Receiver

_PATIENCE_SECONDS = 10


def test_a_connection_in_use_when_its_receiver_is_closed_ends_with_the_answer() -> None:
    async def run() -> bytes:
        asked, closed = asyncio.Event(), asyncio.Event()
        rest: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            asked.set()
            await closed.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            rest.set_result(await reader.read())
            writer.close()

        async with asyncio.timeout(_PATIENCE_SECONDS):
            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            receiver = Receiver(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
            posting = asyncio.create_task(receiver.post({}, b""))
            await asked.wait()
            receiver.close()
            closed.set()
            assert (await posting)[0] == 200
            ended = await rest
            server.close()
            return ended

    assert asyncio.run(run()) == b""
