"""Records as HubSpot's JSON: which properties are returned, history, embedded links.

Every property value is a string, or null for one that was asked for and has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from integration_pipeline.sandbox.hubspot import links, records
from integration_pipeline.sandbox.hubspot.account import Account
from integration_pipeline.sandbox.hubspot.clock import iso
from integration_pipeline.sandbox.hubspot.errors import JsonObject
from integration_pipeline.sandbox.hubspot.object_types import ObjectType
from integration_pipeline.sandbox.hubspot.records import Record


@dataclass(frozen=True, slots=True)
class Selection:
    """What a reader asked for. No properties named means the defaults of the object type, and naming any
    means only those: custom properties are never returned unasked."""

    properties: Sequence[str] = ()
    with_history: Sequence[str] = ()
    associations: Sequence[ObjectType] = field(default_factory=tuple[ObjectType, ...])


def rendered(
    account: Account, kind: ObjectType, found: Sequence[Record], selection: Selection
) -> list[JsonObject]:
    """The records as a reader gets them. Names of unknown properties are passed over, as HubSpot does."""
    definitions = account.definitions(kind)
    wanted = {
        name: None
        for name in (*(selection.properties or kind.defaults), *selection.with_history, *kind.always)
        if name in definitions and not definitions[name].archived
    }
    ids = [record.id for record in found]
    linked = {target: links.links(account.storage, ids, target) for target in selection.associations}
    bodies: list[JsonObject] = []
    for record in found:
        body = _body(record, {name: record.value(name) for name in wanted})
        if selection.with_history:
            body["propertiesWithHistory"] = {
                name: records.history(account.storage, record, name) for name in selection.with_history
            }
        embedded = {
            target.embedded_key: _embedded(by_source[record.id])
            for target, by_source in linked.items()
            if record.id in by_source
        }
        if embedded:
            body["associations"] = embedded
        bodies.append(body)
    return bodies


def written(record: Record) -> JsonObject:
    """A record as the answer to a write: all values it has."""
    return _body(record, dict(record.values) | {name: record.value(name) for name in record.kind.always})


def _body(record: Record, properties: dict[str, str | None]) -> JsonObject:
    body: JsonObject = {
        "id": str(record.id),
        "properties": properties,
        "createdAt": iso(record.created_ms),
        "updatedAt": iso(record.updated_ms),
        "archived": record.archived_ms is not None,
    }
    if record.archived_ms is not None:
        body["archivedAt"] = iso(record.archived_ms)
    return body


def _embedded(found: Sequence[links.Link]) -> JsonObject:
    """One entry per type of link: a primary company is listed twice, with and without its label."""
    return {"results": [{"id": str(link.target_id), "type": t.name} for link in found for t in link.types]}
