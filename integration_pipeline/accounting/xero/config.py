"""What the targets file says of a Xero organisation.

Belongs here: the fields, and Xero's documented limits as defaults. Does not belong here: calls, and whether
the organisation has what is named here (`problems`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from integration_pipeline.accounting.config import TargetConfig
from integration_pipeline.accounting.documents import DocumentTax
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.transport.limits import DAY, AtOnce, Limit, Window
from integration_pipeline.yaml_documents import Document

_AccountCode = Annotated[str, Field(pattern=r"^[^\s\"](.{0,8}[^\s\"])?$")]
_TaxType = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,50}$")]
_ContactId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class RevenueAccounts(Document):
    """Codes of accounts. 200 is Sales in the chart that Xero gives a new organisation.

    Nothing moves deferred revenue on in Xero by itself; without an account of its own it is sales at once.
    """

    on_invoice: _AccountCode = "200"
    deferred: _AccountCode | None = None

    def of(self, treatment: RevenueTreatment) -> str:
        """The account that lines of this treatment are booked to."""
        if treatment is RevenueTreatment.DEFERRED and self.deferred is not None:
            return self.deferred
        return self.on_invoice


class FeeAccount(Document):
    """Where a processor's fees go: the code of an expense account, and the contact that charges them."""

    account: _AccountCode
    contact: _ContactId
    tax_type: _TaxType = "NONE"


class MoneyAccount(Document):
    """Where money of one method comes in: the code of a bank account, or of one that takes payments.

    Without `fee` fees are left out: the account then has what customers paid, before fees.
    """

    account: _AccountCode
    fee: FeeAccount | None = None


class XeroConfig(TargetConfig):
    """One organisation; `account` is its tenant id.

    `taxes` names Xero's tax type for each of our taxes: `"GST 15": OUTPUT2`; of a line with two of them
    `"GST 5 + QST 9.975": TAX003`; where the customer owes the tax `"VAT 19 reverse charge": ZERORATED`.
    `untaxed` is that of lines without. `largest_tax_difference`: by how many minor units a line's tax may
    differ from what Xero would compute. `payments` names an account for each method. `currencies` are those
    billed in, which Xero has to know. `contact_prefix` is put before our references in contact numbers, for
    an organisation where another system uses numbers that look like them.

    Limits: 60 calls a minute, 5 at once, 5,000 a day; 1,000 a day on the Starter tier (vendor's
    documentation).
    """

    vendor: Literal["xero"]
    base_url: str = "https://api.xero.com"
    revenue: RevenueAccounts = RevenueAccounts()
    taxes: Mapping[str, _TaxType] = Field(default_factory=dict[str, str])
    untaxed: _TaxType = "NONE"
    largest_tax_difference: Annotated[int, Field(ge=0)] = 2
    payments: Mapping[str, MoneyAccount] = Field(default_factory=dict[str, MoneyAccount])
    currencies: tuple[Annotated[str, Field(pattern=r"^[A-Z]{3}$")], ...] = ()
    contact_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,20}$")] = ""
    page_size: Annotated[int, Field(ge=1, le=1_000)] = 1_000
    overlap_seconds: Annotated[int, Field(ge=0)] = 120
    quiet_seconds: Annotated[float, Field(ge=0)] = 60.0
    calls_per_minute: Annotated[int, Field(ge=1)] = 60
    calls_per_day: Annotated[int, Field(ge=1)] = 5_000
    calls_at_once: Annotated[int, Field(ge=1)] = 5

    def limits(self) -> tuple[Limit, ...]:
        """What Xero allows an app in one organisation."""
        return (
            # The ways of two calls to Xero differ by less; the usual 1.2 s would cost 2 % of the limit.
            Window(self.calls_per_minute, 60.0, name="minute", slack=0.5),
            Window(self.calls_per_day, DAY, name="day"),
            AtOnce(self.calls_at_once),
        )

    def tax_type(self, taxes: Sequence[DocumentTax]) -> str | None:
        """Xero's tax type for a line with these taxes; None if `taxes` does not name it."""
        return self.taxes.get(tax_name(taxes)) if taxes else self.untaxed


def tax_name(taxes: Sequence[DocumentTax]) -> str:
    """The taxes of a line as the targets file names them: `GST 5 + QST 9.975`."""
    return " + ".join(sorted(tax.label for tax in taxes))
