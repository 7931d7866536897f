"""Endpoints for up to 100 records at once: `/crm/v3/objects/{object_type}/batch/...`.

A batch is one transaction. Inputs that carry an `objectWriteTraceId` are judged one by one and answered with
207 when some fail; without it, one refused input refuses the batch. Missing records never refuse a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integration_pipeline.sandbox.hubspot import queries, records
from integration_pipeline.sandbox.hubspot.account import Account, account
from integration_pipeline.sandbox.hubspot.bodies import (
    BatchCreate,
    BatchIds,
    BatchRead,
    BatchUpdate,
    CreateObject,
    UpdateInput,
    read_body,
    within,
)
from integration_pipeline.sandbox.hubspot.clock import iso, now_ms
from integration_pipeline.sandbox.hubspot.errors import HubSpotError, JsonObject, objects_not_found
from integration_pipeline.sandbox.hubspot.object_types import ObjectType
from integration_pipeline.sandbox.hubspot.objects import archive_linked, create_linked, kind_of
from integration_pipeline.sandbox.hubspot.records import Record
from integration_pipeline.sandbox.hubspot.rendering import Selection, rendered, written

BATCH = 100
BATCH_WITH_HISTORY = 50


def batch_response(
    results: Sequence[JsonObject], errors: Sequence[JsonObject], started_ms: int, status_code: int
) -> Response:
    """The envelope of every batch answer; 207 as soon as there is an error."""
    body: JsonObject = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": iso(started_ms),
        "completedAt": iso(now_ms()),
    }
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return JSONResponse(body, status_code=207 if errors else status_code)


async def batch_read(request: Request) -> Response:
    """`POST .../batch/read`: records in the order asked for; the missing ones as one error."""
    started = now_ms()
    body = await read_body(request, BatchRead)
    kind, holder = kind_of(request), account(request)
    inputs = within(body.inputs, BATCH_WITH_HISTORY if body.properties_with_history else BATCH)
    archived = queries.flag(request, "archived")
    if body.id_property is None:
        numbers = {each.id: records.record_id(each.id) for each in inputs}
        by_number = records.fetch(
            holder.storage, kind, [n for n in numbers.values() if n is not None], archived=archived
        )
        found = {text: by_number.get(number) if number else None for text, number in numbers.items()}
    else:
        found = {
            each.id: records.find(
                holder.storage, kind, holder.definitions(kind), each.id, body.id_property, archived=archived
            )
            for each in inputs
        }
    results = rendered(
        holder,
        kind,
        [record for record in found.values() if record is not None],
        Selection(body.properties, body.properties_with_history),
    )
    missing = [text for text, record in found.items() if record is None]
    return batch_response(results, _missing(kind, missing), started, 200)


async def batch_create(request: Request) -> Response:
    """`POST .../batch/create` with properties and links."""
    started = now_ms()
    inputs = within((await read_body(request, BatchCreate)).inputs, BATCH)
    kind, holder = kind_of(request), account(request)
    errors: list[JsonObject] = []
    created: list[Record] = []
    with holder.storage.transaction():
        if _traced(inputs):
            for each in inputs:
                try:
                    with holder.storage.attempt():
                        created += create_linked(holder, kind, [each])
                except HubSpotError as error:
                    errors.append(error.as_batch_error(each.object_write_trace_id))
        else:
            created = create_linked(holder, kind, inputs)
    return batch_response([written(record) for record in created], errors, started, 201)


async def batch_update(request: Request) -> Response:
    """`POST .../batch/update`, by id or unique property."""
    started = now_ms()
    inputs = within((await read_body(request, BatchUpdate)).inputs, BATCH)
    kind, holder = kind_of(request), account(request)
    errors: list[JsonObject] = []
    missing: list[str] = []
    results: list[JsonObject] = []
    with holder.storage.transaction():
        for each in inputs:
            try:
                with holder.storage.attempt():
                    record = _update(holder, kind, each)
            except HubSpotError as error:
                if each.object_write_trace_id is None:
                    raise
                errors.append(error.as_batch_error(each.object_write_trace_id))
                continue
            if record is None:
                missing.append(each.id)
            else:
                results.append(written(record))
    return batch_response(results, [*errors, *_missing(kind, missing)], started, 200)


async def batch_upsert(request: Request) -> Response:
    """`POST .../batch/upsert`: update the record with this unique value, or create it; `new` tells which."""
    started = now_ms()
    inputs = within((await read_body(request, BatchUpdate)).inputs, BATCH)
    kind, holder = kind_of(request), account(request)
    errors: list[JsonObject] = []
    results: list[JsonObject] = []
    with holder.storage.transaction():
        for each in inputs:
            try:
                with holder.storage.attempt():
                    results.append(_upsert(holder, kind, each))
            except HubSpotError as error:
                if each.object_write_trace_id is None:
                    raise
                errors.append(error.as_batch_error(each.object_write_trace_id))
    return batch_response(results, errors, started, 200)


async def batch_archive(request: Request) -> Response:
    """`POST .../batch/archive`; unknown ids are passed over."""
    inputs = within((await read_body(request, BatchIds)).inputs, BATCH)
    numbers = [records.record_id(each.id) for each in inputs]
    archive_linked(account(request), kind_of(request), [number for number in numbers if number is not None])
    return Response(status_code=204)


def _traced(inputs: Sequence[CreateObject]) -> bool:
    return all(each.object_write_trace_id is not None for each in inputs)


def _update(holder: Account, kind: ObjectType, each: UpdateInput) -> Record | None:
    definitions = holder.definitions(kind)
    record = records.find(holder.storage, kind, definitions, each.id, each.id_property)
    return None if record is None else records.update(holder.storage, definitions, record, each.properties)


def _upsert(holder: Account, kind: ObjectType, each: UpdateInput) -> JsonObject:
    record = _update(holder, kind, each)
    if record is not None:
        return written(record) | {"new": False}
    if each.id_property is None:
        # An id is HubSpot's to give, so there is nothing to create.
        raise objects_not_found(kind.singular.upper(), [each.id])
    given = {each.id_property: each.id, **each.properties}
    [created] = records.create(holder.storage, kind, holder.definitions(kind), [given])
    return written(created) | {"new": True}


def _missing(kind: ObjectType, ids: Sequence[str]) -> list[JsonObject]:
    return [objects_not_found(kind.singular.upper(), ids).as_batch_error()] if ids else []
