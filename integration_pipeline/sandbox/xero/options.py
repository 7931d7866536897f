"""What one Xero sandbox is made of: apps, organisations, limits, lifetimes. Defaults are Xero's figures."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from integration_pipeline.sandbox.frame import FrameOptions

_Ceiling = Annotated[int, Field(ge=0)]
_Seconds = Annotated[int, Field(ge=0)]
_Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
_Identifier = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Limits(_Given):
    """How much may be asked; None switches a limit off.

    `concurrent`, `per_minute` and `per_day` hold for one app at one organisation, `app_per_minute` for one
    app over all of them. `request_bytes` is the most a body may have. `duration_ms` of the sandbox pass while
    a call is in progress: the time in which it counts as concurrent.
    """

    concurrent: _Ceiling | None = 5
    per_minute: _Ceiling | None = 60
    per_day: _Ceiling | None = 5_000
    app_per_minute: _Ceiling | None = 10_000
    request_bytes: _Ceiling = 10_000_000
    duration_ms: _Ceiling = 0

    @classmethod
    def unlimited(cls) -> Limits:
        """No request limits, for loading data; the size of a request stays Xero's."""
        return cls(concurrent=None, per_minute=None, per_day=None, app_per_minute=None)


class Lifetimes(_Given):
    """In seconds of the sandbox. `grace` is how long a refresh token that was used can be retried."""

    access_token: _Seconds = 30 * 60
    refresh_token: _Seconds = 60 * 86_400
    grace: _Seconds = 30 * 60
    authorization_code: _Seconds = 5 * 60
    idempotency_key: _Seconds = 6 * 60


class App(_Given):
    """A registered app. One with `organisation` is a custom connection: it signs in by client credentials
    and sees that organisation alone. Without `redirect_uris` any on this machine is accepted.
    """

    client_id: str
    client_secret: SecretStr
    organisation: _Identifier | None = None
    redirect_uris: tuple[str, ...] = ()


class Tenant(_Given):
    """An organisation as it is when the sandbox is new.

    `rates` are Xero's day rates: units of a currency for one unit of the base currency. `tax_percent` is that
    of the standard rates on sales and purchases. A document may not be dated on or before a lock date.
    """

    id: _Identifier
    name: str
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = "NZ"
    base_currency: _Currency = "NZD"
    currencies: tuple[_Currency, ...] = ()
    rates: dict[str, Decimal] = Field(default_factory=dict)
    tax_percent: Decimal = Decimal(15)
    period_lock_date: date | None = None
    end_of_year_lock_date: date | None = None


class Options(FrameOptions):
    """The whole sandbox. `webhook_key` signs webhooks."""

    apps: tuple[App, ...]
    tenants: tuple[Tenant, ...]
    webhook_key: SecretStr = SecretStr("xero-sandbox-webhook-key")
    limits: Limits = Limits()
    lifetimes: Lifetimes = Lifetimes()
