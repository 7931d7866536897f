"""HubSpot's own association types between the object types served, with their numbers and names.

Numbers as in HubSpot's client library (`AssociationType`). A type has a direction and an inverse, which
exists whenever it does. Labels an account defines itself are not served.
"""

from __future__ import annotations

from dataclasses import dataclass

from integration_pipeline.sandbox.hubspot.errors import HubSpotError, validation_error
from integration_pipeline.sandbox.hubspot.object_types import (
    COMPANIES,
    CONTACTS,
    DEALS,
    LINE_ITEMS,
    ObjectType,
)

CATEGORY = "HUBSPOT_DEFINED"


@dataclass(frozen=True, slots=True)
class AssociationType:
    """`primary` marks the one company of a record that counts as its own; such a link always comes with the
    unlabelled one beside it. `name` is what record reads show, `label` what the association reads show."""

    id: int
    inverse_id: int
    source: ObjectType
    target: ObjectType
    name: str
    primary: bool = False

    @property
    def label(self) -> str | None:
        return "Primary" if self.primary else None


def _pair(
    ids: tuple[int, int], kinds: tuple[ObjectType, ObjectType], *, suffix: str = "", primary: bool = False
) -> tuple[AssociationType, AssociationType]:
    (there, back), (one, other) = ids, kinds
    return (
        AssociationType(there, back, one, other, f"{one.singular}_to_{other.singular}{suffix}", primary),
        AssociationType(back, there, other, one, f"{other.singular}_to_{one.singular}{suffix}", primary),
    )


ASSOCIATION_TYPES = (
    *_pair((3, 4), (DEALS, CONTACTS)),
    *_pair((19, 20), (DEALS, LINE_ITEMS)),
    *_pair((5, 6), (DEALS, COMPANIES), primary=True),
    *_pair((341, 342), (DEALS, COMPANIES), suffix="_unlabeled"),
    *_pair((1, 2), (CONTACTS, COMPANIES), primary=True),
    *_pair((279, 280), (CONTACTS, COMPANIES), suffix="_unlabeled"),
)
TYPE_BY_ID = {kind.id: kind for kind in ASSOCIATION_TYPES}


def types_between(source: ObjectType, target: ObjectType) -> tuple[AssociationType, ...]:
    return tuple(t for t in ASSOCIATION_TYPES if t.source is source and t.target is target)


def default_type(source: ObjectType, target: ObjectType) -> AssociationType:
    """The unlabelled type; HubSpot's 400 when these object types cannot be linked."""
    for kind in types_between(source, target):
        if not kind.primary:
            return kind
    raise validation_error(f"No association type exists between {source.name} and {target.name}.")


def specified_type(category: str, type_id: int, source: ObjectType) -> AssociationType:
    """The type a client names, when it may start at `source`."""
    kind = TYPE_BY_ID.get(type_id)
    if category != CATEGORY or kind is None or kind.source is not source:
        raise invalid_type(category, type_id, source)
    return kind


def invalid_type(category: str, type_id: int, source: ObjectType) -> HubSpotError:
    return validation_error(f"{category} association type {type_id} does not start at {source.name}.")
