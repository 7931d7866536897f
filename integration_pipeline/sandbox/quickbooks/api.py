"""The endpoints of the Accounting API under `/v3/company/{realm}`: reads, writes, query, batch, CDC."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from integration_pipeline.sandbox.exact_json import JsonObject, dump, parse
from integration_pipeline.sandbox.quickbooks import batch, cdc, queries
from integration_pipeline.sandbox.quickbooks.books import Books, record_id
from integration_pipeline.sandbox.quickbooks.errors import (
    Fault,
    not_found,
    unreadable,
    unsupported_operation,
    wrong_length,
)
from integration_pipeline.sandbox.quickbooks.operations import operate
from integration_pipeline.sandbox.quickbooks.responses import answered, fault, json_text, written_now
from integration_pipeline.sandbox.quickbooks.settings import company_info, preferences
from integration_pipeline.sandbox.quickbooks.state import QuickBooks, state
from integration_pipeline.sandbox.quickbooks.writes import BY_PATH, Manner

ROOT = "/v3/company"
_LONGEST_REQUEST_ID = 50


async def query(request: Request) -> Response:
    """`GET /query?query=...`, or POST with the query as the body."""
    text = request.query_params.get("query") or (await request.body()).decode("utf-8", errors="replace")
    return _answer(request, lambda books: answered(books, "QueryResponse", queries.answer(books, text)))


async def change_data_capture(request: Request) -> Response:
    """`GET /cdc?entities=Invoice,Payment&changedSince=...`."""
    asked = request.query_params
    return _answer(
        request,
        lambda books: answered(
            books,
            "CDCResponse",
            cdc.answer(books, asked.get("entities", ""), asked.get("changedSince", "")),
        ),
    )


async def post_batch(request: Request) -> Response:
    """`POST /batch`."""
    body = await request.body()
    most = state(request).limiter.limits.batch_items

    def done(books: Books) -> str:
        return answered(books, "BatchItemResponse", batch.answer(books, _object(body), most))

    return _answer(request, lambda books: _once(request, books, done))


async def read(request: Request) -> Response:
    """`GET /{entity}/{id}`; `/companyinfo/{realm}` and `/preferences` are of the company itself."""

    def found(books: Books) -> str:
        name = cast("str", request.path_params["entity"]).lower()
        identifier = cast("str", request.path_params.get("id", ""))
        if name == "companyinfo":
            return answered(books, "CompanyInfo", dump(company_info(books)))
        if name == "preferences":
            return answered(books, "Preferences", dump(preferences(books)))
        entity = _entity(name)
        text = books.text(entity, record_id(identifier))
        if text is None:
            raise not_found()
        return answered(books, entity, text)

    return _answer(request, found)


async def write(request: Request) -> Response:
    """`POST /{entity}`: create, or with an Id update; `?operation=delete|void`, `?include=void`."""
    body = await request.body()
    asked = request.query_params
    include = asked.get("include", "")
    operation = asked.get("operation", "").lower() or "save"
    if operation == "update" and include == "void":
        operation = "void"
    elif operation in ("save", "update"):
        operation = "create"
    manner = Manner(allow_duplicate=batch.ALLOW_DUPLICATE in include)

    def done(books: Books) -> str:
        entity = _entity(cast("str", request.path_params["entity"]).lower())
        return answered(books, entity, operate(books, entity, _object(body), operation, manner))

    return _answer(request, lambda books: _once(request, books, done))


def routes() -> list[Route]:
    company = f"{ROOT}/{{realm}}"
    return [
        Route(f"{company}/query", query, methods=["GET", "POST"]),
        Route(f"{company}/cdc", change_data_capture, methods=["GET"]),
        Route(f"{company}/batch", post_batch, methods=["POST"]),
        Route(f"{company}/{{entity}}", read, methods=["GET"]),
        Route(f"{company}/{{entity}}", write, methods=["POST"]),
        Route(f"{company}/{{entity}}/{{id}}", read, methods=["GET"]),
    ]


def _answer(request: Request, done: Callable[[Books], str]) -> Response:
    books = state(request).companies[request.path_params["realm"]]
    try:
        return json_text(done(books))
    except Fault as refusal:
        return fault(refusal, written_now(books))


def _once(request: Request, books: Books, done: Callable[[Books], str]) -> str:
    """Carry out a write, or repeat the first answer to its `requestid` whatever is asked this time.

    Refusals are not kept: nothing was done that must not be done twice.
    """
    identifier = request.query_params.get("requestid")
    if not identifier:
        return done(books)
    if len(identifier) > _LONGEST_REQUEST_ID:
        raise wrong_length("requestid", _LONGEST_REQUEST_ID, len(identifier))
    quickbooks = state(request)
    with books.changing():
        before = _kept_answer(quickbooks, books, identifier)
        if before is not None:
            return before
        text = done(books)
        books.file.write(
            "INSERT OR REPLACE INTO answers (realm, request_id, at_s, body) VALUES (?, ?, ?, ?)",
            (books.realm, identifier, books.now_s(), text),
        )
    return text


def _kept_answer(quickbooks: QuickBooks, books: Books, identifier: str) -> str | None:
    row = books.file.row(
        "SELECT body, at_s FROM answers WHERE realm = ? AND request_id = ?", (books.realm, identifier)
    )
    kept_for = quickbooks.grants.lifetimes.request_id
    if row is None or (kept_for is not None and row[1] + kept_for <= books.now_s()):
        return None
    return row[0]


def _entity(name: str) -> str:
    entity = BY_PATH.get(name)
    if entity is None:
        raise unsupported_operation(f"{name:.40}")
    return entity


def _object(body: bytes) -> JsonObject:
    try:
        read_body = parse(body, all_decimal=True)
    except ValueError as error:
        raise unreadable(f"{error!s:.80}") from None
    if not isinstance(read_body, dict):
        raise unreadable("not an object")
    return cast("JsonObject", read_body)
