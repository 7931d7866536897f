"""What a query selects, resolved in an org: fields, fields of records referred to, children.

How it is fetched is `running`, which rows is `compiler`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from integration_pipeline.sandbox.salesforce.errors import (
    SalesforceError,
    malformed_query,
    no_such_column,
    refused,
)
from integration_pipeline.sandbox.salesforce.schema.catalogue import Catalogue
from integration_pipeline.sandbox.salesforce.schema.fields import ChildRelationship, Field, SObject
from integration_pipeline.sandbox.salesforce.soql.syntax import AllFields, Path, Query

_STEPS = 5
_ALL_FIELDS_LIMIT = 200


@dataclass(slots=True)
class Parent:
    """A record referred to by `reference`, and what of it is wanted."""

    reference: Field
    selection: Selection


@dataclass(frozen=True, slots=True)
class Children:
    relation: ChildRelationship
    query: Query
    selection: Selection


@dataclass(slots=True)
class Selection:
    """Wanted of a record, by the name it has in the answer, in order."""

    kind: SObject
    members: dict[str, Field | Parent | Children] = field(
        default_factory=dict[str, "Field | Parent | Children"]
    )


@dataclass(frozen=True, slots=True)
class Reached:
    """The field at the end of a path, and the references that lead there."""

    references: tuple[Field, ...]
    field: Field


def reach(catalogue: Catalogue, kind: SObject, path: Path) -> Reached:
    """Where a path leads from an object. Raises the 400 for a field that is not there."""
    *way, name = path.steps
    if way and way[0].lower() == kind.name.lower():
        way = way[1:]
    if len(way) > _STEPS:
        raise malformed_query("SOQL statements cannot follow more than five relationships")
    references: list[Field] = []
    for step in way:
        reference = kind.reference(step)
        if reference is None or reference.refers_to is None:
            raise refused(
                "INVALID_FIELD",
                f"Didn't understand relationship '{step}' in field path. If you are attempting to use a "
                "custom relationship, be sure to append the '__r' after the custom relationship name. Please "
                "reference your WSDL or the describe call for the appropriate names.",
            )
        references.append(reference)
        kind = catalogue.named(reference.refers_to)
    found = kind.find(name)
    if found is None:
        raise no_such_column(name, kind.name)
    return Reached(tuple(references), found)


def object_of(catalogue: Catalogue, name: str) -> SObject:
    kind = catalogue.find(name)
    if kind is None:
        raise refused(
            "INVALID_TYPE",
            f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be "
            "sure to append the '__c' after the entity name. Please reference your WSDL or the describe call "
            "for the appropriate names.",
        )
    return kind


def select(catalogue: Catalogue, kind: SObject, query: Query) -> Selection:
    """What `query` selects of the records of `kind`. Raises the 400s of what is not there."""
    selection = Selection(kind)
    for each in query.selected:
        match each:
            case Path():
                _add_path(catalogue, selection, each)
            case AllFields(which=which):
                for found in _all_fields(kind, query, which):
                    selection.members[found.name] = found
            case Query():
                relation = kind.relationship(each.source)
                if relation is None:
                    raise refused(
                        "INVALID_TYPE",
                        f"Didn't understand relationship '{each.source}' in FROM part of query call.",
                    )
                child = catalogue.named(relation.child)
                selection.members[relation.name] = Children(relation, each, select(catalogue, child, each))
    return selection


def columns(
    selection: Selection, before: Sequence[str] = ()
) -> Iterator[tuple[str, tuple[Field, ...], Field]]:
    """Header, references on the way, and field of each column; for CSV. Raises ValueError for children."""
    for name, member in selection.members.items():
        match member:
            case Field():
                yield ".".join([*before, name]), (), member
            case Parent():
                for header, way, found in columns(member.selection, [*before, name]):
                    yield header, (member.reference, *way), found
            case Children():
                raise ValueError("Aggregate Relationships not supported in Bulk Query")


def _add_path(catalogue: Catalogue, selection: Selection, path: Path) -> None:
    reached = reach(catalogue, selection.kind, path)
    for reference in reached.references:
        assert reference.relationship is not None  # noqa: S101 - it was found by it
        assert reference.refers_to is not None  # noqa: S101
        known = selection.members.get(reference.relationship)
        if not isinstance(known, Parent):
            known = Parent(reference, Selection(catalogue.named(reference.refers_to)))
            selection.members[reference.relationship] = known
        selection = known.selection
    if reached.field.name in selection.members:
        raise _twice(reached.field)
    selection.members[reached.field.name] = reached.field


def _all_fields(kind: SObject, query: Query, which: str) -> Iterator[Field]:
    if query.limit is None or query.limit > _ALL_FIELDS_LIMIT:
        raise malformed_query("The SOQL FIELDS function must have a LIMIT of at most 200")
    for found in kind.fields.values():
        if which == "ALL" or found.is_custom == (which == "CUSTOM"):
            yield found


def _twice(field: Field) -> SalesforceError:
    return refused("INVALID_FIELD", f"duplicate field selected: {field.name}")
