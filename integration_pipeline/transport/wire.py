"""Requests on their way: an httpx client that counts every request authentication makes of one call.

Belongs here: what concerns httpx alone. Does not belong here: retries and recovery classes (`client`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field

import httpx

from integration_pipeline.transport.auth import secrets_in
from integration_pipeline.transport.failures import ErrorReply
from integration_pipeline.transport.json_types import parse_json
from integration_pipeline.transport.policies import TimeLimits
from integration_pipeline.transport.withholding import request_extensions

_ERROR_TEXT_BYTES = 2_000
_REFUSAL_BYTES = 65_536
_TURN = "integration_pipeline.turn"


@dataclass(slots=True)
class Turn:
    """One attempt at a call: usually one request, two where authentication renewed its token on the way.

    Each request takes a slot of its own from the vendor's limits; `waited` are the seconds that took.
    `secrets` collects what authentication put into their headers.
    """

    take_slot: Callable[[], AbstractContextManager[float]]
    requests: int = 0
    waited: float = 0.0
    started: float = 0.0
    secrets: set[str] = field(default_factory=set[str])
    _plain: Mapping[str, str] = field(default_factory=dict[str, str])
    _slot: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Turn:
        self._next_slot()
        return self

    def __exit__(self, *_: object) -> None:
        self._slot.close()

    def carried_by(self, request: httpx.Request) -> None:
        """Let this request take part, before authentication touches it."""
        request.extensions = {**request.extensions, **request_extensions(), _TURN: self}
        self._plain = dict(request.headers)

    def goes_out(self, request: httpx.Request) -> None:
        if self.requests:
            self._next_slot()
        self.requests += 1
        self.secrets |= secrets_in(self._plain, request.headers)

    def _next_slot(self) -> None:
        # Given back first: two slots of a vendor that allows one call at once would never come.
        self._slot.close()
        self.waited += self._slot.enter_context(self.take_slot())
        self.started = time.monotonic()


def open_http(
    base_url: str,
    *,
    auth: httpx.Auth | None,
    headers: Mapping[str, str],
    limits: TimeLimits,
    max_connections: int,
    idle_seconds: float,
) -> httpx.Client:
    """A client that follows no redirect and tells a request's `Turn` whenever it goes out."""
    return httpx.Client(
        base_url=base_url,
        auth=auth,
        headers=headers,
        timeout=timeout(limits),
        limits=httpx.Limits(
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=idle_seconds,
        ),
        follow_redirects=False,
        event_hooks={"request": [_goes_out], "response": [_cut_refusal(limits.answer)]},
    )


def timeout(limits: TimeLimits) -> httpx.Timeout:
    # The pool hands out a connection as soon as another thread is done; waiting for one is not a failure.
    return httpx.Timeout(limits.read, connect=limits.connect, pool=limits.answer)


def read_body(response: httpx.Response, *, most_bytes: int, seconds: float) -> bytes | None:
    """The decoded body, or None once it passes the size limit; raises ReadTimeout past the whole-answer
    limit.
    """
    started = time.monotonic()
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > most_bytes:
            return None
        if time.monotonic() - started > seconds:
            raise httpx.ReadTimeout("the answer as a whole took too long")
        chunks.append(chunk)
    return b"".join(chunks)


def error_reply(status: int, headers: Mapping[str, str], body: bytes) -> ErrorReply:
    """What a vendor's `explain` gets to see: parsed JSON, and the text for whatever else it is."""
    text = body[:_ERROR_TEXT_BYTES].decode("utf-8", errors="replace")
    try:
        parsed = parse_json(body)
    except ValueError:
        parsed = None
    return ErrorReply(status, headers, parsed, text)


class _Head(httpx.SyncByteStream):
    """The beginning of an answer."""

    def __init__(self, answer: httpx.SyncByteStream, seconds: float) -> None:
        self._answer = answer
        self._seconds = seconds

    def __iter__(self) -> Iterator[bytes]:
        started = time.monotonic()
        size = 0
        for chunk in self._answer:
            yield chunk
            size += len(chunk)
            if size > _REFUSAL_BYTES or time.monotonic() - started > self._seconds:
                return

    def close(self) -> None:
        self._answer.close()


def _cut_refusal(seconds: float) -> Callable[[httpx.Response], None]:
    def cut(response: httpx.Response) -> None:
        # Before authentication sends a call again, httpx reads the 401 to its end, wherever that is.
        if response.status_code == 401 and isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _Head(response.stream, seconds)

    return cut


def _goes_out(request: httpx.Request) -> None:
    turn = request.extensions.get(_TURN)
    if isinstance(turn, Turn):
        turn.goes_out(request)
