"""What the targets file says of a QuickBooks company.

Belongs here: the fields and Intuit's documented limits as defaults. Does not belong here: calls, whether the
company has what is named here (`checks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from integration_pipeline.accounting.config import TargetConfig
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.transport.limits import AtOnce, Limit, Window

RecordId: TypeAlias = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
"""The id of a record at QuickBooks, as its pages show it in the address."""

SalesTax: TypeAlias = Literal["by_document", "automated", "by_line"]
"""`by_document`: US without automated sales tax, one tax code for a document. `automated`: US, QuickBooks
computes the tax itself. `by_line`: everywhere else, a tax code on each line.
"""

BATCH_BUCKET = "batch"


class QuickBooksConfig(TargetConfig):
    """One company; `account` is its realm id.

    `items`: the service item of each revenue treatment (`on_invoice`, `deferred`), whose account is booked.
    `tax_codes`: the code of each tax, by name and percent (`VAT 20`), several on one line joined with ` + `;
    where the customer owes the tax `VAT 20 reverse charge`, whose code has 0 percent.
    `untaxed_code`: that of lines without tax, outside the US. `deposit_accounts`: where the money of a
    payment method (`stripe`, `plaid`) comes in; Undeposited Funds for one that is not named. Without
    `fee_account` fees of processors are left out, without `receivable_account` money given back is refused.
    Limits: 500 requests a minute and 10 a second, 40 batches a minute, of 30 items (vendor's documentation).
    `slowest_call_seconds`: after this long Intuit gives a request up.
    """

    vendor: Literal["quickbooks"]
    account: RecordId
    base_url: str = "https://quickbooks.api.intuit.com"
    home_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    items: Annotated[Mapping[RevenueTreatment, RecordId], Field(min_length=1)]
    sales_tax: SalesTax = "by_document"
    tax_codes: Mapping[str, RecordId] = {}
    untaxed_code: RecordId | None = None
    deposit_accounts: Mapping[str, RecordId] = {}
    fee_account: RecordId | None = None
    receivable_account: RecordId | None = None
    overlap_minutes: Annotated[int, Field(ge=0, le=1_440)] = 5
    slowest_call_seconds: Annotated[int, Field(ge=0, le=600)] = 120
    requests_per_minute: Annotated[int, Field(ge=1)] = 500
    requests_per_second: Annotated[int, Field(ge=1)] = 10
    batches_per_minute: Annotated[int, Field(ge=1)] = 40
    batch_size: Annotated[int, Field(ge=1, le=30)] = 30
    page_size: Annotated[int, Field(ge=2, le=1_000)] = 1_000

    def limits(self) -> tuple[Limit, ...]:
        """What Intuit allows an app in one company."""
        return (
            Window(self.requests_per_minute, 60.0, name="minute"),
            Window(self.requests_per_second, 1.0, name="second"),
            Window(self.batches_per_minute, 60.0, BATCH_BUCKET, name="batches"),
            AtOnce(10),
        )
