"""What one request changed, for whoever announces it. How it is announced is `push`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from integration_pipeline.sandbox.salesforce.records.store import Record


class Action(StrEnum):
    """Values are those of a change event's `changeType`."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    UNDELETE = "UNDELETE"


@dataclass(frozen=True, slots=True)
class Change:
    """One record as it is now. `fields` are those that changed, empty values included."""

    action: Action
    record: Record
    fields: tuple[str, ...] = ()
