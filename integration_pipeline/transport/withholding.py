"""A last question before a call goes out: may it still?

A call may wait a minute for its slot. Whoever had the right to make it may have lost it meanwhile, so the
question is put when the slot is there, the connection stands, and the first byte is about to leave.

Belongs here: the question, for all calls of a thread within a block. Does not belong here: what the right is
(`posting.writer`), slots (`limits`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_ABOUT_TO_LEAVE = "send_request_headers.started"


class WithheldError(Exception):
    """The call may not be made any more; nothing of it has left. The message says why."""


_question: ContextVar[Callable[[], None] | None] = ContextVar("may this call still go out", default=None)


@contextmanager
def asking(may_it_go: Callable[[], None]) -> Generator[None]:
    """Ask before each request this thread sends within the block; `may_it_go` raises `WithheldError` to hold
    one back. Requests that threads begun in there send are not asked about.
    """
    before = _question.set(may_it_go)
    try:
        yield
    finally:
        _question.reset(before)


def request_extensions() -> dict[str, Any]:
    """What makes httpx ask before it writes a request; nothing outside of such a block."""
    may_it_go = _question.get()
    if may_it_go is None:
        return {}

    def trace(event: str, _info: Any) -> None:
        if event.endswith(_ABOUT_TO_LEAVE):
            may_it_go()

    return {"trace": trace}
