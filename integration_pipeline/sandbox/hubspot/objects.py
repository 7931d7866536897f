"""Endpoints for single records and lists of them: `/crm/v3/objects/{object_type}`.

Batches are in `batches`, search in `search`; what a write does is in `records`.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integration_pipeline.sandbox.hubspot import links, queries, records
from integration_pipeline.sandbox.hubspot.account import Account, account
from integration_pipeline.sandbox.hubspot.association_types import AssociationType, specified_type
from integration_pipeline.sandbox.hubspot.bodies import (
    CreateObject,
    Merge,
    NewAssociation,
    UpdateObject,
    read_body,
)
from integration_pipeline.sandbox.hubspot.changes import Archived
from integration_pipeline.sandbox.hubspot.clock import now_ms
from integration_pipeline.sandbox.hubspot.errors import JsonObject, objects_not_found, validation_error
from integration_pipeline.sandbox.hubspot.object_types import ObjectType, object_type
from integration_pipeline.sandbox.hubspot.records import Record
from integration_pipeline.sandbox.hubspot.rendering import Selection, rendered, written

PAGE = 100
PAGE_WITH_HISTORY = 50


def kind_of(request: Request) -> ObjectType:
    return object_type(request.path_params["object_type"])


def _selection(request: Request) -> Selection:
    return Selection(
        properties=queries.names(request, "properties"),
        with_history=queries.names(request, "propertiesWithHistory"),
        associations=[object_type(name) for name in queries.names(request, "associations")],
    )


async def list_objects(request: Request) -> Response:
    """`GET .../{object_type}`: all records in order of id, a page at a time."""
    kind, selection, holder = kind_of(request), _selection(request), account(request)
    most = PAGE_WITH_HISTORY if selection.with_history else PAGE
    limit = queries.limit(request, default=10, most=most)
    after = queries.cursor(request.query_params.get("after"))
    found = records.page(
        holder.storage, kind, after=after, limit=limit + 1, archived=queries.flag(request, "archived")
    )
    body: JsonObject = {"results": rendered(holder, kind, found[:limit], selection)}
    if len(found) > limit:
        body["paging"] = queries.next_page(request, found[limit - 1].id)
    return JSONResponse(body)


async def get_object(request: Request) -> Response:
    """`GET .../{object_type}/{object_id}`, by id or by the unique property named in `idProperty`."""
    kind, holder = kind_of(request), account(request)
    record = records.find(
        holder.storage,
        kind,
        holder.definitions(kind),
        request.path_params["object_id"],
        request.query_params.get("idProperty"),
        archived=queries.flag(request, "archived"),
    )
    return JSONResponse(rendered(holder, kind, [records.require(record)], _selection(request))[0])


async def create_object(request: Request) -> Response:
    """`POST .../{object_type}` with properties and, if wanted, links."""
    body = await read_body(request, CreateObject)
    kind, holder = kind_of(request), account(request)
    with holder.storage.transaction():
        [record] = create_linked(holder, kind, [body])
    return JSONResponse(written(record), status_code=201)


async def update_object(request: Request) -> Response:
    """`PATCH .../{object_type}/{object_id}`"""
    body = await read_body(request, UpdateObject)
    kind, holder = kind_of(request), account(request)
    definitions = holder.definitions(kind)
    with holder.storage.transaction():
        record = records.require(
            records.find(
                holder.storage,
                kind,
                definitions,
                request.path_params["object_id"],
                request.query_params.get("idProperty"),
            )
        )
        record = records.update(holder.storage, definitions, record, body.properties)
    return JSONResponse(written(record))


async def archive_object(request: Request) -> Response:
    """`DELETE .../{object_type}/{object_id}`; done twice, or for an unknown id, it is 204 all the same."""
    kind, holder = kind_of(request), account(request)
    number = records.record_id(request.path_params["object_id"])
    archive_linked(holder, kind, [] if number is None else [number])
    return Response(status_code=204)


async def merge_objects(request: Request) -> Response:
    """`POST .../{object_type}/merge`: the primary record keeps its id, the other is archived."""
    body = await read_body(request, Merge)
    kind, holder = kind_of(request), account(request)
    definitions = holder.definitions(kind)
    if body.primary_object_id == body.object_id_to_merge:
        raise validation_error("A record cannot be merged with itself.")
    with holder.storage.transaction():
        primary, other = (
            records.require(records.find(holder.storage, kind, definitions, text))
            for text in (body.primary_object_id, body.object_id_to_merge)
        )
        merged = records.merge(holder.storage, definitions, primary, other)
        links.inherit(holder.storage, primary.id, kind, other.id)
    return JSONResponse(written(merged))


def create_linked(holder: Account, kind: ObjectType, inputs: Sequence[CreateObject]) -> list[Record]:
    """New records with their links, in the caller's transaction."""
    created = records.create(
        holder.storage, kind, holder.definitions(kind), [each.properties for each in inputs]
    )
    wanted = [
        (record.id, target, link_type)
        for record, each in zip(created, inputs, strict=True)
        for association in each.associations
        for target, link_type in _wanted(kind, association)
    ]
    _require_targets(holder, wanted)
    links.connect(holder.storage, wanted)
    return created


def archive_linked(holder: Account, kind: ObjectType, ids: Sequence[int]) -> None:
    """Archive records; HubSpot drops their links with them."""
    with holder.storage.transaction():
        found = links.existing(holder.storage, kind, ids)
        records.archive(holder.storage, kind, found)
        links.disconnect_all(holder.storage, kind, found)
        for number in sorted(found):
            holder.storage.announce(Archived(kind, number, now_ms()))


def _wanted(kind: ObjectType, association: NewAssociation) -> list[tuple[int, AssociationType]]:
    number = records.record_id(association.to.id)
    if number is None:
        raise validation_error(f"{association.to.id} is not a valid object id to associate with.")
    return [
        (number, specified_type(spec.association_category, spec.association_type_id, kind))
        for spec in association.types
    ]


def _require_targets(holder: Account, wanted: Sequence[tuple[int, int, AssociationType]]) -> None:
    by_kind: dict[ObjectType, set[int]] = {}
    for _, target, link_type in wanted:
        by_kind.setdefault(link_type.target, set()).add(target)
    for kind, ids in by_kind.items():
        missing = ids - links.existing(holder.storage, kind, ids)
        if missing:
            raise objects_not_found(kind.singular.upper(), sorted(str(number) for number in missing))
