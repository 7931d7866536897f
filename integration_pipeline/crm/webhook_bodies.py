"""What it takes to read a webhook's body, whoever sent it.

Belongs here: telling a fault without its value, bounds, keys made of what is told. Does not belong here: the
events themselves (`webhooks`), a vendor's fields (each connector's own).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from integration_pipeline.transport.json_types import JsonObject, JsonValue


def first_fault(error: ValidationError) -> str:
    """`field: what is wrong with it`, of the first. Names of fields are ours, and indices of a list; what the
    body held is not told.
    """
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


def key_of(told: JsonObject) -> str:
    """SHA-256 of what is told, in whatever order: the key of an event that has no id to rely on."""
    canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def deeper_than(value: JsonValue, levels: int) -> bool:
    """Whether lists and objects are within each other more than `levels` deep."""
    match value:
        # Nearly all of them, before the slower questions.
        case str() | int() | None:
            return False
        case Mapping():
            return levels == 0 or any(deeper_than(each, levels - 1) for each in value.values())
        case Sequence():
            return levels == 0 or any(deeper_than(each, levels - 1) for each in value)
        case _:
            return False
