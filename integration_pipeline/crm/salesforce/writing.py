"""Facts written back to fields of opportunities: what is sent, and what became of each deal.

Belongs here: values as Salesforce takes them, refusals of single deals. Does not belong here: what is written
when and into which field (the caller knows which fields of the org are ours).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.salesforce.api import SalesforceApi
from integration_pipeline.crm.salesforce.config import OBJECTS, RECORDS_IN_A_WRITE
from integration_pipeline.crm.salesforce.errors import LOCKED
from integration_pipeline.crm.salesforce.metadata import NUMBERS, FieldTypes
from integration_pipeline.crm.salesforce.soql import is_id
from integration_pipeline.crm.write_back import FieldValues, Refusal
from integration_pipeline.transport.failures import Rejected, clean
from integration_pipeline.transport.json_types import JsonObject, JsonValue
from integration_pipeline.transport.shapes import Json

_OPPORTUNITY = OBJECTS[ObjectType.DEAL]
_NO_COLUMN = re.compile(r"No such column '([A-Za-z]\w*)'", re.ASCII)
_NOT_WRITABLE = "INVALID_FIELD_FOR_INSERT_UPDATE"
_GONE = frozenset(
    {"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"}
)
_MAKE = "Make the field on Opportunity, and let the integration user edit it (field-level security)."
_LET_GO = "The opportunity was deleted, or this user may not see it; nothing has to be written to it."
_WAIT = "Somebody is writing the opportunity just now; the same is sent again later."
_RULE = "Change the opportunity, or the rule of the org that refuses this."
_NO_ID = Refusal("is no id of Salesforce", _LET_GO, gone=True)


class DealWriter:
    """Writes fields of opportunities through `api`; `types` tells which of them are numbers."""

    def __init__(self, api: SalesforceApi, types: FieldTypes) -> None:
        self._api = api
        self._types = types

    def update(self, changes: Mapping[str, FieldValues]) -> dict[str, Refusal]:
        """Set the fields, 200 deals a call; what was refused, by id. Raises for a call that failed."""
        refused = {each: _NO_ID for each in changes if not is_id(each)}
        ids = [each for each in changes if each not in refused]
        for start in range(0, len(ids), RECORDS_IN_A_WRITE):
            some = ids[start : start + RECORDS_IN_A_WRITE]
            refused.update(self._update(some, changes))
        return refused

    def _update(self, ids: Sequence[str], changes: Mapping[str, FieldValues]) -> dict[str, Refusal]:
        try:
            answers = self._api.update(
                [self._as_json(each, changes[each]) for each in ids], operation="deal.update"
            )
        except Rejected as rejected:
            # A field that is not there may spoil the request before any record is looked at.
            missing = frozenset(_NO_COLUMN.findall(rejected.vendor_message))
            if not missing:
                raise
            return dict.fromkeys(ids, Refusal(rejected.vendor_message, _MAKE, missing=missing))
        refusals = {each: _refusal(answer) for each, answer in zip(ids, answers, strict=True)}
        return {each: refusal for each, refusal in refusals.items() if refusal is not None}

    def _as_json(self, external_id: str, values: FieldValues) -> JsonObject:
        fields = {name: self._value(name, text) for name, text in values.items()}
        return {"attributes": {"type": _OPPORTUNITY}, "id": external_id, **fields}

    def _value(self, name: str, text: str | None) -> JsonValue:
        """A text as the JSON its field takes; what it cannot be is for Salesforce to refuse."""
        if text is None:
            return None
        kind = self._types.of(_OPPORTUNITY, name)
        if kind == "boolean" and text in ("true", "false"):
            return text == "true"
        if kind in NUMBERS:
            try:
                return Decimal(text)
            except InvalidOperation:
                return text
        return text


def _refusal(answer: Json) -> Refusal | None:
    if answer.field("success").flag():
        return None
    errors = answer.field("errors").items()
    if not errors:
        raise answer.field("errors").wrong("at least one error, since it was refused")
    code = errors[0].field("statusCode").text()
    said = clean("; ".join(each.field("message").text() for each in errors))
    reason = f"{said} ({clean(code)})"
    missing = set(_NO_COLUMN.findall(said))
    if code == _NOT_WRITABLE:
        missing |= {each.text() for each in errors[0].field("fields").items()}
    if missing:
        return Refusal(reason, _MAKE, missing=frozenset(missing))
    if code in _GONE:
        return Refusal(reason, _LET_GO, gone=True)
    return Refusal(reason, _WAIT, passing=True) if code == LOCKED else Refusal(reason, _RULE)
