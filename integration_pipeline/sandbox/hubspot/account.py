"""The state one sandbox account has while it runs: its storage, limits, webhooks and property definitions.

Definitions are kept in memory because every request needs them; `properties` changes them through here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from pydantic import TypeAdapter
from starlette.requests import Request

from integration_pipeline.sandbox.hubspot.limits import Limits, RateLimiter
from integration_pipeline.sandbox.hubspot.object_types import OBJECT_TYPES, ObjectType
from integration_pipeline.sandbox.hubspot.property_definitions import PropertyDefinition
from integration_pipeline.sandbox.hubspot.standard_properties import STANDARD_PROPERTIES
from integration_pipeline.sandbox.hubspot.storage import Storage
from integration_pipeline.sandbox.hubspot.webhooks.service import Webhooks

_STORED = TypeAdapter(PropertyDefinition)


class Account:
    def __init__(self, data_dir: Path, limits: Limits) -> None:
        self.storage = Storage(data_dir)
        self.limiter = RateLimiter(limits)
        self.webhooks = Webhooks(self.storage)
        self._definitions = self._load()

    def definitions(self, kind: ObjectType) -> Mapping[str, PropertyDefinition]:
        """All properties of an object type by name, archived ones included."""
        return self._definitions[kind.name]

    def save_definition(self, kind: ObjectType, definition: PropertyDefinition) -> None:
        """Add or replace a custom property."""
        self.storage.write(
            "INSERT OR REPLACE INTO custom_properties (type, name, definition) VALUES (?, ?, ?)",
            (kind.name, definition.name, _STORED.dump_json(definition).decode()),
        )
        self._definitions[kind.name][definition.name] = definition

    def reset(self) -> None:
        """Back to a new account; limits stay."""
        self.storage.reset()
        self.webhooks.reset()
        self._definitions = self._load()

    def _load(self) -> dict[str, dict[str, PropertyDefinition]]:
        definitions = {
            kind.name: {definition.name: definition for definition in STANDARD_PROPERTIES[kind.name]}
            for kind in OBJECT_TYPES
        }
        for kind_name, stored in self.storage.rows("SELECT type, definition FROM custom_properties"):
            definition = _STORED.validate_json(cast("str", stored))
            definitions[cast("str", kind_name)][definition.name] = definition
        return definitions


def account(request: Request) -> Account:
    """The account a request is made to."""
    return cast("Account", request.app.state.account)
