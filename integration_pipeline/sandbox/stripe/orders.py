"""What may be ordered to happen in the account, as bodies of `/_sandbox`; what it does is `admin`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from integration_pipeline.sandbox.stripe import disputes

_Amount = Annotated[int, Field(ge=1)]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Payer(_Told):
    name: str | None = None
    email: str | None = None


class Towards(_Told):
    """So much of a payment for an invoice, named by its Stripe id or its number."""

    invoice: str
    amount: _Amount


class NewPayment(_Told):
    """A payment that succeeds, or with `method` bank_debit one that is under way.

    `customer` is an id; `payer` makes a customer of that name, or takes the one with that email. `invoice`
    gets all of it, `invoices` a part each. `fee` is 2.9 % and 30 unless given. With `settle_currency` and
    `exchange_rate` it reaches the balance in another currency. `delayed`: its balance transaction comes only
    with `/payments/{charge}/settle`.
    """

    amount: _Amount
    currency: Annotated[str, Field(pattern="^[a-z]{3}$")] = "usd"
    customer: str | None = None
    payer: Payer | None = None
    invoice: str | None = None
    invoices: tuple[Towards, ...] = ()
    description: str | None = None
    statement_descriptor: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    fee: Annotated[int, Field(ge=0)] | None = None
    settle_currency: Annotated[str, Field(pattern="^[a-z]{3}$")] | None = None
    exchange_rate: Annotated[Decimal, Field(gt=0)] | None = None
    delayed: bool = False
    method: Literal["card", "bank_debit"] = "card"


class NewRefund(_Told):
    charge: str
    amount: _Amount | None = None
    reason: str | None = None
    pending: bool = False


class NewDispute(_Told):
    charge: str
    amount: _Amount | None = None
    reason: str = "general"
    fee: Annotated[int, Field(ge=0)] = disputes.FEE


class EndOfDispute(_Told):
    outcome: Literal["won", "lost"]
    fee_returned: Annotated[int, Field(ge=0)] = 0


class NewPayout(_Told):
    """The automatic payout of a currency; `paid` unless it is to stay under way."""

    currency: Annotated[str, Field(pattern="^[a-z]{3}$")] = "usd"
    with_pending: bool = False
    paid: bool = True


class NewFee(_Told):
    """A charge of Stripe's own, of which no event tells."""

    amount: _Amount
    currency: Annotated[str, Field(pattern="^[a-z]{3}$")] = "usd"
    description: str = "Billing - Usage Fee"


class NewSecret(_Told):
    secret: SecretStr
    expires_seconds: Annotated[int, Field(ge=0)] = 86_400
