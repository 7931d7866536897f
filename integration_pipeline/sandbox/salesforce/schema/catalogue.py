"""The objects of one org with its custom fields, which outlive a restart.

What the standard objects are is `standard`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic import Field as Bounded

from integration_pipeline.sandbox.salesforce.schema.fields import Choice, Field, FieldType, SObject
from integration_pipeline.sandbox.salesforce.schema.standard import standard_objects
from integration_pipeline.sandbox.storage import SqliteFile


class NewField(BaseModel):
    """A custom field, as an administrator makes it. `values` are a picklist's.

    A `reference` names the object it `refers_to`; it is reached as `<name without c>r`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    object: str
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}__c$")]
    type: Literal[
        "string", "textarea", "picklist", "multipicklist", "boolean", "int", "double", "currency", "percent",
        "date", "datetime", "email", "phone", "url", "reference",
    ] = "string"  # fmt: skip
    label: str = ""
    length: Annotated[int, Bounded(ge=1, le=131_072)] = 255
    precision: Annotated[int, Bounded(ge=1, le=18)] = 18
    scale: Annotated[int, Bounded(ge=0, le=17)] = 2
    values: tuple[str, ...] = ()
    restricted: bool = False
    required: bool = False
    external_id: bool = False
    unique: bool = False
    refers_to: str | None = None

    def as_field(self) -> Field:
        kind = FieldType(self.type)
        return Field(
            self.name,
            kind,
            self.label or self.name.removesuffix("__c").replace("_", " "),
            required=self.required,
            length=18 if kind is FieldType.REFERENCE else self.length,
            precision=self.precision,
            scale=0 if kind is FieldType.INT else self.scale,
            refers_to=self.refers_to,
            relationship=f"{self.name[:-1]}r" if kind is FieldType.REFERENCE else None,
            choices=tuple(Choice(value) for value in self.values),
            restricted=self.restricted,
            external_id=self.external_id,
            unique=self.unique,
        )


class Catalogue:
    """Objects by name in any case; custom fields are kept in `file` (table `custom_fields`)."""

    def __init__(self, file: SqliteFile, *, multi_currency: bool) -> None:
        self._file = file
        self._multi_currency = multi_currency
        self._objects = standard_objects(multi_currency=multi_currency)
        for (definition,) in file.rows("SELECT definition FROM custom_fields ORDER BY rowid"):
            self._take(NewField.model_validate_json(definition))

    @property
    def objects(self) -> tuple[SObject, ...]:
        return tuple(self._objects.values())

    def find(self, name: str) -> SObject | None:
        found = self._objects.get(name)
        if found is not None:
            return found
        wanted = name.lower()
        return next((each for each in self._objects.values() if each.name.lower() == wanted), None)

    def named(self, name: str) -> SObject:
        """An object that is there for sure."""
        return self._objects[name]

    def by_prefix(self, record_id: str) -> SObject | None:
        return next((each for each in self._objects.values() if each.prefix == record_id[:3]), None)

    def add(self, field: NewField) -> None:
        """Add or replace a custom field. Raises `KeyError` for an object the org has not."""
        self._take(field)
        self._file.write(
            "INSERT OR REPLACE INTO custom_fields (object, name, definition) VALUES (?, ?, ?)",
            (field.object, field.name, field.model_dump_json()),
        )
        if field.external_id or field.unique:
            # The names are checked by `NewField` and `_take`: an index takes no parameters.
            self._file.connection.execute(
                f"CREATE INDEX IF NOT EXISTS by_{field.object}_{field.name} ON records"
                f" (json_extract(body, '$.{field.name}')) WHERE type = '{field.object}'"
            )

    def reset(self) -> None:
        """Without custom fields."""
        self._file.write("DELETE FROM custom_fields")
        self._objects = standard_objects(multi_currency=self._multi_currency)

    def _take(self, field: NewField) -> None:
        self._objects[field.object] = self._objects[field.object].with_fields([field.as_field()])
