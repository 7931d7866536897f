"""What one imitated org is told when it starts."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field, SecretStr

from integration_pipeline.sandbox.frame import FrameOptions


class Options(FrameOptions):
    """Clients that may log in, limits, what kind of org it is.

    `public_key` (PEM) belongs to the certificate of the JWT bearer flow, whose assertions name `username` and
    `audience`. A session ends `session_seconds` after its last request. `requests_per_day` is the 24-hour
    allowance of API requests. `currencies` makes a multi-currency org, whose own is the first.
    `bulk_seconds` is how long a bulk job takes. `webhook_secret` signs change events sent by the relay.
    """

    organization_id: Annotated[str, Field(pattern=r"^00D[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?$")] = (
        "00DWx0000000001"
    )
    consumer_key: str = "3MVG9sandbox"
    consumer_secret: SecretStr = SecretStr("sandbox-consumer-secret")
    username: str = "integration@acme.example"
    public_key: str | None = None
    audience: str = "https://login.salesforce.com"
    session_seconds: Annotated[int, Field(ge=1)] = 7_200
    requests_per_day: Annotated[int, Field(ge=1)] = 100_000
    page: Annotated[int, Field(ge=1, le=2_000)] = 2_000
    open_cursors: Annotated[int, Field(ge=1)] = 10
    currencies: tuple[str, ...] = ()
    bulk_seconds: Annotated[Decimal, Field(ge=0)] = Decimal("0.1")
    webhook_secret: SecretStr = SecretStr("sandbox-relay-secret")
