"""What one QuickBooks sandbox is made of: an app, its companies, limits, lifetimes. Defaults are Intuit's."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from integration_pipeline.sandbox.frame import FrameOptions

_Ceiling = Annotated[int, Field(ge=0)] | None
_Seconds = Annotated[int, Field(ge=0)]
_Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
_Rate = Annotated[Decimal, Field(gt=0)]


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Company(_Given):
    """A company of QuickBooks Online and the preferences that decide what its API takes.

    `tax`: `none`; `us` by the document's TxnTaxCodeRef; `automated` (US) computes tax from `sales_tax_rates`,
    percent by state of the ship-to address, whatever was sent; `global` by a tax code on each line.
    `exchange_rates` are home currency per one unit of a foreign one. `utc_offset` is how the company's times
    are written. Without `custom_numbers` documents that name no number get the next one.
    """

    realm_id: Annotated[str, StringConstraints(pattern=r"^\d{5,20}$")]
    name: str = "Sandbox Company"
    country: str = "US"
    home_currency: _Currency = "USD"
    multicurrency: bool = False
    exchange_rates: dict[_Currency, _Rate] = Field(default_factory=dict[str, Decimal])
    tax: Literal["none", "us", "automated", "global"] = "none"
    sales_tax_rates: dict[str, Decimal] = Field(default_factory=dict[str, Decimal])
    custom_numbers: bool = True
    refuse_duplicate_numbers: bool = True
    books_closed_to: date | None = None
    utc_offset: Annotated[str, StringConstraints(pattern=r"^[+-]\d\d:\d\d$")] = "-08:00"
    custom_fields: Annotated[tuple[str, ...], Field(max_length=3)] = ()

    @model_validator(mode="after")
    def _home_is_no_foreign_currency(self) -> Self:
        if self.home_currency in self.exchange_rates:
            raise ValueError(f"exchange_rates names the home currency {self.home_currency}")
        return self


class Limits(_Given):
    """How much may be asked on the sandbox's clock; None switches a limit off.

    `per_minute`, `batches_per_minute` are of a company, `per_second` of an app at a company. `throttle_form`
    is how a 429 is written: Intuit sends XML whatever was accepted.
    """

    per_minute: _Ceiling = 500
    per_second: _Ceiling = 10
    batches_per_minute: _Ceiling = 40
    batch_items: Annotated[int, Field(ge=1)] = 30
    throttle_form: Literal["xml", "json"] = "xml"

    @classmethod
    def unlimited(cls) -> Limits:
        """No request limits, for loading data; the size of a batch stays Intuit's."""
        return cls(per_minute=None, per_second=None, batches_per_minute=None)


class Lifetimes(_Given):
    """In seconds of the sandbox.

    The value of a refresh token changes with the first refresh after `refresh_value`, or with every one where
    that is 0. `refresh_ms` are ours: how long a refresh takes, in which a second one is refused;
    Intuit may revoke the first one's grant as well (`second_refresh_revokes`).
    `request_id` is how long an answer is replayed; None for ever, Intuit does not say.
    """

    access_token: _Seconds = 3_600
    refresh_token: _Seconds = 100 * 86_400
    refresh_hard: _Seconds = 5 * 365 * 86_400
    refresh_value: _Seconds = 86_400
    authorization_code: _Seconds = 300
    refresh_ms: Annotated[int, Field(ge=0, le=10_000)] = 20
    second_refresh_revokes: bool = False
    request_id: _Seconds | None = None


class Options(FrameOptions):
    """The app that clients log in as, and the companies its user may choose from.

    `webhook_form` is `cloudevents`, in force since 2026, or `legacy`. Without `redirect_uris` any is taken.
    """

    client_id: str = "sandbox-client"
    client_secret: SecretStr
    redirect_uris: tuple[str, ...] = ()
    webhook_verifier: SecretStr
    webhook_form: Literal["cloudevents", "legacy"] = "cloudevents"
    companies: Annotated[tuple[Company, ...], Field(min_length=1)] = (Company(realm_id="9130350000000001"),)
    limits: Limits = Limits()
    lifetimes: Lifetimes = Lifetimes()

    @model_validator(mode="after")
    def _realms_differ(self) -> Self:
        realms = [company.realm_id for company in self.companies]
        if len(set(realms)) < len(realms):
            raise ValueError("two companies have the same realm_id")
        return self
