"""Settings of one Stripe account, with Stripe's documented limits as defaults.

Belongs here: what an operator may set. Does not belong here: calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from integration_pipeline.payments.movements import LinkKind
from integration_pipeline.transport.addresses import encrypted_or_local
from integration_pipeline.transport.limits import Window

API_VERSION = "2026-10-28.endive"
"""The version this connector is written for. Answers come in it whatever version the account has."""

PAGE = 100
"""The most objects Stripe gives at a time."""

BUCKETS = (
    "balance_transactions",
    "charges",
    "customers",
    "disputes",
    "events",
    "invoice_payments",
    "payment_intents",
    "payouts",
    "refunds",
)
"""Each resource is limited of its own."""

_NAMING: Mapping[str, LinkKind] = {
    "invoice_number": LinkKind.INVOICE_NUMBER,
    "invoice": LinkKind.INVOICE_NUMBER,
    "deal": LinkKind.DEAL,
    "deal_id": LinkKind.DEAL,
    "ledger_document": LinkKind.DOCUMENT,
    "document_id": LinkKind.DOCUMENT,
}


class StripeSettings(BaseModel):
    """One Stripe account.

    `naming` says which metadata keys name what; other keys are only texts that may name an invoice.
    `begin_on`: nothing before that day (in `time_zone`) is read. `overlap_seconds`: events may be listed a
    little later than they say they happened. `parallel_reads` are the calls under way at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    api_key: SecretStr
    base_url: str = "https://api.stripe.com"
    time_zone: str = "UTC"
    begin_on: date | None = None
    naming: Mapping[str, LinkKind] = _NAMING
    overlap_seconds: Annotated[int, Field(ge=0)] = 300
    requests_per_second: Annotated[int, Field(ge=1)] = 100
    requests_per_second_and_resource: Annotated[int, Field(ge=1)] = 25
    parallel_reads: Annotated[int, Field(ge=1, le=16)] = 8

    @field_validator("base_url")
    @classmethod
    def _encrypted_or_local(cls, value: str) -> str:
        return encrypted_or_local(value)

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"time_zone {value!r} is no zone of the tz database, as Europe/Berlin is"
            ) from error
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def begin(self) -> int:
        """Seconds since 1970 at which reading begins."""
        if self.begin_on is None:
            return 0
        return int(datetime.combine(self.begin_on, time.min, self.zone).astimezone(UTC).timestamp())

    def windows(self) -> tuple[Window, ...]:
        """https://docs.stripe.com/rate-limits: 100 calls a second of all, 25 of each endpoint, live."""
        each = self.requests_per_second_and_resource
        return (
            Window(self.requests_per_second, 1.0),
            *(Window(each, 1.0, bucket) for bucket in BUCKETS),
        )
