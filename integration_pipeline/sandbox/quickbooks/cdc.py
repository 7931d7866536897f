"""Change data capture: everything of some entities that changed since a moment, deletions included."""

from __future__ import annotations

from integration_pipeline.sandbox.quickbooks import moments
from integration_pipeline.sandbox.quickbooks.books import Books, shown
from integration_pipeline.sandbox.quickbooks.errors import (
    business,
    invalid_date,
    required,
    unsupported_operation,
)
from integration_pipeline.sandbox.quickbooks.writes import BY_PATH

MOST_OBJECTS = 1_000
LOOK_BACK_SECONDS = 30 * 86_400

# Intuit captures no changes of these.
_UNWATCHED = frozenset({"TaxCode", "TaxRate"})


def answer(books: Books, entities: str, since: str) -> str:
    """The JSON of `CDCResponse`: of each entity at most 1,000, the latest changes first.

    Raises 6000 for a moment more than 30 days ago.
    """
    if not entities:
        raise required("entities")
    moment = moments.read(since.replace(" ", "+"), books.company.utc_offset)
    if moment is None:
        raise invalid_date("changedSince", since)
    if moment < books.now_s() - LOOK_BACK_SECONDS:
        raise business("changedSince is more than 30 days ago", "changedSince")
    parts: list[str] = []
    for named in entities.split(","):
        entity = BY_PATH.get(named.strip().lower())
        if entity is None or entity in _UNWATCHED:
            raise unsupported_operation(f"cdc {named:.40}")
        parts.append(_changes(books, entity, moment))
    return f'[{{"QueryResponse":[{",".join(parts)}]}}]'


def _changes(books: Books, entity: str, moment: int) -> str:
    rows = books.file.rows(
        "SELECT id, updated_s, deleted, body, balance FROM records"
        " WHERE realm = ? AND entity = ? AND updated_s >= ? ORDER BY updated_s DESC, id DESC LIMIT ?",
        (books.realm, entity, moment, MOST_OBJECTS),
    )
    if not rows:
        return "{}"
    bodies = [
        _deleted(books, identifier, updated) if deleted else shown(entity, body, balance)
        for identifier, updated, deleted, body, balance in rows
    ]
    return f'{{"{entity}":[{",".join(bodies)}],"startPosition":1,"maxResults":{len(rows)}}}'


def _deleted(books: Books, identifier: int, updated: int) -> str:
    written = moments.written(updated, books.company.utc_offset)
    return (
        f'{{"domain":"QBO","status":"Deleted","Id":"{identifier}",'
        f'"MetaData":{{"LastUpdatedTime":"{written}"}}}}'
    )
