"""Fields and objects as types: what a field may hold, what it refers to.

Which objects there are is `standard`; what a value must look like is `records.values`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class FieldType(StrEnum):
    """Values are those of `describe`."""

    ID = "id"
    REFERENCE = "reference"
    STRING = "string"
    TEXTAREA = "textarea"
    PICKLIST = "picklist"
    MULTIPICKLIST = "multipicklist"
    BOOLEAN = "boolean"
    INT = "int"
    DOUBLE = "double"
    CURRENCY = "currency"
    PERCENT = "percent"
    DATE = "date"
    DATETIME = "datetime"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"


DOUBLES = frozenset({FieldType.DOUBLE, FieldType.CURRENCY, FieldType.PERCENT})
NUMBERS = DOUBLES | {FieldType.INT}
_LONG_TEXT = 255


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a picklist."""

    value: str
    label: str = ""
    default: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object.

    `writes` says whether it may be given on `create`, on `update`, on both, or on neither (empty).
    `relationship` is the name under which the record it refers to is reached; a `restricted` picklist takes
    no other values than its own.
    """

    name: str
    type: FieldType = FieldType.STRING
    label: str = ""
    required: bool = False
    writes: frozenset[str] = frozenset({"create", "update"})
    length: int = 255
    precision: int = 0
    scale: int = 0
    refers_to: str | None = None
    relationship: str | None = None
    choices: tuple[Choice, ...] = ()
    restricted: bool = False
    external_id: bool = False
    unique: bool = False
    calculated: bool = False

    @property
    def is_custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def is_filterable(self) -> bool:
        """Long text areas can be read, not searched."""
        return not (self.type is FieldType.TEXTAREA and self.length > _LONG_TEXT)


@dataclass(frozen=True, slots=True)
class ChildRelationship:
    """The records of `child` whose `reference` names a record of this object, as `name`.

    They are deleted along with it if it `cascades`.
    """

    child: str
    reference: str
    name: str
    cascades: bool = False


@dataclass(frozen=True, slots=True)
class SObject:
    """One object. `fields` are by name, in the order `describe` lists them."""

    name: str
    label: str
    plural: str
    prefix: str
    fields: Mapping[str, Field]
    children: tuple[ChildRelationship, ...] = ()
    writable: bool = True
    announced: bool = True
    _lower: Mapping[str, str] = field(default_factory=dict[str, str])

    def find(self, name: str) -> Field | None:
        """A field by its name in any case, as SOQL and JSON have it."""
        known = self._lower.get(name.lower())
        return None if known is None else self.fields[known]

    def reference(self, relationship: str) -> Field | None:
        """The field behind a relationship's name in any case: `account` is `AccountId`."""
        wanted = relationship.lower()
        return next(
            (each for each in self.fields.values() if (each.relationship or "").lower() == wanted), None
        )

    def relationship(self, name: str) -> ChildRelationship | None:
        wanted = name.lower()
        return next((each for each in self.children if each.name.lower() == wanted), None)

    def with_fields(self, more: Iterable[Field]) -> SObject:
        fields = {**self.fields, **{each.name: each for each in more}}
        return replace(self, fields=fields, _lower={name.lower(): name for name in fields})
