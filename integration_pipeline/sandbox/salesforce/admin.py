"""Endpoints no org has: custom fields, what else only setup pages and other APIs do, looking into the org.

They need the sandbox's key and count against nothing.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integration_pipeline.sandbox.salesforce.org import org
from integration_pipeline.sandbox.salesforce.push.changes import Mode
from integration_pipeline.sandbox.salesforce.schema.catalogue import NewField
from integration_pipeline.sandbox.told import ADMIN_ROOT, Refused, told


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Fields(_Told):
    fields: tuple[NewField, ...]


class _Ids(_Told):
    ids: tuple[str, ...]


class _Merge(_Told):
    object: str
    master: str
    other: str


class _Allowance(_Told):
    requests_per_day: Annotated[int, Field(ge=1)]


class _Mode(_Told):
    mode: Mode


class _Gap(_Told):
    entity: str
    change_type: str
    record_ids: tuple[str, ...]


async def add_fields(request: Request) -> Response:
    """`POST /_sandbox/fields`: `{"fields": [{"object", "name", "type", ...}]}`, see `schema.catalogue`."""
    body = await told(request, _Fields)
    catalogue = org(request).catalogue
    for field in body.fields:
        if catalogue.find(field.object) is None or (
            field.refers_to and catalogue.find(field.refers_to) is None
        ):
            raise Refused(f"{field.name}: there is no object {field.object} or {field.refers_to}")
        catalogue.add(field)
    return Response(status_code=204)


async def reset(request: Request) -> Response:
    """`POST /_sandbox/reset`: a new org; its clients stay."""
    org(request).reset()
    return Response(status_code=204)


async def counts(request: Request) -> Response:
    """`GET /_sandbox/counts`: `{"objects": {"Account": 3}, "deleted": {...}, "sessions_opened": 1}`."""
    present: dict[str, int] = {}
    deleted: dict[str, int] = {}
    for kind, gone, count in org(request).store.file.rows(
        "SELECT type, deleted, count(*) FROM records GROUP BY 1, 2"
    ):
        (deleted if gone else present)[kind] = count
    return JSONResponse(
        {"objects": present, "deleted": deleted, "sessions_opened": org(request).sessions.opened}
    )


async def end_sessions(request: Request) -> Response:
    """`DELETE /_sandbox/sessions`: every session ends at once."""
    org(request).sessions.end_all()
    return Response(status_code=204)


async def undelete(request: Request) -> Response:
    """`POST /_sandbox/undelete`: `{"ids": [...]}`, back from the recycle bin."""
    body = await told(request, _Ids)
    with org(request).transaction():
        for each in body.ids:
            org(request).writer.undelete(each)
    return Response(status_code=204)


async def purge(request: Request) -> Response:
    """`POST /_sandbox/purge`: empties the recycle bin."""
    store = org(request).store
    store.purge(row[0] for row in store.file.rows("SELECT id FROM records WHERE deleted = 1"))
    return Response(status_code=204)


async def merge(request: Request) -> Response:
    """`POST /_sandbox/merge`: `{"object": "Account", "master", "other"}`, which the REST API cannot do."""
    body = await told(request, _Merge)
    here = org(request)
    with here.transaction():
        here.writer.merge(here.catalogue.named(body.object), body.master, body.other)
    return Response(status_code=204)


async def put_allowance(request: Request) -> Response:
    """`PUT /_sandbox/allowance`: `{"requests_per_day": 15}`; counting starts anew."""
    org(request).allowance.change((await told(request, _Allowance)).requests_per_day)
    return Response(status_code=204)


async def put_mode(request: Request) -> Response:
    """`PUT /_sandbox/changes/mode`: `{"mode": "full" | "gaps" | "overflow"}` for change events to come."""
    org(request).announcing.changes.mode = (await told(request, _Mode)).mode
    return Response(status_code=204)


async def announce_gap(request: Request) -> Response:
    """`POST /_sandbox/changes/gap`: `{"entity", "change_type": "GAP_UPDATE", "record_ids": ["001*"]}`."""
    body = await told(request, _Gap)
    org(request).announcing.announce_gap(body.entity, body.change_type, body.record_ids)
    return Response(status_code=204)


ROUTES = [
    Route(f"{ADMIN_ROOT}/fields", add_fields, methods=["POST"]),
    Route(f"{ADMIN_ROOT}/reset", reset, methods=["POST"]),
    Route(f"{ADMIN_ROOT}/counts", counts, methods=["GET"]),
    Route(f"{ADMIN_ROOT}/sessions", end_sessions, methods=["DELETE"]),
    Route(f"{ADMIN_ROOT}/undelete", undelete, methods=["POST"]),
    Route(f"{ADMIN_ROOT}/purge", purge, methods=["POST"]),
    Route(f"{ADMIN_ROOT}/merge", merge, methods=["POST"]),
    Route(f"{ADMIN_ROOT}/allowance", put_allowance, methods=["PUT"]),
    Route(f"{ADMIN_ROOT}/changes/mode", put_mode, methods=["PUT"]),
    Route(f"{ADMIN_ROOT}/changes/gap", announce_gap, methods=["POST"]),
]
