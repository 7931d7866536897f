"""One write as a request asks for it, and the record as it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integration_pipeline.sandbox.quickbooks.books import Books
from integration_pipeline.sandbox.quickbooks.errors import required, unsupported_operation
from integration_pipeline.sandbox.quickbooks.writes import Manner, delete, save, void


def operate(books: Books, entity: str, body: Mapping[str, Any], operation: str, manner: Manner) -> str:
    """Create, update, delete or void; the JSON of the record afterwards."""
    match operation:
        case "create" | "update":
            if operation == "update" and not body.get("Id"):
                raise required("Id")
            identifier = save(books, entity, body, manner).id
        case "void":
            identifier = void(books, entity, body, manner).id
        case "delete":
            gone = delete(books, entity, body, manner)
            return f'{{"domain":"QBO","status":"Deleted","Id":"{gone}"}}'
        case _:
            raise unsupported_operation(f"{operation:.40} {entity}")
    text = books.text(entity, identifier)
    assert text is not None  # noqa: S101 - it was just written
    return text
