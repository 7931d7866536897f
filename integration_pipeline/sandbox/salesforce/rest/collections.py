"""`/composite/sobjects`: up to 200 records of any objects in one request, each with a result of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from integration_pipeline.sandbox.salesforce.errors import Problem, SalesforceError, refused
from integration_pipeline.sandbox.salesforce.ids import known_form
from integration_pipeline.sandbox.salesforce.rendering import JsonObject, Value
from integration_pipeline.sandbox.salesforce.rest.calls import Call, Json, Outcome, as_list, as_object, flag
from integration_pipeline.sandbox.salesforce.rest.sobjects import (
    created,
    external_id_field,
    fields_asked,
    matching,
    rendered,
    upserted,
    writable,
)
from integration_pipeline.sandbox.salesforce.schema.fields import SObject

MOST_WRITTEN, MOST_READ = 200, 2_000
_UNDONE = Problem(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)


class Undo(Exception):  # noqa: N818 - ends a transaction, and is no error
    """Nothing of what was written is to stay."""


def undo() -> NoReturn:
    raise Undo


def create(call: Call) -> Outcome:
    """`POST /composite/sobjects`"""
    body = call.object()

    def one(given: Json) -> JsonObject:
        record = call.org.writer.create(_kind_of(call, given), given)
        return {"id": record.id, "success": True, "errors": []}

    return _each(call, _records(body), one, all_or_none=flag(body.get("allOrNone")))


def update(call: Call) -> Outcome:
    """`PATCH /composite/sobjects`"""
    body = call.object()

    def one(given: Json) -> JsonObject:
        identifier = next((held for name, held in given.items() if name.lower() == "id"), None)
        if not isinstance(identifier, str):
            raise SalesforceError(400, Problem("MISSING_ARGUMENT", "Id not specified in an update call", ()))
        others = {name: held for name, held in given.items() if name.lower() != "id"}
        try:
            record = call.org.writer.update(_kind_of(call, given), identifier, others)
        except SalesforceError as refusal:
            if refusal.problems[0].code != "NOT_FOUND":
                raise
            unknown = Problem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
            raise SalesforceError(400, unknown) from None
        return {"id": record.id, "success": True, "errors": []}

    return _each(call, _records(body), one, all_or_none=flag(body.get("allOrNone")))


def upsert(call: Call) -> Outcome:
    """`PATCH /composite/sobjects/{object}/{field}`"""
    kind = writable(call, call.captured[0])
    known = external_id_field(kind, call.captured[1])
    body = call.object()

    def one(given: Json) -> JsonObject:
        value = next((held for name, held in given.items() if name.lower() == known.name.lower()), None)
        if value is None:
            raise SalesforceError(400, Problem("MISSING_ARGUMENT", f"{known.name} not specified", ()))
        others = {name: held for name, held in given.items() if name.lower() != known.name.lower()}
        found = matching(call, kind, known, str(value))
        if len(found) > 1:
            raise SalesforceError(
                400, Problem("DUPLICATE_EXTERNAL_ID", f"{known.name}: more than one record found", ())
            )
        return created(*upserted(call, kind, known.name, str(value), others, found))

    return _each(call, _records(body), one, all_or_none=flag(body.get("allOrNone")))


def delete(call: Call) -> Outcome:
    """`DELETE /composite/sobjects?ids=a,b`"""
    ids = [each for each in call.params.get("ids", "").split(",") if each]

    def one(given: str) -> JsonObject:
        known = known_form(given)
        kind = call.org.catalogue.by_prefix(given) if known is not None else None
        if known is None or kind is None:
            raise SalesforceError(400, Problem("MALFORMED_ID", f"malformed id {given}", ()))
        call.org.writer.delete(kind, known)
        return {"id": known, "success": True, "errors": []}

    return _each(call, ids, one, all_or_none=flag(call.params.get("allOrNone")))


def retrieve(call: Call) -> Outcome:
    """`POST /composite/sobjects/{object}`: `{"ids", "fields"}`; null for what is not there."""
    kind = call.kind(call.captured[0])
    body = call.object()
    ids = as_list(body.get("ids"), "ids")
    if len(ids) > MOST_READ:
        raise _too_many(MOST_READ)
    fields = fields_asked(kind, ",".join(str(each) for each in as_list(body.get("fields"), "fields")))
    known = [known_form(str(each)) for each in ids]
    found = call.org.store.many([each for each in known if each is not None])
    answer: list[Value] = []
    for each in known:
        record = found.get(each or "")
        there = record is not None and record.type == kind.name and not record.deleted
        answer.append(rendered(record, fields, call.root) if record is not None and there else None)
    return Outcome(answer)


def _each(
    call: Call, given: Sequence[Any], one: Callable[[Any], JsonObject], *, all_or_none: bool
) -> Outcome:
    if len(given) > MOST_WRITTEN:
        raise _too_many(MOST_WRITTEN)
    results: list[JsonObject] = []
    failed = False
    try:
        with call.org.writer.attempt():
            for each in given:
                try:
                    with call.org.writer.attempt():
                        results.append(one(each))
                except SalesforceError as refusal:
                    failed = True
                    results.append(_failed(refusal.problems))
            if failed and all_or_none:
                undo()
    except Undo:
        results = [_failed([_UNDONE]) if each["success"] else each for each in results]
    return Outcome(results)


def _failed(problems: Iterable[Problem]) -> JsonObject:
    return {"success": False, "errors": [each.as_result() for each in problems]}


def _records(body: Json) -> list[Json]:
    return [as_object(each) for each in as_list(body.get("records"), "records")]


def _kind_of(call: Call, given: Json) -> SObject:
    name = as_object(given.get("attributes") or {}).get("type")
    if not isinstance(name, str) or call.org.catalogue.find(name) is None:
        raise SalesforceError(400, Problem("INVALID_TYPE", f"sObject type '{name}' is not supported.", ()))
    return writable(call, name)


def _too_many(most: int) -> SalesforceError:
    return refused(
        "EXCEEDED_MAX_SIZE_REQUEST",
        f"record limit reached. cannot submit more than {most} records in this request",
    )
