"""Records and everything that changes them: create, update, archive, merge.

Each function here works inside the caller's transaction and keeps the three things that belong together
together: the record's row, its property history, its unique values. HTTP is not here; links are in
`associations`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from integration_pipeline.sandbox.hubspot.calculated import calculated_values
from integration_pipeline.sandbox.hubspot.changes import Created, Merged, Updated
from integration_pipeline.sandbox.hubspot.clock import iso, now_ms, parse_moment
from integration_pipeline.sandbox.hubspot.errors import conflict, object_not_found, validation_error
from integration_pipeline.sandbox.hubspot.object_types import CONTACTS, DEALS, ObjectType
from integration_pipeline.sandbox.hubspot.pipelines import PIPELINE_ID
from integration_pipeline.sandbox.hubspot.property_definitions import PropertyDefinition
from integration_pipeline.sandbox.hubspot.storage import FIRST_ID, Storage
from integration_pipeline.sandbox.hubspot.values import Scalar, checked

Definitions = Mapping[str, PropertyDefinition]

_PAGE = """
    SELECT id, created_ms, updated_ms, archived_ms, properties FROM records
    WHERE type = ? AND archived_ms IS NULL AND id > ? ORDER BY id LIMIT ?
"""
_ARCHIVED_PAGE = """
    SELECT id, created_ms, updated_ms, archived_ms, properties FROM records
    WHERE type = ? AND archived_ms IS NOT NULL AND id > ? ORDER BY id LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as stored; `values` holds no empty strings. Times are epoch milliseconds."""

    id: int
    kind: ObjectType
    created_ms: int
    updated_ms: int
    archived_ms: int | None = None
    values: Mapping[str, str] = field(default_factory=dict[str, str])

    def value(self, name: str) -> str | None:
        """Any property's value, those kept in columns included."""
        if name == "hs_object_id":
            return str(self.id)
        if name == "createdate":
            return iso(self.created_ms)
        if name == self.kind.modified:
            return iso(self.updated_ms)
        return self.values.get(name)


def record_id(text: str) -> int | None:
    """The number in a path or body, None for what can be no record's id."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def from_row(kind: ObjectType, row: Sequence[object]) -> Record:
    """A record from the columns id, created_ms, updated_ms, archived_ms, properties."""
    number, created_ms, updated_ms, archived_ms, properties = row
    return Record(
        id=cast("int", number),
        kind=kind,
        created_ms=cast("int", created_ms),
        updated_ms=cast("int", updated_ms),
        archived_ms=cast("int | None", archived_ms),
        values=cast("dict[str, str]", json.loads(cast("str", properties))),
    )


def fetch(
    storage: Storage, kind: ObjectType, ids: Iterable[int], *, archived: bool = False
) -> dict[int, Record]:
    """The records among `ids` that exist, archived ones or the others."""
    # `+type` keeps SQLite from walking all records of the type instead of looking up the few by id: with
    # 10,000 deals that took 5 ms a request.
    rows = storage.rows(
        """
        SELECT id, created_ms, updated_ms, archived_ms, properties FROM records
        WHERE id IN (SELECT value FROM json_each(?)) AND +type = ? AND (archived_ms IS NOT NULL) = ?
        """,
        (json.dumps(list(ids)), kind.name, archived),
    )
    return {record.id: record for record in (from_row(kind, row) for row in rows)}


def page(storage: Storage, kind: ObjectType, *, after: int, limit: int, archived: bool) -> list[Record]:
    """At most `limit` records with an id above `after`, in order of id."""
    rows = storage.rows(_ARCHIVED_PAGE if archived else _PAGE, (kind.name, after, limit))
    return [from_row(kind, row) for row in rows]


def find(
    storage: Storage,
    kind: ObjectType,
    definitions: Definitions,
    text: str,
    id_property: str | None = None,
    *,
    archived: bool = False,
) -> Record | None:
    """The record with this id, or with this value of a unique property."""
    if id_property is None or id_property == "hs_object_id":
        number = record_id(text)
    else:
        definition = definitions.get(id_property)
        if definition is None or not definition.unique:
            raise validation_error(f"{id_property} is not a unique property of {kind.name}.")
        number = _holder(storage, kind, id_property, text.lower() if id_property == "email" else text)
    if number is None:
        return None
    return fetch(storage, kind, [number], archived=archived).get(number)


def create(
    storage: Storage, kind: ObjectType, definitions: Definitions, inputs: Sequence[Mapping[str, Scalar]]
) -> list[Record]:
    """New records in the order of `inputs`; raises for the first input with refused values."""
    now = now_ms()
    first = cast("int", storage.rows("SELECT coalesce(max(id) + 1, ?) FROM records", (FIRST_ID,))[0][0])
    created: list[Record] = []
    for number, given in enumerate(inputs, start=first):
        values = checked(definitions, given, creating=True)
        created_text = values.pop("createdate", "")
        if kind is DEALS and values.get("dealstage"):
            values.setdefault("pipeline", PIPELINE_ID)
        record = Record(
            id=number,
            kind=kind,
            created_ms=parse_moment(created_text) or now,
            updated_ms=now,
            values=_with_calculated(kind, values),
        )
        _claim_unique_values(storage, definitions, record, record.values)
        created.append(record)
    storage.write_many(
        "INSERT INTO records (id, type, created_ms, updated_ms, properties) VALUES (?, ?, ?, ?, ?)",
        [(r.id, kind.name, r.created_ms, r.updated_ms, json.dumps(dict(r.values))) for r in created],
    )
    _remember(storage, ((record, record.values) for record in created))
    for record in created:
        storage.announce(Created(kind, record.id, now, record.values))
    return created


def update(storage: Storage, definitions: Definitions, record: Record, given: Mapping[str, Scalar]) -> Record:
    """The record with new values; an update that changes nothing leaves the modification time alone.

    A change moves the modification time forward by at least a millisecond, whatever the clock says, so that
    two changes of one record never share it.
    """
    return _put(storage, definitions, record, checked(definitions, given, creating=False))


def archive(storage: Storage, kind: ObjectType, ids: Iterable[int]) -> None:
    """Move records to the recycle bin: links gone, unique values free again. Unknown ids are passed over."""
    numbers = json.dumps(list(ids))
    now = now_ms()
    storage.write(
        """
        UPDATE records SET archived_ms = ?, updated_ms = max(?, updated_ms + 1)
        WHERE id IN (SELECT value FROM json_each(?)) AND +type = ? AND archived_ms IS NULL
        """,
        (now, now, numbers, kind.name),
    )
    storage.write(
        """
        DELETE FROM unique_values WHERE record_id IN
        (SELECT id FROM records WHERE id IN (SELECT value FROM json_each(?)) AND +type = ?)
        """,
        (numbers, kind.name),
    )


def merge(storage: Storage, definitions: Definitions, primary: Record, other: Record) -> Record:
    """`primary` with the values it lacked taken from `other`, which is archived; links are the caller's."""
    archive(storage, primary.kind, [other.id])
    merged = [*filter(None, primary.values.get("hs_merged_object_ids", "").split(";")), str(other.id)]
    inherited = {name: value for name, value in other.values.items() if name not in primary.values}
    result = _put(storage, definitions, primary, inherited | {"hs_merged_object_ids": ";".join(merged)})
    storage.announce(Merged(primary.kind, primary.id, other.id, result.updated_ms, len(inherited)))
    return result


