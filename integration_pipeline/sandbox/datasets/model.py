"""The shape of a demo data set: CRM objects before a CRM has given them ids.

Belongs here: objects, links between them by key, property definitions, later changes, the fingerprint.
Does not belong here: where the data come from (`generated`, `public`) or how they are written (`load`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

PROPERTY_GROUPS: Mapping[str, str] = {
    "deals": "dealinformation",
    "companies": "companyinformation",
    "contacts": "contactinformation",
    "line_items": "lineiteminformation",
    "products": "productinformation",
}


@dataclass(frozen=True, slots=True)
class PropertyDefinition:
    """A custom property to create on `object_type` (plural, HubSpot's spelling).

    `kind` is HubSpot's property type: string, number, date or enumeration; `options` belong to the last.
    """

    object_type: str
    name: str
    label: str
    kind: str = "string"
    options: tuple[str, ...] = ()
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """A CRM user who owns deals. `key` is what `CrmObject.references` calls it."""

    key: str
    email: str
    first_name: str
    last_name: str


@dataclass(frozen=True, slots=True)
class Link:
    """An object of the same data set: `object_type` plural ("companies", "owners"), `key` unique in it."""

    object_type: str
    key: str


@dataclass(frozen=True, slots=True)
class CrmObject:
    """One record to create.

    `properties` are the vendor's strings. `associations` become CRM associations. `references` are properties
    whose value is another object's CRM id (`hubspot_owner_id`, `hs_product_id`), known only after loading.
    """

    object_type: str
    key: str
    properties: Mapping[str, str]
    associations: tuple[Link, ...] = ()
    references: Mapping[str, Link] = field(default_factory=dict[str, Link])


@dataclass(frozen=True, slots=True)
class Change:
    """A patch of one object, made in the CRM after a first synchronisation."""

    object_type: str
    key: str
    properties: Mapping[str, str]
    why: str


@dataclass(frozen=True, slots=True)
class DataSet:
    """Everything a load writes, and what is known about it.

    `objects` stand in load order: an object follows all that it links to. `later_changes` are to be applied
    in order. `dirt` names, per kind of dirt, the deals that have it. `customers` says which real customer a
    company record is about, so that tests can tell duplicates from look-alikes.
    """

    name: str
    properties: tuple[PropertyDefinition, ...]
    owners: tuple[Owner, ...]
    objects: tuple[CrmObject, ...]
    later_changes: tuple[Change, ...] = ()
    dirt: Mapping[str, Sequence[str]] = field(default_factory=dict[str, tuple[str, ...]])
    customers: Mapping[str, str] = field(default_factory=dict[str, str])

    def of_type(self, object_type: str) -> tuple[CrmObject, ...]:
        """Objects of one type, in load order; `object_type` is plural ("deals")."""
        return tuple(item for item in self.objects if item.object_type == object_type)

    def to_json(self) -> str:
        """The whole data set as canonical JSON: sorted keys, no spaces, no escapes."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def fingerprint(self) -> str:
        """SHA-256 of `to_json`, in hex: equal for equal data on every Python version."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()
