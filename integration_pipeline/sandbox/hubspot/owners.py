"""Owners, the users deals belong to: `GET /crm/v3/owners`.

HubSpot has no endpoint to create them, so they come in through `admin`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integration_pipeline.sandbox.hubspot import queries, records
from integration_pipeline.sandbox.hubspot.account import account
from integration_pipeline.sandbox.hubspot.bodies import Body, Id
from integration_pipeline.sandbox.hubspot.clock import iso, now_ms
from integration_pipeline.sandbox.hubspot.errors import JsonObject, resource_not_found
from integration_pipeline.sandbox.hubspot.storage import Storage

PAGE = 500


class NewOwner(Body):
    """`id` is a number as text, as deals carry it in `hubspot_owner_id`."""

    id: Id = Field(pattern=r"^[0-9]{1,18}$")
    email: str
    first_name: str = ""
    last_name: str = ""
    archived: bool = False


def save(storage: Storage, owners: Sequence[NewOwner]) -> None:
    """Add or replace owners, in the caller's transaction."""
    now = iso(now_ms())
    bodies: list[JsonObject] = [
        {
            "id": owner.id,
            "type": "PERSON",
            "email": owner.email,
            "firstName": owner.first_name,
            "lastName": owner.last_name,
            "userId": int(owner.id),
            "userIdIncludingInactive": int(owner.id),
            "createdAt": now,
            "updatedAt": now,
            "archived": owner.archived,
        }
        for owner in owners
    ]
    storage.write_many(
        "INSERT OR REPLACE INTO owners (id, body) VALUES (?, ?)",
        [(body["userId"], json.dumps(body)) for body in bodies],
    )


async def list_owners(request: Request) -> Response:
    """`GET /crm/v3/owners/`, filtered by `email`."""
    limit = queries.limit(request, default=100, most=PAGE)
    after = queries.cursor(request.query_params.get("after"))
    rows = account(request).storage.rows(
        """
        SELECT id, body FROM owners
        WHERE id > ? AND json_extract(body, '$.archived') = ?
        AND coalesce(json_extract(body, '$.email') = ?, 1)
        ORDER BY id LIMIT ?
        """,
        (after, queries.flag(request, "archived"), request.query_params.get("email"), limit + 1),
    )
    body: JsonObject = {"results": [json.loads(cast("str", text)) for _, text in rows[:limit]]}
    if len(rows) > limit:
        body["paging"] = queries.next_page(request, cast("int", rows[limit - 1][0]))
    return JSONResponse(body)


async def get_owner(request: Request) -> Response:
    """`GET /crm/v3/owners/{owner_id}`"""
    text = request.path_params["owner_id"]
    rows = account(request).storage.rows(
        "SELECT body FROM owners WHERE id = ? AND json_extract(body, '$.archived') = ?",
        (records.record_id(text), queries.flag(request, "archived")),
    )
    if not rows:
        raise resource_not_found(f"Owner {text} does not exist.")
    return JSONResponse(json.loads(cast("str", rows[0][0])))
