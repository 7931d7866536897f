"""Every request the sandbox got, held against Intuit's published names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from integration_pipeline_tests.vendors.xsd import Schemas

_PARAMETERS = frozenset({"minorversion", "requestid", "query", "entities", "changedSince"})
_LONGEST_REQUEST_ID = 50
_ENTITIES = {"invoice": "Invoice", "creditmemo": "CreditMemo", "payment": "Payment"} | {
    "purchase": "Purchase",
    "customer": "Customer",
}


def problems(requests: Sequence[Mapping[str, Any]], folder: Path) -> list[str]:
    """What no version of Intuit's API would know in these requests."""
    return [problem for each in requests for problem in _of(each, Schemas.of(folder))]


def _of(request: Mapping[str, Any], schemas: Schemas) -> Iterator[str]:
    asked = parse_qs(request["query"])
    yield from (f"the parameter {name} is unknown" for name in asked.keys() - _PARAMETERS)
    if any(len(each) > _LONGEST_REQUEST_ID for each in asked.get("requestid", [])):
        yield "the requestid is too long"
    if request["method"] != "POST" or not request["body"]:
        # A connection that was dropped before its body was read.
        return
    segment = str(request["path"]).rpartition("/")[2]
    body = json.loads(request["body"])
    if segment != "batch":
        yield from schemas.problems(_ENTITIES.get(segment) or segment, body)
        return
    for item in body["BatchItemRequest"]:
        if len(item["bId"]) > 10:
            yield "a bId has 10 characters at most"
        for name in item.keys() - {"bId", "operation"}:
            yield from schemas.problems(name, item[name])
