"""Links between records as stored: always both directions, primary never without its unlabelled twin.

Each function works inside the caller's transaction. The endpoints are in `associations`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import cast

from integration_pipeline.sandbox.hubspot.association_types import (
    TYPE_BY_ID,
    AssociationType,
    default_type,
)
from integration_pipeline.sandbox.hubspot.changes import Linked
from integration_pipeline.sandbox.hubspot.clock import now_ms
from integration_pipeline.sandbox.hubspot.object_types import ObjectType
from integration_pipeline.sandbox.hubspot.storage import Storage


@dataclass(frozen=True, slots=True)
class Link:
    source_id: int
    target_id: int
    types: tuple[AssociationType, ...]


def existing(storage: Storage, kind: ObjectType, ids: Iterable[int]) -> set[int]:
    """Which of `ids` are records of this type that are not archived."""
    rows = storage.rows(
        """
        SELECT id FROM records
        WHERE id IN (SELECT value FROM json_each(?)) AND +type = ? AND archived_ms IS NULL
        """,
        (json.dumps(list(ids)), kind.name),
    )
    return {cast("int", number) for (number,) in rows}


def connect(storage: Storage, wanted: Iterable[tuple[int, int, AssociationType]]) -> None:
    """Link records that exist; a link that is there already stays as it is."""
    rows: dict[tuple[int, str, int, int], None] = {}
    for source_id, target_id, kind in wanted:
        kinds = (kind, default_type(kind.source, kind.target)) if kind.primary else (kind,)
        if kind.primary:
            _demote_primary_company(storage, source_id, target_id, kind)
        for each in kinds:
            rows[source_id, each.target.name, target_id, each.id] = None
            rows[target_id, each.source.name, source_id, each.inverse_id] = None
    added = [
        row
        for row in rows
        if storage.write(
            "INSERT OR IGNORE INTO associations (from_id, to_type, to_id, type_id) VALUES (?, ?, ?, ?)", row
        )
    ]
    _announce(
        storage, ((source, target, TYPE_BY_ID[kind]) for source, _, target, kind in added), removed=False
    )


def disconnect(
    storage: Storage, source: ObjectType, source_id: int, target: ObjectType, target_id: int
) -> None:
    """Remove a link with all its types, in both directions."""
    for one, kind, other in ((source_id, target, target_id), (target_id, source, source_id)):
        where = (one, kind.name, other)
        rows = storage.rows(
            "SELECT type_id FROM associations WHERE from_id = ? AND to_type = ? AND to_id = ?", where
        )
        storage.write("DELETE FROM associations WHERE from_id = ? AND to_type = ? AND to_id = ?", where)
        gone = [(one, other, TYPE_BY_ID[cast("int", type_id)]) for (type_id,) in rows]
        _announce(storage, gone, removed=True)


def remove_type(storage: Storage, source_id: int, target_id: int, kind: AssociationType) -> None:
    """Remove one type of a link, in both directions."""
    for one, other, each in (
        (source_id, target_id, kind),
        (target_id, source_id, TYPE_BY_ID[kind.inverse_id]),
    ):
        if storage.write(
            "DELETE FROM associations WHERE from_id = ? AND to_type = ? AND to_id = ? AND type_id = ?",
            (one, each.target.name, other, each.id),
        ):
            _announce(storage, [(one, other, each)], removed=True)


def disconnect_all(storage: Storage, kind: ObjectType, ids: Iterable[int]) -> None:
    """Remove every link of these records. That is told by the records' own end, not link by link."""
    numbers = json.dumps(list(ids))
    storage.write(
        """
        DELETE FROM associations
        WHERE to_type = ? AND (from_id, to_id) IN (
            SELECT to_id, from_id FROM associations WHERE from_id IN (SELECT value FROM json_each(?))
        )
        """,
        (kind.name, numbers),
    )
    storage.write("DELETE FROM associations WHERE from_id IN (SELECT value FROM json_each(?))", (numbers,))


def inherit(storage: Storage, primary_id: int, other: ObjectType, other_id: int) -> None:
    """Give `primary_id` the links `other_id` has, as the unlabelled ones beside its own primary company."""
    rows = storage.rows("SELECT to_id, type_id FROM associations WHERE from_id = ?", (other_id,))
    connect(
        storage,
        [
            (primary_id, cast("int", target), kind)
            for target, type_id in rows
            if not (kind := TYPE_BY_ID[cast("int", type_id)]).primary
        ],
    )
    disconnect_all(storage, other, [other_id])


def links(storage: Storage, ids: Iterable[int], target: ObjectType) -> dict[int, list[Link]]:
    """The links of these records to one object type, in order of the target's id."""
    rows = storage.rows(
        """
        SELECT from_id, to_id, type_id FROM associations
        WHERE from_id IN (SELECT value FROM json_each(?)) AND to_type = ?
        ORDER BY from_id, to_id, type_id
        """,
        (json.dumps(list(ids)), target.name),
    )
    found: dict[int, dict[int, list[AssociationType]]] = {}
    for source_id, target_id, type_id in cast("list[tuple[int, int, int]]", rows):
        found.setdefault(source_id, {}).setdefault(target_id, []).append(TYPE_BY_ID[type_id])
    return {
        source_id: [Link(source_id, target_id, tuple(types)) for target_id, types in targets.items()]
        for source_id, targets in found.items()
    }


def _announce(
    storage: Storage, changed: Iterable[tuple[int, int, AssociationType]], *, removed: bool
) -> None:
    """Tell of links, each direction once: a primary company comes with its unlabelled link."""
    at_ms = now_ms()
    ordered = sorted(changed, key=lambda link: (link[0], link[1], link[2].id))
    for (source_id, target_id), types in groupby(ordered, key=lambda link: (link[0], link[1])):
        kinds = [kind for _, _, kind in types]
        primary = any(kind.primary for kind in kinds)
        storage.announce(
            Linked(kinds[0].source, kinds[0].target, source_id, target_id, at_ms, primary, removed)
        )


def _demote_primary_company(storage: Storage, source_id: int, target_id: int, kind: AssociationType) -> None:
    """A deal or contact has one primary company: naming another takes the label from the former one."""
    from_company = kind.source.name == "companies"
    record, to_company = (target_id, kind.inverse_id) if from_company else (source_id, kind.id)
    named = source_id if from_company else target_id
    rows = storage.rows(
        "SELECT to_id FROM associations WHERE from_id = ? AND to_type = 'companies' AND type_id = ?",
        (record, to_company),
    )
    for (company,) in rows:
        if company != named:
            remove_type(storage, record, cast("int", company), TYPE_BY_ID[to_company])
