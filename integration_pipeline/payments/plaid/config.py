"""Settings of one item of Plaid's, a login at a bank, with Plaid's documented limits as defaults.

Belongs here: what an operator may set. Does not belong here: calls.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from integration_pipeline.transport.addresses import encrypted_or_local
from integration_pipeline.transport.limits import Window

API_VERSION = "2020-09-14"
PAGE = 500
"""The most changes Plaid gives at a time."""
SYNC_BUCKET = "sync"


class PlaidClientSettings(BaseModel):
    """The client, which verifies webhooks and exchanges public tokens for all its items."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    client_id: str
    secret: SecretStr
    base_url: str = "https://production.plaid.com"
    requests_per_minute: Annotated[int, Field(ge=1)] = 2_500
    syncs_per_minute: Annotated[int, Field(ge=1)] = 50

    @field_validator("base_url")
    @classmethod
    def _encrypted_or_local(cls, value: str) -> str:
        return encrypted_or_local(value)

    def windows(self) -> tuple[Window, ...]:
        """https://plaid.com/docs/errors/rate-limit-exceeded: per client, and syncs per item."""
        return (
            Window(self.requests_per_minute, 60.0, whole_app=True),
            Window(self.syncs_per_minute, 60.0, SYNC_BUCKET),
        )


class PlaidSettings(PlaidClientSettings):
    """One item. `account_ids` are the bank accounts to read; None reads all of the item.

    `page_size` is how many changes are asked for at a time; `restarts` how often a sync that Plaid
    interrupts, because transactions changed meanwhile, is begun again.
    """

    access_token: SecretStr
    account_ids: frozenset[str] | None = None
    page_size: Annotated[int, Field(ge=1, le=PAGE)] = PAGE
    restarts: Annotated[int, Field(ge=0, le=100)] = 10
