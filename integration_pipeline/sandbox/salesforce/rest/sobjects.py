"""`/sobjects`: describe, and single records by id or external id."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from integration_pipeline.sandbox.salesforce.errors import (
    SalesforceError,
    invalid_value,
    no_such_column,
    not_found,
    refused,
)
from integration_pipeline.sandbox.salesforce.moments import in_rest, moment_ms
from integration_pipeline.sandbox.salesforce.records.store import Record
from integration_pipeline.sandbox.salesforce.records.values import kept, shown
from integration_pipeline.sandbox.salesforce.rendering import JsonObject, Value
from integration_pipeline.sandbox.salesforce.rest.calls import Call, Json, Outcome
from integration_pipeline.sandbox.salesforce.schema.describe import described, summary
from integration_pipeline.sandbox.salesforce.schema.fields import Field, SObject
from integration_pipeline.sandbox.salesforce.soql.running import attributes

_MINUTE_MS = 60_000
UPDATED_DAYS, DELETED_DAYS = 30, 15


def list_objects(call: Call) -> Outcome:
    """`GET /sobjects`"""
    objects = [summary(each, call.root) for each in call.org.catalogue.objects]
    return Outcome({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects})


def describe(call: Call) -> Outcome:
    """`GET /sobjects/{object}/describe`"""
    return Outcome(described(call.kind(call.captured[0]), call.root))


def basic(call: Call) -> Outcome:
    """`GET /sobjects/{object}`"""
    return Outcome({"objectDescribe": summary(call.kind(call.captured[0]), call.root), "recentItems": []})


def create(call: Call) -> Outcome:
    """`POST /sobjects/{object}`"""
    kind = writable(call, call.captured[0])
    record = call.org.writer.create(kind, call.object())
    return Outcome(
        created(record, True),
        201,
        {"Location": f"{call.root}/sobjects/{kind.name}/{record.id}"},
    )


def read(call: Call) -> Outcome:
    """`GET /sobjects/{object}/{id}?fields=…`"""
    kind = call.kind(call.captured[0])
    record = call.org.writer.existing(kind, call.captured[1])
    return Outcome(rendered(record, fields_asked(kind, call.params.get("fields")), call.root))


def update(call: Call) -> Outcome:
    """`PATCH /sobjects/{object}/{id}`"""
    kind = writable(call, call.captured[0])
    call.org.writer.update(kind, call.captured[1], call.object())
    return Outcome(status=204)


def delete(call: Call) -> Outcome:
    """`DELETE /sobjects/{object}/{id}`"""
    kind = writable(call, call.captured[0])
    call.org.writer.delete(kind, call.captured[1])
    return Outcome(status=204)


def read_by_external_id(call: Call) -> Outcome:
    """`GET /sobjects/{object}/{field}/{value}`"""
    kind, found = _by_external_id(call)
    if len(found) > 1:
        return _several(call, kind, found)
    if not found:
        raise not_found()
    return Outcome(rendered(found[0], fields_asked(kind, call.params.get("fields")), call.root))


def upsert(call: Call) -> Outcome:
    """`PATCH /sobjects/{object}/{field}/{value}`: 201 for a new record, 200 for one that was there."""
    kind, found = _by_external_id(call)
    if len(found) > 1:
        return _several(call, kind, found)
    record, is_new = upserted(call, kind, call.captured[1], call.captured[2], call.object(), found)
    return Outcome(created(record, is_new), 201 if is_new else 200)


def delete_by_external_id(call: Call) -> Outcome:
    """`DELETE /sobjects/{object}/{field}/{value}`"""
    kind, found = _by_external_id(call)
    if len(found) > 1:
        return _several(call, kind, found)
    if not found:
        raise not_found()
    call.org.writer.delete(kind, found[0].id)
    return Outcome(status=204)


def updated(call: Call) -> Outcome:
    """`GET /sobjects/{object}/updated?start&end`: ids of what was written in the time."""
    kind = call.kind(call.captured[0])
    start, end = _replicated(call, UPDATED_DAYS)
    rows = call.org.store.file.rows(
        "SELECT id FROM records WHERE type = ? AND deleted = 0 AND stamp_ms >= ? AND stamp_ms < ?"
        " ORDER BY id",
        (kind.name, start, end),
    )
    return Outcome({"ids": [row[0] for row in rows], "latestDateCovered": in_rest(end)})


def deleted(call: Call) -> Outcome:
    """`GET /sobjects/{object}/deleted?start&end`: also of what has left the recycle bin."""
    kind = call.kind(call.captured[0])
    start, end = _replicated(call, DELETED_DAYS)
    rows = call.org.store.file.rows(
        "SELECT id, deleted_ms FROM delete_log WHERE type = ? AND deleted_ms >= ? AND deleted_ms < ?"
        " ORDER BY deleted_ms, id",
        (kind.name, start, end),
    )
    earliest = call.org.clock.now() - timedelta(days=DELETED_DAYS)
    return Outcome(
        {
            "deletedRecords": [{"id": each, "deletedDate": in_rest(moment)} for each, moment in rows],
            "earliestDateAvailable": in_rest(int(earliest.timestamp()) * 1_000),
            "latestDateCovered": in_rest(end),
        }
    )


def writable(call: Call, name: str) -> SObject:
    kind = call.kind(name)
    if not kind.writable:
        raise refused("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be inserted: {kind.label}")
    return kind


def created(record: Record, is_new: bool) -> JsonObject:
    return {"id": record.id, "success": True, "errors": [], "created": is_new}


def rendered(record: Record, fields: Sequence[Field], root: str) -> JsonObject:
    said: dict[str, Value] = {"attributes": attributes(record, root)}
    said.update((each.name, shown(each, record)) for each in fields)
    return said


def fields_asked(kind: SObject, names: str | None) -> list[Field]:
    if not names:
        return list(kind.fields.values())
    found: list[Field] = []
    for name in names.split(","):
        known = kind.find(name.strip())
        if known is None:
            raise no_such_column(name.strip(), kind.name)
        found.append(known)
    return found


def external_id_field(kind: SObject, name: str) -> Field:
    known = kind.find(name)
    if known is None or not (known.external_id or known.name == "Id"):
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    return known


def matching(call: Call, kind: SObject, known: Field, value: str) -> list[Record]:
    """Records that are not deleted, whose external id is `value`."""
    if known.name == "Id":
        record = call.org.store.get(value)
        return [record] if record is not None and not record.deleted else []
    stored = kept(known, value)
    return call.org.store.holding(kind.name, known.name, stored) if isinstance(stored, str) else []


def upserted(
    call: Call, kind: SObject, name: str, value: str, given: Json, found: Sequence[Record]
) -> tuple[Record, bool]:
    """The record of an external id, changed or made; and whether it is new."""
    known = external_id_field(kind, name)
    others = {each: held for each, held in given.items() if each.lower() not in (known.name.lower(), "id")}
    if len(others) < len(given) and known.name != "Id":
        raise invalid_value(
            "INVALID_FIELD",
            "The external ID field must not be specified in the sobject data: it is in the URL",
            known.name,
        )
    if found:
        return call.org.writer.update(kind, found[0].id, others), False
    return call.org.writer.create(kind, {**others, known.name: value}), True


def _by_external_id(call: Call) -> tuple[SObject, list[Record]]:
    kind = writable(call, call.captured[0])
    known = external_id_field(kind, call.captured[1])
    return kind, matching(call, kind, known, call.captured[2])


def _several(call: Call, kind: SObject, found: Sequence[Record]) -> Outcome:
    return Outcome([f"{call.root}/sobjects/{kind.name}/{each.id}" for each in found], 300)


def _replicated(call: Call, days: int) -> tuple[int, int]:
    start, end = _moment(call, "start"), _moment(call, "end")
    if end - start < _MINUTE_MS:
        raise refused("INVALID_REPLICATION_DATE", "endDate is not chronologically greater than startDate")
    earliest = call.org.clock.now() - timedelta(days=days)
    if start < int(earliest.timestamp()) * 1_000:
        raise refused(
            "INVALID_REPLICATION_DATE",
            f"startDate cannot be more than {days} days ago: {call.params['start']}",
        )
    return start, end


def _moment(call: Call, name: str) -> int:
    # A plus sign that was not escaped is a space by now; simple-salesforce ends a time without zone so.
    text = call.params.get(name, "").replace(" ", "+").rstrip(":")
    moment = moment_ms(text) if "+" in text or text.endswith("Z") else moment_ms(f"{text}Z")
    if moment is None:
        raise _unreadable(name, text)
    # Seconds are not looked at.
    return moment - moment % _MINUTE_MS


def _unreadable(name: str, text: str) -> SalesforceError:
    return refused("INVALID_REPLICATION_DATE", f"{name} is not a valid date time: {text}")
