"""Endpoints to set webhooks up and to watch them; no vendor has these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integration_pipeline.sandbox.notifications.events import JsonObject
from integration_pipeline.sandbox.notifications.settings import WebhookSettings
from integration_pipeline.sandbox.told import Refused

PAGE = 10_000

_OBJECT = TypeAdapter(dict[str, Any])


class Watched(Protocol):
    """What the endpoints show and set."""

    @property
    def settings(self) -> WebhookSettings: ...

    def configure(self, changes: Mapping[str, Any]) -> WebhookSettings: ...

    def queue(self) -> JsonObject: ...

    def events(self, after: int, limit: int) -> list[JsonObject]: ...

    def deliveries(self, after: int, limit: int) -> list[JsonObject]: ...


def routes(watched: Watched, root: str) -> list[Route]:
    """`root` itself to set and show the receiver, and below it `queue`, `events` and `deliveries`."""

    async def get_settings(_: Request) -> Response:
        return JSONResponse(watched.settings.model_dump(mode="json"))

    async def put_settings(request: Request) -> Response:
        """The settings named change, the others stay: `{"url", "seed", "enabled", "faults": {...}}`."""
        try:
            settings = watched.configure(_OBJECT.validate_json(await request.body()))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(step) for step in first["loc"])
            raise Refused(f"{where or 'webhook settings'}: {first['msg']}") from None
        return JSONResponse(settings.model_dump(mode="json"))

    async def get_queue(_: Request) -> Response:
        """`{"open", "duplicates", "requests", "forged": {"sent", "accepted"}, "enabled"}`."""
        return JSONResponse(watched.queue())

    async def list_events(request: Request) -> Response:
        """`?after=N&limit=M`: what became of each event, in order of id; times are the sandbox's ms."""
        return JSONResponse({"events": watched.events(*_page(request))})

    async def list_deliveries(request: Request) -> Response:
        """`?after=N&limit=M`: each POST with its events' ids, attempt, times, status or error."""
        return JSONResponse({"deliveries": watched.deliveries(*_page(request))})

    return [
        Route(root, get_settings, methods=["GET"]),
        Route(root, put_settings, methods=["PUT"]),
        Route(f"{root}/queue", get_queue, methods=["GET"]),
        Route(f"{root}/events", list_events, methods=["GET"]),
        Route(f"{root}/deliveries", list_deliveries, methods=["GET"]),
    ]


def _page(request: Request) -> tuple[int, int]:
    """`after` and `limit`; what is no number counts as not given."""
    after, limit = request.query_params.get("after", ""), request.query_params.get("limit", "")
    return int(after) if after.isdecimal() else 0, min(int(limit), PAGE) if limit.isdecimal() else PAGE
