"""Settings of one Salesforce org, and which of its objects is what to us.

Belongs here: what an operator may set, Salesforce's sizes. Does not belong here: calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.transport.addresses import encrypted_or_local
from integration_pipeline.transport.limits import DAY, Window

SOURCE = "salesforce"
CLIENT = "integration-pipeline"
"""How this connector signs its calls: change events of its own writes carry it in their `changeOrigin`."""

IDS_IN_A_QUERY = 200
QUERIES_IN_A_CALL = 5
"""Of the 25 calls in a composite request, so many may be queries."""
RECORDS_IN_A_WRITE = 200
DAYS_IN_RECYCLE_BIN = 15

OBJECTS: Mapping[ObjectType, str] = MappingProxyType(
    {
        ObjectType.DEAL: "Opportunity",
        ObjectType.COMPANY: "Account",
        ObjectType.CONTACT: "Contact",
        ObjectType.LINE_ITEM: "OpportunityLineItem",
        ObjectType.PRODUCT: "Product2",
    }
)
KINDS: Mapping[str, ObjectType] = MappingProxyType({name: kind for kind, name in OBJECTS.items()})
MERGED = frozenset({ObjectType.COMPANY, ObjectType.CONTACT})
"""Objects whose records may be merged: `MasterRecordId` then names the one that is left."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A field of a record that names another one."""

    field: str
    target: ObjectType


REFERENCES: Mapping[ObjectType, Reference] = MappingProxyType(
    {
        ObjectType.DEAL: Reference("AccountId", ObjectType.COMPANY),
        ObjectType.CONTACT: Reference("AccountId", ObjectType.COMPANY),
        ObjectType.LINE_ITEM: Reference("OpportunityId", ObjectType.DEAL),
    }
)
"""Links that are fields. Line items and contacts of a deal are records of their own (`soql`)."""


class SalesforceSettings(BaseModel):
    """One Salesforce org, and the app that reads it.

    `base_url` is the org's My Domain (`https://acme.my.salesforce.com`): log-in and API. The app logs
    in with its `consumer_secret` (client credentials flow) or, as `username`, with assertions signed by
    `private_key` (PEM; JWT bearer flow); `audience` is `https://test.salesforce.com` for a sandbox org.
    `overlap_minutes` covers transactions that are visible late. From `bulk_from` records on a first load
    takes the bulk API. `requests_per_day` is this connection's share of the org's 24-hour allowance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str
    consumer_key: str
    consumer_secret: SecretStr | None = None
    username: str | None = None
    private_key: SecretStr | None = None
    audience: str = "https://login.salesforce.com"
    api_version: Annotated[str, Field(pattern=r"^\d{2}\.0$")] = "67.0"
    page_size: Annotated[int, Field(ge=1, le=2_000)] = 2_000
    overlap_minutes: Annotated[int, Field(ge=0)] = 5
    bulk_from: Annotated[int, Field(ge=0)] = 20_000
    bulk_page: Annotated[int, Field(ge=1)] = 10_000
    bulk_minutes: Annotated[int, Field(ge=1)] = 60
    requests_per_day: Annotated[int, Field(ge=1)] | None = None
    parallel_reads: Annotated[int, Field(ge=1, le=16)] = 4

    @field_validator("base_url")
    @classmethod
    def _encrypted_or_local(cls, value: str) -> str:
        return encrypted_or_local(value)

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        signs = self.username is not None and self.private_key is not None
        if signs == (self.consumer_secret is not None):
            raise ValueError(
                "give either consumer_secret (client credentials) or username and private_key (JWT bearer)"
            )
        return self

    @property
    def root(self) -> str:
        """Where the API of the version is."""
        return f"/services/data/v{self.api_version}"

    def windows(self) -> tuple[Window, ...]:
        """Salesforce limits requests in 24 hours, and nothing shorter."""
        if self.requests_per_day is None:
            return ()
        return (Window(self.requests_per_day, DAY, name="daily"),)
