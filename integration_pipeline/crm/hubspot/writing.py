"""The HubSpot connector that writes properties of deals, and makes them where they are missing.

Belongs here: batches, what was refused of them, property definitions to create. Does not belong here: which
values are written when (`pipeline.write_back`), reading deals for billing (`source`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from prometheus_client import REGISTRY, CollectorRegistry

from integration_pipeline.crm.hubspot.answers import SOURCE, refuse_partial
from integration_pipeline.crm.hubspot.api import HubSpotApi
from integration_pipeline.crm.hubspot.config import BATCH_READ, HubSpotSettings
from integration_pipeline.crm.hubspot.errors import HUBSPOT_FAILURES
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.write_back import FieldType, FieldValues, Refusal, WantedField
from integration_pipeline.transport.client import BearerAuth, RetryPolicy, TimeLimits, VendorClient
from integration_pipeline.transport.clock import Clock
from integration_pipeline.transport.failures import Rejected, clean
from integration_pipeline.transport.json_types import JsonObject, JsonValue, parse_json
from integration_pipeline.transport.limits import Limiter
from integration_pipeline.transport.metrics import VendorMetrics
from integration_pipeline.transport.rate_limit import RateLimiter
from integration_pipeline.transport.shapes import Json

DEALS_IN_A_CALL: Final = 100

_TYPES: Mapping[FieldType, tuple[str, str]] = {
    FieldType.TEXT: ("string", "text"),
    FieldType.LONG_TEXT: ("string", "textarea"),
    FieldType.NUMBER: ("number", "number"),
    FieldType.DATE: ("date", "date"),
    FieldType.CHOICE: ("enumeration", "select"),
}
_UNWRITABLE: Final = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"})
_LISTED: Final = re.compile(r"Property values were not valid: (\[.*\])", re.DOTALL)
_NO_SUCH_DEAL: Final = "OBJECT_NOT_FOUND"
_GONE: Final = Refusal(
    "HubSpot has no such deal any more",
    "Nothing to do, unless the deal was deleted by mistake: then restore it from HubSpot's recycle bin.",
    gone=True,
)
_UNCONFIRMED: Final = Refusal(
    "HubSpot confirmed every deal of the call but this one",
    "Look at the deal in HubSpot: it may have been merged into another.",
)


class HubSpotWriter:
    """Writes deals of one HubSpot account; a `CrmWriter` and a `FieldMaker`. Close it or use it as a context
    manager.

    The app needs the scopes `crm.objects.deals.write` and, to read and make properties,
    `crm.schemas.deals.read` and `crm.schemas.deals.write`. `limiter` shares the app's allowance with whoever
    else calls.
    """

    name = SOURCE
    deals_in_a_call = DEALS_IN_A_CALL

    def __init__(
        self,
        settings: HubSpotSettings,
        *,
        limiter: Limiter | None = None,
        retries: RetryPolicy | None = None,
        time_limits: TimeLimits | None = None,
        registry: CollectorRegistry = REGISTRY,
        clock: Clock | None = None,
    ) -> None:
        self._client = VendorClient(
            SOURCE,
            settings.base_url,
            auth=BearerAuth(settings.token),
            failures=HUBSPOT_FAILURES,
            limiter=limiter or RateLimiter(settings.windows(), clock),
            retries=retries,
            time_limits=time_limits,
            registry=registry,
            clock=clock,
        )
        self._api = HubSpotApi(self._client, settings)
        paths = settings.paths()
        self._update = f"{paths.objects(ObjectType.DEAL)}/batch/update"
        self._properties = paths.properties(ObjectType.DEAL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    @property
    def metrics(self) -> VendorMetrics:
        return self._client.metrics

    def update_deals(self, changes: Mapping[str, FieldValues]) -> dict[str, Refusal]:
        """Set properties, 100 deals a call; the refusals by deal. An unknown deal is among them."""
        refusals: dict[str, Refusal] = {}
        ids = list(changes)
        for start in range(0, len(ids), DEALS_IN_A_CALL):
            refusals |= self._update_some({each: changes[each] for each in ids[start:][:DEALS_IN_A_CALL]})
        return refusals

    def read_deals(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, FieldValues]:
        found: dict[str, FieldValues] = {}
        for start in range(0, len(ids), BATCH_READ):
            records = self._api.batch_read(ObjectType.DEAL, ids[start : start + BATCH_READ], fields)
            found |= {record.external_id: record.properties for record in records if not record.archived}
        return found

    def writable_fields(self) -> frozenset[str]:
        answer = self._client.read("GET", self._properties, operation="deal.properties").json()
        return frozenset(
            each.field("name").text() for each in answer.field("results").items() if _is_writable(each)
        )

    def create_fields(self, wanted: Sequence[WantedField]) -> None:
        """Raises `Unauthorized` if the app lacks `crm.schemas.deals.write`, `Rejected` for a property that
        HubSpot does not make; others of the call exist then.
        """
        if not wanted:
            return
        inputs = [_definition(each) for each in wanted]
        reply = self._client.write(
            "POST",
            f"{self._properties}/batch/create",
            operation="deal.properties.create",
            json={"inputs": inputs},
        )
        refuse_partial(reply.json())

    def _update_some(self, changes: Mapping[str, FieldValues]) -> dict[str, Refusal]:
        inputs: list[JsonObject] = [
            {
                "id": deal,
                # A trace id each lets HubSpot judge them one by one; without, one refusal is all of theirs.
                "objectWriteTraceId": deal,
                "properties": {name: value or "" for name, value in values.items()},
            }
            for deal, values in changes.items()
        ]
        try:
            answer = self._client.write(
                "POST", self._update, operation="deal.update", json={"inputs": inputs}, idempotent=True
            ).json()
        except Rejected as refusal:
            if refusal.status != 400:
                raise
            return self._refused_as_a_whole(changes, refusal)
        confirmed = {
            (each.optional("objectWriteTraceId") or each.field("id")).identifier()
            for each in answer.field("results").items()
        }
        refusals: dict[str, Refusal] = {}
        errors = answer.optional("errors")
        for error in errors.items() if errors else []:
            concerned, refusal = _read_error(error)
            refusals |= dict.fromkeys(set(concerned) & set(changes), refusal)
        unconfirmed = set(changes) - confirmed - set(refusals)
        return refusals | dict.fromkeys(unconfirmed, _UNCONFIRMED)

    def _refused_as_a_whole(
        self, changes: Mapping[str, FieldValues], refusal: Rejected
    ) -> dict[str, Refusal]:
        """Who is at fault, where HubSpot does not say: a property that all name, or some of the deals."""
        named = {name for values in changes.values() for name in values}
        if missing := named - self.writable_fields():
            return dict.fromkeys(changes, _missing(missing))
        if len(changes) == 1:
            return dict.fromkeys(changes, Refusal(refusal.vendor_message or refusal.problem, refusal.action))
        ids = list(changes)
        half = len(ids) // 2
        return {
            deal: each
            for some in (ids[:half], ids[half:])
            for deal, each in self._update_some({deal: changes[deal] for deal in some}).items()
        }


def _is_writable(definition: Json) -> bool:
    calculated = definition.optional("calculated")
    metadata = definition.optional("modificationMetadata")
    read_only = metadata.optional("readOnlyValue") if metadata else None
    return not (calculated and calculated.flag()) and not (read_only and read_only.flag())


def _definition(field: WantedField) -> JsonObject:
    kind, field_type = _TYPES[field.type]
    body: dict[str, JsonValue] = {
        "name": field.name,
        "label": field.label,
        "type": kind,
        "fieldType": field_type,
        "groupName": "dealinformation",
        "description": field.description,
    }
    if field.options:
        body["options"] = [
            {"label": option, "value": option, "displayOrder": order, "hidden": False}
            for order, option in enumerate(field.options)
        ]
    return body


def _read_error(error: Json) -> tuple[list[str], Refusal]:
    """The deals that an entry of `errors` is about, and what it says of them."""
    context = error.optional("context")
    category = error.optional("category")
    concerned = [
        each.identifier()
        for name in ("objectWriteTraceId", "ids")
        if context and (named := context.optional(name))
        for each in named.items()
    ]
    if category and category.value == _NO_SUCH_DEAL:
        return concerned, _GONE
    if missing := set(_unwritable(error)):
        return concerned, _missing(missing)
    said = clean(error.field("message").text())
    return concerned, Refusal(f'HubSpot refused the values: "{said}"', "Mend what HubSpot names.")


def _missing(names: set[str]) -> Refusal:
    listed = ", ".join(sorted(names))
    return Refusal(
        f"deals in HubSpot have no property {listed} that takes a value",
        "Make it with `write-back properties --create`, or take it out of `write_back` in the mapping.",
        missing=frozenset(names),
    )


def _unwritable(error: Json) -> Iterator[str]:
    """Properties that do not exist or take no value: named one by one, or only in the text of the message."""
    details = error.optional("errors")
    for detail in details.items() if details else []:
        code, context = detail.optional("code"), detail.optional("context")
        named = context.optional("propertyName") if context else None
        if code and code.value in _UNWRITABLE and named:
            yield from (each.text() for each in named.items())
    message = error.optional("message")
    listed = _LISTED.search(message.text()) if message else None
    if listed is None:
        return
    try:
        found = Json(parse_json(listed[1].encode()), error.attempted, f"{error.at}.message")
    except ValueError:
        return
    for detail in found.items():
        code = detail.optional("error")
        if code and code.value in _UNWRITABLE:
            yield detail.field("name").text()
