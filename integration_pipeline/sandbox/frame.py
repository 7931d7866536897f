"""What the sandboxes of all vendors have in common: faults, delays and a recorder in front, a clock, and the
endpoints under `/_sandbox` that govern them.

What a vendor answers is its own folder's; the process it runs in is `server`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.faults import admin as faults_admin
from integration_pipeline.sandbox.faults.middleware import Faults
from integration_pipeline.sandbox.faults.plan import FaultPlan
from integration_pipeline.sandbox.faults.wording import Wording
from integration_pipeline.sandbox.recording import Recorder, Recording
from integration_pipeline.sandbox.told import ADMIN_ROOT, Refused, refused, told

ADMIN_KEY_HEADER = "X-Sandbox-Key"


class FrameOptions(BaseModel):
    """What every vendor's options begin with.

    `admin_key` opens `/_sandbox`. `speed` is how many seconds pass in the sandbox during one of ours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    admin_key: SecretStr
    speed: Annotated[Decimal, Field(gt=0, le=100_000)] = Decimal(1)


class Latency:
    """How long, in real milliseconds, each answer of the vendor is held back; set by `/_sandbox/latency`."""

    def __init__(self) -> None:
        self.ms = 0


def frame(
    routes: Sequence[BaseRoute],
    *,
    options: FrameOptions,
    clock: SandboxClock,
    wording: Wording,
    exception_handlers: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]],
    middleware: Sequence[Middleware] = (),
    on_start: Callable[[], None] | None = None,
    on_stop: Callable[[], Awaitable[None]] | None = None,
) -> Starlette:
    """A vendor's routes and `middleware` (its token check, its limits), behind faults, delay and recorder.

    Routes of the vendor under `/_sandbox` need the admin key as the shared ones do. `exception_handlers` are
    the vendor's; `clock` is the one its rules go by, with the speed of `options`.
    """
    plan = FaultPlan()
    recording = Recording()
    latency = Latency()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        if on_start is not None:
            on_start()
        yield
        if on_stop is not None:
            await on_stop()

    app = Starlette(
        routes=[*routes, *_ADMIN],
        middleware=[
            Middleware(_AdminKey, key=options.admin_key),
            Middleware(Recorder, recording=recording),
            Middleware(_Delay, latency=latency),
            # A network's faults happen to callers without a token too, and before anything is counted.
            Middleware(Faults, plan=plan, wording=wording, spared=ADMIN_ROOT),
            *middleware,
        ],
        exception_handlers={Refused: refused, **exception_handlers},
        lifespan=lifespan,
    )
    app.state.faults = plan
    app.state.wording = wording
    app.state.clock = clock
    app.state.recording = recording
    app.state.latency = latency
    return app


class _AdminKey:
    def __init__(self, app: ASGIApp, *, key: SecretStr) -> None:
        self._app = app
        self._key = key.get_secret_value().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(ADMIN_ROOT):
            presented = Headers(scope=scope).get(ADMIN_KEY_HEADER, "").encode()
            if not secrets.compare_digest(presented, self._key):
                answer = JSONResponse({"message": f"{ADMIN_KEY_HEADER} is not this sandbox's key"}, 401)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _Delay:
    """Half of the time before the vendor does anything, half before its answer: as on a network."""

    def __init__(self, app: ASGIApp, *, latency: Latency) -> None:
        self._app = app
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(ADMIN_ROOT) or not self._latency.ms:
            await self._app(scope, receive, send)
            return
        half = self._latency.ms / 2_000
        began = False

        async def send_late(message: Any) -> None:
            nonlocal began
            if not began:
                began = True
                await asyncio.sleep(half)
            await send(message)

        await asyncio.sleep(half)
        await self._app(scope, receive, send_late)


class _ClockChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    speed: Annotated[Decimal, Field(gt=0, le=100_000)] | None = None
    advance_seconds: Annotated[Decimal, Field(ge=0, le=400 * 86_400)] = Decimal(0)


class _LatencyChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ms: Annotated[int, Field(ge=0, le=60_000)]


class _RecordingChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    on: bool


def _clock_shown(clock: SandboxClock) -> Response:
    return JSONResponse({"now": clock.now().isoformat(), "speed": f"{clock.speed:f}"})


async def _get_clock(request: Request) -> Response:
    """`GET /_sandbox/clock`: the sandbox's moment and its speed."""
    return _clock_shown(cast("SandboxClock", request.app.state.clock))


async def _put_clock(request: Request) -> Response:
    """`PUT /_sandbox/clock`: `{"speed": "60", "advance_seconds": 3600}`, either or both."""
    clock = cast("SandboxClock", request.app.state.clock)
    change = await told(request, _ClockChange)
    if change.speed is not None:
        clock.run_at(change.speed)
    clock.advance(change.advance_seconds)
    return _clock_shown(clock)


async def _put_latency(request: Request) -> Response:
    """`PUT /_sandbox/latency`: `{"ms": 80}` holds every answer of the vendor back so long."""
    change = await told(request, _LatencyChange)
    cast("Latency", request.app.state.latency).ms = change.ms
    return JSONResponse({"ms": change.ms})


async def _get_requests(request: Request) -> Response:
    """`GET /_sandbox/requests`: `{"requests": [{method, path, query, headers, body, status}]}`."""
    return JSONResponse({"requests": cast("Recording", request.app.state.recording).requests()})


async def _put_requests(request: Request) -> Response:
    """`PUT /_sandbox/requests`: `{"on": true}` begins to keep requests, without those of before."""
    recording = cast("Recording", request.app.state.recording)
    recording.on = (await told(request, _RecordingChange)).on
    recording.clear()
    return JSONResponse({"on": recording.on})


async def _clear_requests(request: Request) -> Response:
    """`DELETE /_sandbox/requests`: forgets those kept so far."""
    cast("Recording", request.app.state.recording).clear()
    return Response(status_code=204)


_ADMIN = [
    Route(f"{ADMIN_ROOT}/faults", faults_admin.get_faults, methods=["GET"]),
    Route(f"{ADMIN_ROOT}/faults", faults_admin.put_faults, methods=["PUT"]),
    Route(f"{ADMIN_ROOT}/faults", faults_admin.end_faults, methods=["DELETE"]),
    Route(f"{ADMIN_ROOT}/clock", _get_clock, methods=["GET"]),
    Route(f"{ADMIN_ROOT}/clock", _put_clock, methods=["PUT"]),
    Route(f"{ADMIN_ROOT}/latency", _put_latency, methods=["PUT"]),
    Route(f"{ADMIN_ROOT}/requests", _get_requests, methods=["GET"]),
    Route(f"{ADMIN_ROOT}/requests", _put_requests, methods=["PUT"]),
    Route(f"{ADMIN_ROOT}/requests", _clear_requests, methods=["DELETE"]),
]
