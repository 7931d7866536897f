"""Endpoints under `/_sandbox` that QuickBooks has not: seed, reset, totals, a person's edits, preferences."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integration_pipeline.sandbox.exact_json import JsonObject, parse
from integration_pipeline.sandbox.quickbooks.books import Books
from integration_pipeline.sandbox.quickbooks.errors import Fault
from integration_pipeline.sandbox.quickbooks.operations import operate
from integration_pipeline.sandbox.quickbooks.options import Company, Lifetimes, Limits
from integration_pipeline.sandbox.quickbooks.responses import json_text
from integration_pipeline.sandbox.quickbooks.seeds import seed
from integration_pipeline.sandbox.quickbooks.state import state
from integration_pipeline.sandbox.quickbooks.writes import ENTITIES, Manner
from integration_pipeline.sandbox.told import Refused, told


class _Edit(BaseModel):
    """`change` is what a person writes into the fields of a document; for delete and void there is none."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    realm: str
    entity: str
    id: str
    operation: Literal["update", "delete", "void"] = "update"
    change: dict[str, Any] = {}


async def reset(request: Request) -> Response:
    """`POST /_sandbox/reset`: companies as new, no webhooks. Logins stay."""
    state(request).reset()
    return Response(status_code=204)


async def totals(request: Request) -> Response:
    """`GET /_sandbox/totals`: count, sum and open balance per company, entity and currency, deleted ones not.

    `{"totals": [{"realm", "entity", "currency", "count", "sum", "open"}]}`, amounts as text of two places.
    """
    rows = state(request).file.rows(
        "SELECT realm, entity, currency, count(*), coalesce(sum(total), 0), coalesce(sum(balance), 0)"
        " FROM records WHERE NOT deleted GROUP BY realm, entity, currency ORDER BY realm, entity, currency"
    )
    return JSONResponse(
        {
            "totals": [
                {
                    "realm": realm,
                    "entity": entity,
                    "currency": currency,
                    "count": count,
                    "sum": f"{Decimal(total).scaleb(-2):f}",
                    "open": f"{Decimal(balance).scaleb(-2):f}",
                }
                for realm, entity, currency, count, total, balance in rows
            ]
        }
    )


async def post_seed(request: Request) -> Response:
    """`POST /_sandbox/seed`: `{"realm", "records": {"Customer": [...], "Item": [...], "TaxCode": [...]}}`.

    Bodies are the API's, carried out as by a person; the answer has the ids in the same order.
    """
    body = _parsed(await request.body())
    books = _books(request, str(body.get("realm", "")))
    try:
        ids = seed(books, body.get("records", {}))
    except (Fault, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"records: {error.detail if isinstance(error, Fault) else error}") from None
    return JSONResponse({"ids": {entity: [str(each) for each in found] for entity, found in ids.items()}})


async def post_edit(request: Request) -> Response:
    """`POST /_sandbox/edit`: `{"realm", "entity", "id", "operation", "change"}`, in QuickBooks' own pages.

    Nobody is asked for a SyncToken, and closed books do not stop a person. Webhooks tell of it.
    """
    try:
        edit = _Edit.model_validate(_parsed(await request.body()))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Refused(f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}") from None
    if edit.entity not in ENTITIES:
        raise Refused(f"entity: {edit.entity} is none of {', '.join(ENTITIES)}")
    changes = {**edit.change, "Id": edit.id}
    try:
        text = operate(
            _books(request, edit.realm), edit.entity, changes, edit.operation, Manner(by_person=True)
        )
    except Fault as refusal:
        raise Refused(refusal.detail) from None
    return json_text(text)


async def put_company(request: Request) -> Response:
    """`PUT /_sandbox/companies/{realm}`: preferences of a company; those named change, the others stay."""
    books = _books(request, request.path_params["realm"])
    changes = _parsed(await request.body())
    changes.pop("realm_id", None)
    try:
        company = Company.model_validate({**books.company.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Refused(f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}") from None
    state(request).set_company(company)
    return JSONResponse(company.model_dump(mode="json"))


async def put_limits(request: Request) -> Response:
    """`PUT /_sandbox/limits`: other limits, counting anew; what is not named is Intuit's."""
    limits = await told(request, Limits)
    state(request).limiter.change(limits)
    return JSONResponse(limits.model_dump(mode="json"))


async def put_lifetimes(request: Request) -> Response:
    """`PUT /_sandbox/lifetimes`: of tokens and answers granted from now on; what is not named is Intuit's."""
    lifetimes = await told(request, Lifetimes)
    state(request).grants.lifetimes = lifetimes
    return JSONResponse(lifetimes.model_dump(mode="json"))


def routes() -> list[Route]:
    return [
        Route("/_sandbox/reset", reset, methods=["POST"]),
        Route("/_sandbox/totals", totals, methods=["GET"]),
        Route("/_sandbox/seed", post_seed, methods=["POST"]),
        Route("/_sandbox/edit", post_edit, methods=["POST"]),
        Route("/_sandbox/companies/{realm}", put_company, methods=["PUT"]),
        Route("/_sandbox/limits", put_limits, methods=["PUT"]),
        Route("/_sandbox/lifetimes", put_lifetimes, methods=["PUT"]),
    ]


def _books(request: Request, realm: str) -> Books:
    books = state(request).companies.get(realm)
    if books is None:
        raise Refused(f"realm: there is no company {realm}")
    return books


def _parsed(body: bytes) -> JsonObject:
    try:
        read_body = parse(body or b"{}", all_decimal=True)
    except ValueError as error:
        raise Refused(f"the body: {error}") from None
    if not isinstance(read_body, dict):
        raise Refused("the body: not an object")
    return cast("JsonObject", read_body)
