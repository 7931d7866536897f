"""Endpoints for property definitions: `/crm/v3/properties/{object_type}`.

HubSpot's own properties can be read, not changed. Groups are taken as given: any `groupName` will do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integration_pipeline.sandbox.hubspot import queries
from integration_pipeline.sandbox.hubspot.account import Account, account
from integration_pipeline.sandbox.hubspot.batches import batch_response
from integration_pipeline.sandbox.hubspot.bodies import (
    BatchNewProperties,
    BatchPropertyNames,
    NewOption,
    NewProperty,
    PropertyChange,
    read_body,
    within,
)
from integration_pipeline.sandbox.hubspot.clock import now_ms
from integration_pipeline.sandbox.hubspot.errors import (
    HubSpotError,
    JsonObject,
    conflict,
    resource_not_found,
    validation_error,
)
from integration_pipeline.sandbox.hubspot.object_types import ObjectType
from integration_pipeline.sandbox.hubspot.objects import kind_of
from integration_pipeline.sandbox.hubspot.property_definitions import (
    Option,
    PropertyDefinition,
    PropertyType,
)

BATCH = 100
UNIQUE_PER_OBJECT = 10

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_FIELD_TYPES: dict[PropertyType, frozenset[str]] = {
    "string": frozenset({"text", "textarea", "file", "html", "phonenumber"}),
    "number": frozenset({"number"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"date"}),
    "enumeration": frozenset({"select", "radio", "checkbox", "booleancheckbox"}),
    "bool": frozenset({"booleancheckbox"}),
}


async def list_properties(request: Request) -> Response:
    """`GET .../{object_type}`, or the archived ones with `archived=true`."""
    definitions = account(request).definitions(kind_of(request)).values()
    archived = queries.flag(request, "archived")
    return JSONResponse({"results": [d.as_json() for d in definitions if d.archived == archived]})


async def get_property(request: Request) -> Response:
    """`GET .../{object_type}/{property_name}`"""
    return JSONResponse(_find(request).as_json())


async def create_property(request: Request) -> Response:
    """`POST .../{object_type}`"""
    body = await read_body(request, NewProperty)
    return JSONResponse(_create(account(request), kind_of(request), body).as_json(), status_code=201)


async def update_property(request: Request) -> Response:
    """`PATCH .../{object_type}/{property_name}`: label, description, options, order of a custom property."""
    body = await read_body(request, PropertyChange)
    definition = _custom(request)
    options = definition.options if body.options is None else _options(definition.type, body.options)
    changed = replace(
        definition,
        label=definition.label if body.label is None else body.label,
        description=definition.description if body.description is None else body.description,
        group=definition.group if body.group_name is None else body.group_name,
        hidden=definition.hidden if body.hidden is None else body.hidden,
        display_order=definition.display_order if body.display_order is None else body.display_order,
        options=options,
        updated_ms=now_ms(),
    )
    account(request).save_definition(kind_of(request), changed)
    return JSONResponse(changed.as_json())


async def archive_property(request: Request) -> Response:
    """`DELETE .../{object_type}/{property_name}`: its values are kept and no longer shown."""
    account(request).save_definition(kind_of(request), replace(_custom(request), archived=True))
    return Response(status_code=204)


async def batch_create(request: Request) -> Response:
    """`POST .../{object_type}/batch/create`: the refused ones are errors of a 207, the others exist."""
    started = now_ms()
    inputs = within((await read_body(request, BatchNewProperties)).inputs, BATCH)
    results: list[JsonObject] = []
    errors: list[JsonObject] = []
    for each in inputs:
        try:
            results.append(_create(account(request), kind_of(request), each).as_json())
        except HubSpotError as error:
            errors.append(error.as_batch_error())
    return batch_response(results, errors, started, 201)


async def batch_read(request: Request) -> Response:
    """`POST .../{object_type}/batch/read` by name."""
    started = now_ms()
    inputs = within((await read_body(request, BatchPropertyNames)).inputs, BATCH)
    definitions = account(request).definitions(kind_of(request))
    results = [definitions[each.name].as_json() for each in inputs if each.name in definitions]
    errors = [_unknown(each.name).as_batch_error() for each in inputs if each.name not in definitions]
    return batch_response(results, errors, started, 200)


def _create(holder: Account, kind: ObjectType, body: NewProperty) -> PropertyDefinition:
    definitions = holder.definitions(kind)
    if not _NAME.fullmatch(body.name):
        raise validation_error(
            f"{body.name} is not a property name: lower case letters, digits and underscores, "
            "beginning with a letter."
        )
    if (present := definitions.get(body.name)) is not None and not present.archived:
        raise conflict(f"A property named '{body.name}' already exists.")
    if body.field_type not in _FIELD_TYPES[body.type]:
        raise validation_error(f"fieldType {body.field_type} does not fit type {body.type}.")
    if body.has_unique_value and sum(d.unique for d in definitions.values()) >= UNIQUE_PER_OBJECT:
        raise validation_error(f"{kind.name} has {UNIQUE_PER_OBJECT} unique properties, which is the most.")
    now = now_ms()
    definition = PropertyDefinition(
        name=body.name,
        label=body.label,
        type=body.type,
        field_type=body.field_type,
        group=body.group_name,
        description=body.description or "",
        options=_options(body.type, body.options),
        unique=body.has_unique_value,
        hidden=body.hidden,
        form_field=body.form_field,
        display_order=body.display_order,
        created_ms=now,
        updated_ms=now,
    )
    holder.save_definition(kind, definition)
    return definition


def _options(kind: PropertyType, given: Iterable[NewOption]) -> tuple[Option, ...]:
    options = tuple(
        Option(each.value, each.label, each.description or "", each.hidden, each.display_order)
        for each in given
    )
    if kind == "enumeration" and not options:
        raise validation_error("An enumeration property needs options.")
    if len({option.value for option in options}) < len(options):
        raise validation_error("Two options have the same value.")
    return options


def _find(request: Request) -> PropertyDefinition:
    name: str = request.path_params["property_name"]
    definition = account(request).definitions(kind_of(request)).get(name)
    if definition is None or definition.archived != queries.flag(request, "archived"):
        raise _unknown(name)
    return definition


def _custom(request: Request) -> PropertyDefinition:
    definition = _find(request)
    if definition.hubspot_defined:
        raise validation_error(f"{definition.name} is defined by HubSpot and cannot be changed.")
    return definition


def _unknown(name: str) -> HubSpotError:
    return resource_not_found(f"Property {name} does not exist.")
