"""What each fault does to a request, in front of everything else the sandbox does.

Which request it is for is `plan`; how refusals are worded is each vendor's (`wording`).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integration_pipeline.sandbox.faults.connection import hang_up, until_disconnected
from integration_pipeline.sandbox.faults.plan import Due, FaultPlan
from integration_pipeline.sandbox.faults.rules import (
    Delay,
    DropAfter,
    DropBefore,
    Error,
    Garbage,
    Hang,
    Throttle,
    Truncate,
    Unauthorized,
)
from integration_pipeline.sandbox.faults.wording import Wording


class Faults:
    """Lets requests through but for those a rule is due for. Paths under `spared` never meet a fault."""

    def __init__(self, app: ASGIApp, *, plan: FaultPlan, wording: Wording, spared: str) -> None:
        self._app = app
        self._plan = plan
        self._wording = wording
        self._spared = spared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(self._spared):
            due = self._plan.due(scope["method"], scope["path"])
            if due is not None:
                await self._suffer(due, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _suffer(self, due: Due, scope: Scope, receive: Receive, send: Send) -> None:
        match due.fault:
            case Delay(bounds=(low, high)):
                await asyncio.sleep(due.between(low, high) / 1_000)
                await self._app(scope, receive, send)
            case Error(status=status):
                await self._wording.error(status)(scope, receive, send)
            case Unauthorized():
                await self._wording.unauthorized()(scope, receive, send)
            case Throttle(policy=policy, retry_after=retry_after):
                await self._wording.throttled(scope, policy, retry_after)(scope, receive, send)
            case DropBefore():
                await _take_in(receive)
                await hang_up(scope, receive)
            case Hang(max_ms=max_ms):
                with suppress(TimeoutError):
                    async with asyncio.timeout(max_ms / 1_000):
                        await until_disconnected(receive)
                        return
                await hang_up(scope, receive)
            case DropAfter():
                await self._carried_out(scope, receive)
                await hang_up(scope, receive)
            case Truncate():
                answer = await self._carried_out(scope, receive)
                await send(answer.start)
                half = answer.body[: len(answer.body) // 2]
                await send({"type": "http.response.body", "body": half, "more_body": True})
                await hang_up(scope, receive)
            case Garbage(form=form):
                answer = await self._carried_out(scope, receive)
                await self._wording.garbage(form, answer.body)(scope, receive, send)

    async def _carried_out(self, scope: Scope, receive: Receive) -> _Answer:
        answer = _Answer()
        await self._app(scope, receive, answer.keep)
        return answer


@dataclass(slots=True)
class _Answer:
    """An answer the client has seen nothing of yet."""

    start: Message = field(default_factory=dict[str, object])
    body: bytes = b""

    async def keep(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")


async def _take_in(receive: Receive) -> None:
    """Read the request's body: closing a socket with unread bytes resets it, which looks different."""
    message = await receive()
    while message.get("more_body", False):
        message = await receive()
