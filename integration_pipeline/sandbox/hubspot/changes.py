"""What a write changed, as facts: the records and links tell, webhooks listen.

A fact is announced to `Storage` in the transaction that makes it true. Who hears of it, and in which words,
is not here (`webhooks`). Times are epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integration_pipeline.sandbox.hubspot.object_types import ObjectType


@dataclass(frozen=True, slots=True)
class Created:
    """A new record with the values it came with."""

    kind: ObjectType
    record_id: int
    at_ms: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Updated:
    """Values of a record that are others now, "" for a cleared one."""

    kind: ObjectType
    record_id: int
    at_ms: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Archived:
    kind: ObjectType
    record_id: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Merged:
    """`record_id` stays, `merged_id` is archived; `moved` properties were taken over from it."""

    kind: ObjectType
    record_id: int
    merged_id: int
    at_ms: int
    moved: int


@dataclass(frozen=True, slots=True)
class Linked:
    """A link from `source_id`, or one type of it, came or went. Each direction is a fact of its own."""

    source: ObjectType
    target: ObjectType
    source_id: int
    target_id: int
    at_ms: int
    primary: bool
    removed: bool


Change = Created | Updated | Archived | Merged | Linked
