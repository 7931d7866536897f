"""One call of the REST API, whether it came by itself or as a part of a composite request.

Belongs here: what a call is and how its JSON is read. Which resource it is for is `table`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from integration_pipeline.sandbox.salesforce.errors import json_error, not_found, refused
from integration_pipeline.sandbox.salesforce.org import Org
from integration_pipeline.sandbox.salesforce.rendering import Value
from integration_pipeline.sandbox.salesforce.schema.fields import SObject

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """`path` is what follows `root` (`/services/data/v67.0`); header names are lower case.

    `body` is parsed JSON in a composite request, else the bytes that came.
    """

    org: Org
    method: str
    root: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: object
    captured: tuple[str, ...] = ()

    def parsed(self) -> object:
        """The body as JSON. Raises the 400 of a body that is none."""
        if not isinstance(self.body, bytes):
            return self.body
        try:
            return json.loads(self.body or b"null", parse_float=Decimal)
        except (ValueError, RecursionError):
            raise json_error("Unexpected character at [line:1, column:1]") from None

    def object(self) -> Json:
        """The body as an object."""
        return as_object(self.parsed())

    def kind(self, name: str) -> SObject:
        """The object a path names. Raises the 404 of one that is not there."""
        found = self.org.catalogue.find(name)
        if found is None:
            raise not_found()
        return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer; without a body it is empty. A `text` is CSV."""

    body: Value = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    text: str | None = None


def as_object(value: object) -> Json:
    if not isinstance(value, Mapping):
        raise json_error("The HTTP entity body is required, but this request has no entity body.")
    return cast("Json", value)


def as_list(value: object, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise refused("INVALID_INPUT", f"{name} must be an array")
    return cast("list[Any]", value)


def flag(value: object) -> bool:
    """`allOrNone` in a body or a URL."""
    return value is True or (isinstance(value, str) and value.lower() == "true")
