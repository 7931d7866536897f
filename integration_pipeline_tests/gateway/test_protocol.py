"""Callers that send a request's head without end, or hardly at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI

from integration_pipeline.gateway.protocol import HEAD_BYTES, BoundedHttpProtocol


class _Impatient(BoundedHttpProtocol):
    head_seconds = 0.05


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server that waits for a head no longer than a twentieth of a second."""
    server = uvicorn.Server(uvicorn.Config(FastAPI(), http=_Impatient, log_config=None, log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(30)


@pytest.mark.parametrize("start", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "])
def test_a_head_that_does_not_end_ends_the_connection(port: int, start: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as caller:
        caller.sendall(start)

        assert caller.recv(1_000) == b""


@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nX-Long: ", b"GET / HTTP/1.1\r\n"])
def test_a_head_without_measure_is_refused(port: int, start: bytes) -> None:
    line = b"a" * 1_000 if start.endswith((b"/", b" ")) else b"X-Many: 1\r\n" * 100
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as caller:
        try:
            caller.sendall(start)
            for _ in range(20 * HEAD_BYTES // 1_000):
                caller.sendall(line)
            answer = caller.recv(1_000)
        except (BrokenPipeError, ConnectionResetError):
            return

    assert answer.startswith(b"HTTP/1.1 400") or answer == b""


def test_a_connection_takes_request_after_request(port: int) -> None:
    request = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as caller:
        stream = caller.makefile("rb")
        for _ in range(3):
            caller.sendall(request)
            assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
            length = 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            assert len(stream.read(length)) == length
