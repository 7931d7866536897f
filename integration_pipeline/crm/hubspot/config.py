"""Settings of one HubSpot connection and the paths of the API version it speaks.

Belongs here: what an operator may set, HubSpot's documented limits as defaults. Does not belong here: calls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.transport.addresses import encrypted_or_local
from integration_pipeline.transport.limits import Window

SEARCH_BUCKET = "search"
LIST_PAGE = 100
BATCH_READ = 100
ASSOCIATION_BATCH = 1_000
OWNER_PAGE = 500
# Longer request lines were answered 414 (from about 8,000 characters).
LONGEST_PROPERTY_LIST = 6_000

TARGETS: Mapping[ObjectType, tuple[ObjectType, ...]] = MappingProxyType(
    {
        ObjectType.DEAL: (ObjectType.COMPANY, ObjectType.CONTACT, ObjectType.LINE_ITEM),
        ObjectType.CONTACT: (ObjectType.COMPANY,),
        # A deal does not count as modified when it gets a line item, so the line item has to name its deal.
        ObjectType.LINE_ITEM: (ObjectType.DEAL,),
    }
)
"""Which links a complete record of each type comes with."""

_PLURALS = {
    ObjectType.DEAL: "deals",
    ObjectType.COMPANY: "companies",
    ObjectType.CONTACT: "contacts",
    ObjectType.LINE_ITEM: "line_items",
    ObjectType.PRODUCT: "products",
}


class HubSpotSettings(BaseModel):
    """One HubSpot account. The limits default to a Professional or Enterprise private app's.

    `overlap_minutes` covers two things: new records become searchable only after a few moments, and our
    clock is not HubSpot's. `parallel_reads` are the calls under way at once: all that a deal needs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: SecretStr
    base_url: str = "https://api.hubapi.com"
    api_version: Annotated[str, Field(pattern=r"^(v3|20\d\d-(0[1-9]|1[0-2]))$")] = "v3"
    search_page_size: Annotated[int, Field(ge=1, le=200)] = 200
    overlap_minutes: Annotated[int, Field(ge=0)] = 5
    requests_per_ten_seconds: Annotated[int, Field(ge=1)] = 190
    searches_per_second: Annotated[int, Field(ge=1)] = 5
    parallel_reads: Annotated[int, Field(ge=1, le=16)] = 8

    @field_validator("base_url")
    @classmethod
    def _encrypted_or_local(cls, value: str) -> str:
        return encrypted_or_local(value)

    @property
    def account(self) -> str:
        """A name for whose limits these are: an app's in one account, which has a token of its own."""
        return f"app {hashlib.sha256(self.token.get_secret_value().encode()).hexdigest()[:12]}"

    def windows(self) -> tuple[Window, ...]:
        """Per app 190 calls in 10 s; search of its own 5 in 1 s."""
        return (
            Window(self.requests_per_ten_seconds, 10.0),
            Window(self.searches_per_second, 1.0, SEARCH_BUCKET),
        )

    def paths(self) -> Paths:
        return Paths(self.api_version)


@dataclass(frozen=True, slots=True)
class Paths:
    """Where things are in numbered (`/crm/v3/objects/…`) and dated (`/crm/objects/2026-09/…`) versions."""

    version: str

    def objects(self, kind: ObjectType) -> str:
        return f"{self._room('objects')}/{plural(kind)}"

    def object(self, kind: ObjectType, identifier: str) -> str:
        # An id is a number; whatever else somebody passes off as one must not become another path.
        return f"{self.objects(kind)}/{quote(identifier, safe='')}"

    def search(self, kind: ObjectType) -> str:
        return f"{self.objects(kind)}/search"

    def batch_read(self, kind: ObjectType) -> str:
        return f"{self.objects(kind)}/batch/read"

    def associations(self, source: ObjectType, target: ObjectType) -> str:
        # Associations carry labels only since v4; the other rooms never had a v4.
        room = self._room("associations").replace("/v3/", "/v4/")
        return f"{room}/{plural(source)}/{plural(target)}/batch/read"

    def properties(self, kind: ObjectType) -> str:
        return f"{self._room('properties')}/{plural(kind)}"

    def deal_pipelines(self) -> str:
        return f"{self._room('pipelines')}/deals"

    def owners(self) -> str:
        return f"{self._room('owners')}/"

    def _room(self, name: str) -> str:
        return f"/crm/v3/{name}" if self.version == "v3" else f"/crm/{name}/{self.version}"


def plural(kind: ObjectType) -> str:
    """HubSpot's name of an object type; ValueError for owners, which are no CRM objects there."""
    try:
        return _PLURALS[kind]
    except KeyError:
        raise ValueError(
            f"HubSpot has no CRM object type for {kind.value!r}; read owners with owners()"
        ) from None


def modified_property(kind: ObjectType) -> str:
    """The property that search filters modification times by; contacts have kept an older name."""
    return "lastmodifieddate" if kind is ObjectType.CONTACT else "hs_lastmodifieddate"