def history(storage: Storage, record: Record, name: str) -> list[dict[str, str]]:
    """Past and present values of a property, the newest first."""
    rows = storage.rows(
        "SELECT value, at_ms FROM property_history WHERE record_id = ? AND name = ? ORDER BY at_ms DESC",
        (record.id, name),
    )
    return [
        {"value": cast("str", value), "timestamp": iso(cast("int", at_ms)), "sourceType": "INTEGRATION"}
        for value, at_ms in rows
    ]


def _put(storage: Storage, definitions: Definitions, record: Record, values: Mapping[str, str]) -> Record:
    after = _with_calculated(record.kind, {**record.values, **values})
    touched = {name: after.get(name, "") for name in {**record.values, **after}}
    changed = {name: value for name, value in touched.items() if value != record.values.get(name, "")}
    if not changed:
        return record
    changed_record = Record(
        id=record.id,
        kind=record.kind,
        created_ms=record.created_ms,
        updated_ms=max(now_ms(), record.updated_ms + 1),
        values=after,
    )
    _claim_unique_values(storage, definitions, changed_record, changed)
    storage.write(
        "UPDATE records SET updated_ms = ?, properties = ? WHERE id = ?",
        (changed_record.updated_ms, json.dumps(dict(changed_record.values)), record.id),
    )
    _remember(storage, [(changed_record, changed)])
    storage.announce(Updated(record.kind, record.id, changed_record.updated_ms, changed))
    return changed_record


def _with_calculated(kind: ObjectType, values: Mapping[str, str]) -> dict[str, str]:
    """The values a record keeps: those given and those that follow from them, without the empty ones."""
    given = {name: value for name, value in values.items() if value}
    return {name: value for name, value in (given | calculated_values(kind, given)).items() if value}


def _remember(storage: Storage, changes: Iterable[tuple[Record, Mapping[str, str]]]) -> None:
    storage.write_many(
        "INSERT INTO property_history (record_id, name, at_ms, value) VALUES (?, ?, ?, ?)",
        [
            (record.id, name, record.updated_ms, value)
            for record, values in changes
            for name, value in values.items()
        ],
    )


def _holder(storage: Storage, kind: ObjectType, name: str, value: str) -> int | None:
    rows = storage.rows(
        "SELECT record_id FROM unique_values WHERE type = ? AND name = ? AND value = ?",
        (kind.name, name, value),
    )
    return cast("int", rows[0][0]) if rows else None


def _claim_unique_values(
    storage: Storage, definitions: Definitions, record: Record, values: Mapping[str, str]
) -> None:
    for name, value in values.items():
        # A merged record's inherited values include calculated ones, which have no definition of their own.
        definition = definitions.get(name)
        if definition is None or not definition.unique:
            continue
        holder = _holder(storage, record.kind, name, value) if value else None
        if holder is not None and holder != record.id:
            raise _taken(record, name, value, holder)
        storage.write("DELETE FROM unique_values WHERE record_id = ? AND name = ?", (record.id, name))
        if value:
            storage.write(
                "INSERT INTO unique_values (type, name, value, record_id) VALUES (?, ?, ?, ?)",
                (record.kind.name, name, value, record.id),
            )


def _taken(record: Record, name: str, value: str, holder: int) -> Exception:
    if record.kind is CONTACTS and name == "email":
        return conflict(f"Contact already exists. Existing ID: {holder}")
    return validation_error(
        f"Cannot set PropertyValueCoordinates{{objectTypeId={record.kind.type_id}, propertyName={name}, "
        f"value={value}}} on {record.id}. {holder} already has that value."
    )


def require(record: Record | None) -> Record:
    """The record, or HubSpot's 404."""
    if record is None:
        raise object_not_found()
    return record
