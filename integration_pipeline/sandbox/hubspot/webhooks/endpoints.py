"""Endpoints to set webhooks up and to watch them, under `/_sandbox/webhooks`; HubSpot has none of these."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integration_pipeline.sandbox.hubspot import queries
from integration_pipeline.sandbox.hubspot.account import account
from integration_pipeline.sandbox.hubspot.errors import JsonObject, validation_error

PAGE = 10_000

_OBJECT = TypeAdapter(dict[str, Any])


async def get_settings(request: Request) -> Response:
    """`GET /_sandbox/webhooks`: the settings without the secret."""
    return JSONResponse(account(request).webhooks.settings.shown())


async def put_settings(request: Request) -> Response:
    """`PUT /_sandbox/webhooks`: the settings named change, the others stay (`WebhookSettings`)."""
    try:
        changes = _OBJECT.validate_json(await request.body())
    except ValidationError:
        raise validation_error(
            "Invalid input JSON on line 1, column 1: an object of webhook settings"
        ) from None
    return JSONResponse(account(request).webhooks.configure(changes).shown())


async def get_queue(request: Request) -> Response:
    """`GET /_sandbox/webhooks/queue`: `{"open", "duplicates", "requests", "forged": {"sent", "accepted"}}`.

    `open` counts events not yet acknowledged or given up, `duplicates` those still to be sent once more,
    `requests` the POSTs under way. All delivered is when the three are 0.
    """
    return JSONResponse(account(request).webhooks.queue())


async def list_deliveries(request: Request) -> Response:
    """`GET /_sandbox/webhooks/deliveries?after=N&limit=M`: what became of each event, in order of id.

    Entries have `id, object_id, type, recorded_at, sent_at, acknowledged_at, attempts, status`; times are
    epoch microseconds, `sent_at` that of the first POST just before it was written. The newest 100,000 are
    kept, and all that still wait; `paging` is HubSpot's.
    """
    limit = queries.limit(request, default=PAGE, most=PAGE)
    found = account(request).webhooks.log(queries.cursor(request.query_params.get("after")), limit + 1)
    body: JsonObject = {"results": found[:limit]}
    if len(found) > limit:
        body["paging"] = {"next": {"after": str(found[limit - 1]["id"])}}
    return JSONResponse(body)
