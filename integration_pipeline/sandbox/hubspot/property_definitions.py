"""What a property is: its type, options, who may write it, and its JSON.

The properties HubSpot ships are in `standard_properties`; checking a value against a definition is `values`;
the endpoints are in `properties`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from integration_pipeline.sandbox.hubspot.clock import iso
from integration_pipeline.sandbox.hubspot.errors import JsonObject

PropertyType = Literal["string", "number", "date", "datetime", "enumeration", "bool"]


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    description: str = ""
    hidden: bool = False
    display_order: int = -1

    def as_json(self) -> JsonObject:
        return {
            "label": self.label,
            "value": self.value,
            "description": self.description,
            "displayOrder": self.display_order,
            "hidden": self.hidden,
        }


@dataclass(frozen=True, slots=True)
class PropertyDefinition:
    """One property of one object type.

    `calculated` values come from the sandbox, never from a client. `create_only` may be set when a record is
    created and not after (`createdate`). `external_options` means the options live elsewhere (owners).
    """

    name: str
    label: str
    type: PropertyType
    field_type: str
    group: str
    description: str = ""
    options: tuple[Option, ...] = ()
    unique: bool = False
    calculated: bool = False
    create_only: bool = False
    external_options: bool = False
    hubspot_defined: bool = False
    hidden: bool = False
    form_field: bool = False
    display_order: int = -1
    archived: bool = False
    created_ms: int = 0
    updated_ms: int = 0

    def as_json(self) -> JsonObject:
        body: JsonObject = {
            "updatedAt": iso(self.updated_ms),
            "createdAt": iso(self.created_ms),
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": [option.as_json() for option in self.options],
            "displayOrder": self.display_order,
            "calculated": self.calculated,
            "externalOptions": self.external_options,
            "archived": self.archived,
            "hasUniqueValue": self.unique,
            "hidden": self.hidden,
            "modificationMetadata": {
                "archivable": not self.hubspot_defined,
                "readOnlyDefinition": self.hubspot_defined,
                "readOnlyValue": self.calculated,
            },
            "formField": self.form_field,
        }
        if self.hubspot_defined:
            body["hubspotDefined"] = True
        if self.external_options:
            body["referencedObjectType"] = "OWNER"
        return body
