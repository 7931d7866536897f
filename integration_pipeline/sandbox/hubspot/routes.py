"""Which path leads to which endpoint.

Each API is served under its version 3 or 4 path, which HubSpot's client libraries call, and under its
date-versioned twin (`/crm/objects/2026-09/...`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from integration_pipeline.sandbox.faults import admin as faults
from integration_pipeline.sandbox.hubspot import (
    admin,
    associations,
    batches,
    objects,
    owners,
    pipelines,
    properties,
    search,
)
from integration_pipeline.sandbox.hubspot.webhooks import endpoints as webhooks

DATED = "2026-09"

_Endpoint = Callable[[Request], Awaitable[Response]]


def _route(method: str, path: str, endpoint: _Endpoint) -> Route:
    return Route(path, endpoint, methods=[method])


def _objects(root: str) -> list[Route]:
    return [
        _route("POST", f"{root}/{{object_type}}/batch/read", batches.batch_read),
        _route("PATCH", f"{root}/{{object_type}}/{{object_id}}", objects.update_object),
        _route("POST", f"{root}/{{object_type}}/search", search.search),
        _route("POST", f"{root}/{{object_type}}/merge", objects.merge_objects),
        _route("POST", f"{root}/{{object_type}}/batch/create", batches.batch_create),
        _route("POST", f"{root}/{{object_type}}/batch/update", batches.batch_update),
        _route("POST", f"{root}/{{object_type}}/batch/upsert", batches.batch_upsert),
        _route("POST", f"{root}/{{object_type}}/batch/archive", batches.batch_archive),
        _route("GET", f"{root}/{{object_type}}", objects.list_objects),
        _route("POST", f"{root}/{{object_type}}", objects.create_object),
        _route("GET", f"{root}/{{object_type}}/{{object_id}}", objects.get_object),
        _route("DELETE", f"{root}/{{object_type}}/{{object_id}}", objects.archive_object),
    ]


def _associations(root: str) -> list[Route]:
    pair = f"{root}/{{object_type}}/{{to_object_type}}"
    return [
        _route("POST", f"{pair}/batch/read", associations.batch_read),
        _route("POST", f"{pair}/batch/create", associations.batch_create),
        _route("POST", f"{pair}/batch/associate/default", associations.batch_create_default),
        _route("POST", f"{pair}/batch/archive", associations.batch_archive),
        _route("POST", f"{pair}/batch/labels/archive", associations.batch_archive_labels),
        _route("GET", f"{pair}/labels", associations.list_labels),
    ]


def _associations_of_one(root: str) -> list[Route]:
    of_one = f"{root}/{{object_type}}/{{object_id}}/associations"
    to_one = "{to_object_type}/{to_object_id}"
    return [
        _route("PUT", f"{of_one}/default/{to_one}", associations.create_default),
        _route("GET", f"{of_one}/{{to_object_type}}", associations.list_associations),
        _route("PUT", f"{of_one}/{to_one}", associations.create_labelled),
        _route("DELETE", f"{of_one}/{to_one}", associations.archive),
    ]


def _properties(root: str) -> list[Route]:
    return [
        _route("POST", f"{root}/{{object_type}}/batch/create", properties.batch_create),
        _route("POST", f"{root}/{{object_type}}/batch/read", properties.batch_read),
        _route("GET", f"{root}/{{object_type}}", properties.list_properties),
        _route("POST", f"{root}/{{object_type}}", properties.create_property),
        _route("GET", f"{root}/{{object_type}}/{{property_name}}", properties.get_property),
        _route("PATCH", f"{root}/{{object_type}}/{{property_name}}", properties.update_property),
        _route("DELETE", f"{root}/{{object_type}}/{{property_name}}", properties.archive_property),
    ]


def _pipelines(root: str) -> list[Route]:
    return [
        _route("GET", f"{root}/{{object_type}}", pipelines.list_pipelines),
        _route("GET", f"{root}/{{object_type}}/{{pipeline_id}}", pipelines.get_pipeline),
        _route("GET", f"{root}/{{object_type}}/{{pipeline_id}}/stages", pipelines.list_stages),
    ]


def _owners(root: str) -> list[Route]:
    # HubSpot's client library asks for the path with a slash at its end; others ask without.
    return [
        _route("GET", root, owners.list_owners),
        _route("GET", f"{root}/", owners.list_owners),
        _route("GET", f"{root}/{{owner_id}}", owners.get_owner),
    ]


def _admin(root: str) -> list[Route]:
    return [
        _route("POST", f"{root}/reset", admin.reset),
        _route("GET", f"{root}/counts", admin.counts),
        _route("PUT", f"{root}/owners", admin.put_owners),
        _route("GET", f"{root}/limits", admin.get_limits),
        _route("PUT", f"{root}/limits", admin.put_limits),
        _route("GET", f"{root}/webhooks", webhooks.get_settings),
        _route("PUT", f"{root}/webhooks", webhooks.put_settings),
        _route("GET", f"{root}/webhooks/queue", webhooks.get_queue),
        _route("GET", f"{root}/webhooks/deliveries", webhooks.list_deliveries),
        _route("GET", f"{root}/faults", faults.get_faults),
        _route("PUT", f"{root}/faults", faults.put_faults),
        _route("DELETE", f"{root}/faults", faults.end_faults),
    ]


ADMIN_ROOT = "/_sandbox"

# Tried from the first to the last, so those called most come first.
ROUTES = [
    *_associations("/crm/v4/associations"),
    *_objects("/crm/v3/objects"),
    *_objects(f"/crm/objects/{DATED}"),
    *_associations(f"/crm/associations/{DATED}"),
    *_associations_of_one("/crm/v4/objects"),
    *_associations_of_one(f"/crm/objects/{DATED}"),
    *_properties("/crm/v3/properties"),
    *_properties(f"/crm/properties/{DATED}"),
    *_pipelines("/crm/v3/pipelines"),
    *_pipelines(f"/crm/pipelines/{DATED}"),
    *_owners("/crm/v3/owners"),
    *_owners(f"/crm/owners/{DATED}"),
    *_admin(ADMIN_ROOT),
]
