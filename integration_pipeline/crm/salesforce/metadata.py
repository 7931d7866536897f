"""What Salesforce says about its own data: fields, picklists, stages; and which of them are numbers.

`describe` is asked once an object, and again when somebody wants to see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

NUMBERS = frozenset({"double", "currency", "percent", "int"})
"""Types of fields that hold numbers."""


@dataclass(frozen=True, slots=True)
class FieldOption:
    """One active value of a picklist: `value` is stored, `label` is shown to people."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """One field of an object. `type` is Salesforce's: string, currency, double, date, picklist, reference, …

    `writable`: this user may change it. `refers_to` is the object it refers to, whose fields are reached by
    `relationship` and a dot.
    """

    name: str
    label: str
    type: str
    options: tuple[FieldOption, ...] = ()
    custom: bool = False
    writable: bool = False
    calculated: bool = False
    unique: bool = False
    relationship: str | None = None
    refers_to: str | None = None


@dataclass(frozen=True, slots=True)
class DealStage:
    """One stage of the sales process."""

    id: str
    label: str
    is_closed: bool
    is_won: bool


@dataclass(slots=True)
class FieldTypes:
    """Types of fields by path (`Account.Name`); `describe` gives the fields of an object."""

    describe: Callable[[str], list[FieldDefinition]]
    _known: dict[str, Mapping[str, FieldDefinition]] = field(
        default_factory=dict[str, Mapping[str, FieldDefinition]]
    )

    def of(self, entity: str, path: str) -> str:
        """The type of what a path from `entity` leads to; empty if Salesforce does not know it."""
        head, _, rest = path.partition(".")
        fields = self._fields(entity)
        if not rest:
            found = fields.get(head.lower())
            return "" if found is None else found.type
        for each in fields.values():
            if (each.relationship or "").lower() == head.lower() and each.refers_to is not None:
                return self.of(each.refers_to, rest)
        return ""

    def learn(self, entity: str, fields: Iterable[FieldDefinition]) -> None:
        """Take what was just described."""
        self._known[entity] = {each.name.lower(): each for each in fields}

    def _fields(self, entity: str) -> Mapping[str, FieldDefinition]:
        if entity not in self._known:
            self.learn(entity, self.describe(entity))
        return self._known[entity]
