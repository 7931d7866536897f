"""Several operations in one request, each succeeding or failing by itself, answered in the order given."""

from __future__ import annotations

from typing import cast

from integration_pipeline.sandbox.exact_json import JsonObject, dump
from integration_pipeline.sandbox.quickbooks import queries
from integration_pipeline.sandbox.quickbooks.books import Books
from integration_pipeline.sandbox.quickbooks.errors import (
    Fault,
    business,
    required,
    unsupported_operation,
)
from integration_pipeline.sandbox.quickbooks.fields import objects
from integration_pipeline.sandbox.quickbooks.operations import operate
from integration_pipeline.sandbox.quickbooks.writes import ENTITIES, Manner

ALLOW_DUPLICATE = "allowduplicatedocnum"


def answer(books: Books, request: JsonObject, most: int) -> str:
    """The JSON of `BatchItemResponse`. Raises 6000 for more items than a batch may have."""
    items = objects(request, "BatchItemRequest")
    if not items:
        raise required("BatchItemRequest")
    if len(items) > most:
        raise business(f"The maximum number of batch items allowed in a single request is {most}.")
    return "[" + ",".join(_item(books, item) for item in items) + "]"


def _item(books: Books, item: JsonObject) -> str:
    identifier = dump(str(item.get("bId", "")))
    try:
        name, text = _outcome(books, item)
    except Fault as refusal:
        name, text = "Fault", dump(refusal.body())
    return f'{{"{name}":{text},"bId":{identifier}}}'


def _outcome(books: Books, item: JsonObject) -> tuple[str, str]:
    if isinstance(item.get("Query"), str):
        return "QueryResponse", queries.answer(books, item["Query"])
    entity = next((name for name in item if name in ENTITIES), None)
    if entity is None or not isinstance(item[entity], dict):
        raise unsupported_operation("batch item")
    manner = Manner(allow_duplicate=ALLOW_DUPLICATE in str(item.get("optionsData", "")))
    operation = str(item.get("operation", "create"))
    body = cast("JsonObject", item[entity])
    return entity, operate(books, entity, body, operation, manner)
