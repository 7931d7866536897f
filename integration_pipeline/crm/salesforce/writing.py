"""Fields of deals written back: what became of each deal, one by one.

Belongs here: results of writes. Does not belong here: what is written (the caller knows which fields of the
org are ours).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from integration_pipeline.crm.salesforce.api import SalesforceApi
from integration_pipeline.crm.salesforce.config import RECORDS_IN_A_WRITE
from integration_pipeline.crm.salesforce.errors import LOCKED
from integration_pipeline.transport.failures import clean
from integration_pipeline.transport.json_types import JsonObject
from integration_pipeline.transport.shapes import Json

FieldValue: TypeAlias = str | int | bool | Decimal | None


@dataclass(frozen=True, slots=True)
class DealUpdate:
    """New values of some fields of a deal, by their API names. None empties a field."""

    external_id: str
    fields: Mapping[str, FieldValue]


@dataclass(frozen=True, slots=True)
class DealUpdated:
    """What became of one. Without a `problem` it is written; a `passing` one may be sent again."""

    external_id: str
    problem: str | None = None
    passing: bool = False


def update_deals(api: SalesforceApi, changes: Sequence[DealUpdate]) -> list[DealUpdated]:
    """Write the changes, 200 a call; their results in order. Raises the transport's failures for a call."""
    results: list[DealUpdated] = []
    for start in range(0, len(changes), RECORDS_IN_A_WRITE):
        some = changes[start : start + RECORDS_IN_A_WRITE]
        answers = api.update([_as_json(each) for each in some], operation="deal.update")
        results += [_result(change, answer) for change, answer in zip(some, answers, strict=True)]
    return results


def _as_json(change: DealUpdate) -> JsonObject:
    return {"attributes": {"type": "Opportunity"}, "id": change.external_id, **change.fields}


def _result(change: DealUpdate, answer: Json) -> DealUpdated:
    if answer.field("success").flag():
        return DealUpdated(change.external_id)
    errors = answer.field("errors").items()
    if not errors:
        raise answer.field("errors").wrong("at least one error, since it was refused")
    code = errors[0].field("statusCode").text()
    said = clean("; ".join(each.field("message").text() for each in errors))
    return DealUpdated(change.external_id, f"{said} ({clean(code)})", passing=code == LOCKED)
