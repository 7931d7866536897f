"""Endpoints HubSpot does not have, under `/_sandbox/`: look into the account, fill it, empty it, limit it.

They need the token like all others and count against no limit.
"""

from __future__ import annotations

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integration_pipeline.sandbox.hubspot import owners
from integration_pipeline.sandbox.hubspot.account import account
from integration_pipeline.sandbox.hubspot.bodies import parse_body, read_body
from integration_pipeline.sandbox.hubspot.limits import Limits
from integration_pipeline.sandbox.hubspot.object_types import OBJECT_TYPES


class OwnersBody(BaseModel):
    owners: list[owners.NewOwner]


async def reset(request: Request) -> Response:
    """`POST /_sandbox/reset`: an empty account without custom properties; limits stay."""
    account(request).reset()
    return Response(status_code=204)


async def counts(request: Request) -> Response:
    """`GET /_sandbox/counts`: `{"objects": {"deals": 3, ...}, "archived": {...}, "associations", "owners"}`.

    An association counts once, not once per direction or label.
    """
    storage = account(request).storage
    present = {kind.name: 0 for kind in OBJECT_TYPES}
    archived = dict(present)
    for name, gone, count in storage.rows(
        "SELECT type, archived_ms IS NOT NULL, count(*) FROM records GROUP BY 1, 2"
    ):
        (archived if gone else present)[str(name)] = int(str(count))
    [(linked,)] = storage.rows("SELECT count(DISTINCT from_id || '-' || to_id) / 2 FROM associations")
    [(owned,)] = storage.rows("SELECT count(*) FROM owners")
    return JSONResponse({"objects": present, "archived": archived, "associations": linked, "owners": owned})


async def put_owners(request: Request) -> Response:
    """`PUT /_sandbox/owners`: add or replace `{"owners": [{"id", "email", "firstName", "lastName"}]}`."""
    body = await read_body(request, OwnersBody)
    storage = account(request).storage
    with storage.transaction():
        owners.save(storage, body.owners)
    return Response(status_code=204)


async def get_limits(request: Request) -> Response:
    """`GET /_sandbox/limits`"""
    return JSONResponse(account(request).limiter.limits.model_dump())


async def put_limits(request: Request) -> Response:
    """`PUT /_sandbox/limits`: the limits named change, the others stay; counting starts anew."""
    limiter = account(request).limiter
    changes = parse_body(await request.body(), Limits)
    limiter.change(limiter.limits.model_copy(update=changes.model_dump(exclude_unset=True)))
    return JSONResponse(limiter.limits.model_dump())
