"""Endpoints for links: `/crm/v4/associations/...` and `/crm/v4/objects/.../associations/...`.

Answers differ from the other batches in two ways that clients stumble over: a record without links is an
error entry (and so a 207), and the ids of linked records are numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integration_pipeline.sandbox.hubspot import links, queries, records
from integration_pipeline.sandbox.hubspot.account import account
from integration_pipeline.sandbox.hubspot.association_types import (
    CATEGORY,
    AssociationType,
    default_type,
    specified_type,
    types_between,
)
from integration_pipeline.sandbox.hubspot.batches import batch_response
from integration_pipeline.sandbox.hubspot.bodies import (
    AssociationSpec,
    BatchAssociationsOf,
    BatchLabelledPairs,
    BatchOneToMany,
    BatchPairs,
    read_body,
    within,
)
from integration_pipeline.sandbox.hubspot.clock import now_ms
from integration_pipeline.sandbox.hubspot.errors import (
    HubSpotError,
    JsonObject,
    objects_not_found,
    validation_error,
)
from integration_pipeline.sandbox.hubspot.object_types import ObjectType, object_type
from integration_pipeline.sandbox.hubspot.storage import Storage

READ_BATCH = 1_000
WRITE_BATCH = 2_000
PAGE = 500

_SPECS = TypeAdapter(list[AssociationSpec])


def _kinds(request: Request) -> tuple[ObjectType, ObjectType]:
    return object_type(request.path_params["object_type"]), object_type(request.path_params["to_object_type"])


async def batch_read(request: Request) -> Response:
    """`POST .../batch/read`: the links of up to 1,000 records."""
    started = now_ms()
    inputs = within((await read_body(request, BatchAssociationsOf)).inputs, READ_BATCH)
    source, target = _kinds(request)
    afters = {each.id: queries.cursor(each.after) for each in inputs}
    numbers = {text: records.record_id(text) for text in afters}
    found = links.links(account(request).storage, [n for n in numbers.values() if n is not None], target)
    results: list[JsonObject] = []
    errors: list[JsonObject] = []
    for text, number in numbers.items():
        rest = [link for link in found.get(number or 0, []) if link.target_id > afters[text]]
        if not rest:
            errors.append(_none_found(source, target, text).as_batch_error())
            continue
        entry: JsonObject = {"from": {"id": text}, "to": [_linked(link) for link in rest[:PAGE]]}
        if len(rest) > PAGE:
            entry["paging"] = {"next": {"after": str(rest[PAGE - 1].target_id)}}
        results.append(entry)
    return batch_response(results, errors, started, 200)


async def list_associations(request: Request) -> Response:
    """`GET /crm/v4/objects/{object_type}/{object_id}/associations/{to_object_type}`"""
    source, target = _kinds(request)
    storage = account(request).storage
    [number] = _existing(storage, source, [request.path_params["object_id"]])
    limit = queries.limit(request, default=PAGE, most=PAGE)
    after = queries.cursor(request.query_params.get("after"))
    found = [
        link for link in links.links(storage, [number], target).get(number, []) if link.target_id > after
    ]
    body: JsonObject = {"results": [_linked(link) for link in found[:limit]]}
    if len(found) > limit:
        body["paging"] = queries.next_page(request, found[limit - 1].target_id)
    return JSONResponse(body)


async def batch_create(request: Request) -> Response:
    """`POST .../batch/create` with the types of each link."""
    started = now_ms()
    inputs = within((await read_body(request, BatchLabelledPairs)).inputs, WRITE_BATCH)
    source, target = _kinds(request)
    storage = account(request).storage
    kinds = [_specified(each.types, source, target) for each in inputs]
    with storage.transaction():
        sources = _existing(storage, source, [each.from_.id for each in inputs])
        targets = _existing(storage, target, [each.to.id for each in inputs])
        links.connect(
            storage,
            [
                (one, other, kind)
                for one, other, named in zip(sources, targets, kinds, strict=True)
                for kind in named
            ],
        )
    results = [
        _labels(source, one, target, other, named)
        for one, other, named in zip(sources, targets, kinds, strict=True)
    ]
    return batch_response(results, [], started, 201)


async def batch_create_default(request: Request) -> Response:
    """`POST .../batch/associate/default`: links without a label."""
    started = now_ms()
    inputs = within((await read_body(request, BatchPairs)).inputs, WRITE_BATCH)
    pairs = [(each.from_.id, each.to.id) for each in inputs]
    return batch_response(_connect_default(request, pairs), [], started, 200)


async def create_default(request: Request) -> Response:
    """`PUT .../{object_type}/{object_id}/associations/default/{to_object_type}/{to_object_id}`"""
    started = now_ms()
    pair = (request.path_params["object_id"], request.path_params["to_object_id"])
    return batch_response(_connect_default(request, [pair]), [], started, 200)


async def create_labelled(request: Request) -> Response:
    """`PUT .../{object_type}/{object_id}/associations/{to_object_type}/{to_object_id}`, types in the body."""
    try:
        specs = _SPECS.validate_json(await request.body())
    except ValidationError:
        raise validation_error(
            "Invalid input JSON on line 1, column 1: a list of association types"
        ) from None
    source, target = _kinds(request)
    storage = account(request).storage
    kinds = _specified(specs, source, target)
    with storage.transaction():
        [one] = _existing(storage, source, [request.path_params["object_id"]])
        [other] = _existing(storage, target, [request.path_params["to_object_id"]])
        links.connect(storage, [(one, other, kind) for kind in kinds])
    return JSONResponse(_labels(source, one, target, other, kinds), status_code=201)


async def batch_archive(request: Request) -> Response:
    """`POST .../batch/archive`: remove links; those that are not there are passed over."""
    inputs = within((await read_body(request, BatchOneToMany)).inputs, WRITE_BATCH)
    source, target = _kinds(request)
    storage = account(request).storage
    with storage.transaction():
        for each in inputs:
            for other in each.to:
                _disconnect(storage, source, each.from_.id, target, other.id)
    return Response(status_code=204)


async def batch_archive_labels(request: Request) -> Response:
    """`POST .../batch/labels/archive`: remove types of links, such as the primary label."""
    inputs = within((await read_body(request, BatchLabelledPairs)).inputs, WRITE_BATCH)
    source, target = _kinds(request)
    storage = account(request).storage
    with storage.transaction():
        for each in inputs:
            one, other = records.record_id(each.from_.id), records.record_id(each.to.id)
            for kind in _specified(each.types, source, target):
                if one is not None and other is not None:
                    links.remove_type(storage, one, other, kind)
    return Response(status_code=204)


async def archive(request: Request) -> Response:
    """`DELETE .../{object_type}/{object_id}/associations/{to_object_type}/{to_object_id}`"""
    source, target = _kinds(request)
    storage = account(request).storage
    with storage.transaction():
        _disconnect(
            storage, source, request.path_params["object_id"], target, request.path_params["to_object_id"]
        )
    return Response(status_code=204)


async def list_labels(request: Request) -> Response:
    """`GET .../{object_type}/{to_object_type}/labels`: the types two object types can be linked with."""
    kinds = types_between(*_kinds(request))
    return JSONResponse(
        {"results": [{"category": CATEGORY, "typeId": kind.id, "label": kind.label} for kind in kinds]}
    )


def _connect_default(request: Request, pairs: Sequence[tuple[str, str]]) -> list[JsonObject]:
    source, target = _kinds(request)
    storage = account(request).storage
    kind = default_type(source, target)
    with storage.transaction():
        sources = _existing(storage, source, [one for one, _ in pairs])
        targets = _existing(storage, target, [other for _, other in pairs])
        links.connect(storage, [(one, other, kind) for one, other in zip(sources, targets, strict=True)])
    spec = {"associationCategory": CATEGORY, "associationTypeId": kind.id}
    return [{"from": {"id": one}, "to": {"id": other}, "associationSpec": spec} for one, other in pairs]


def _disconnect(storage: Storage, source: ObjectType, one: str, target: ObjectType, other: str) -> None:
    source_id, target_id = records.record_id(one), records.record_id(other)
    if source_id is not None and target_id is not None:
        links.disconnect(storage, source, source_id, target, target_id)


def _specified(
    specs: Iterable[AssociationSpec], source: ObjectType, target: ObjectType
) -> list[AssociationType]:
    kinds = [specified_type(spec.association_category, spec.association_type_id, source) for spec in specs]
    for kind in kinds:
        if kind.target is not target:
            raise validation_error(f"Association type {kind.id} does not lead to {target.name}.")
    return kinds


def _existing(storage: Storage, kind: ObjectType, ids: Sequence[str]) -> list[int]:
    """The ids as numbers, in their order; raises when any is no record of this type."""
    numbers = [records.record_id(text) or 0 for text in ids]
    known = links.existing(storage, kind, numbers)
    missing = [text for text, number in zip(ids, numbers, strict=True) if number not in known]
    if missing:
        raise objects_not_found(kind.singular.upper(), missing)
    return numbers


def _linked(link: links.Link) -> JsonObject:
    return {
        "toObjectId": link.target_id,
        "associationTypes": [
            {"category": CATEGORY, "typeId": kind.id, "label": kind.label} for kind in link.types
        ],
    }


def _labels(
    source: ObjectType, one: int, target: ObjectType, other: int, kinds: Sequence[AssociationType]
) -> JsonObject:
    return {
        "fromObjectTypeId": source.type_id,
        "fromObjectId": one,
        "toObjectTypeId": target.type_id,
        "toObjectId": other,
        "labels": [kind.label for kind in kinds if kind.label is not None],
    }


def _none_found(source: ObjectType, target: ObjectType, text: str) -> HubSpotError:
    return HubSpotError(
        404,
        "OBJECT_NOT_FOUND",
        f"No {target.singular} is associated with {source.singular} {text}.",
        sub_category="crm.associations.NO_ASSOCIATIONS_FOUND",
        context={
            "fromObjectId": [text],
            "fromObjectType": [source.singular],
            "toObjectType": [target.singular],
        },
    )
