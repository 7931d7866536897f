"""A document on its way to an accounting target, as every target gets it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.billing.money import Money, round_to_minor

REVERSE_CHARGE = " reverse charge"
"""How the name of a tax ends in a targets file where the customer owes it: `VAT 19 reverse charge`."""


class DocumentKind(StrEnum):
    """What is posted."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One line, net of tax; positive as a rule on credit notes too: the kind gives the direction."""

    description: str
    amount: Money
    revenue: RevenueTreatment
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DocumentTax:
    """One tax of a document: `percent` of `base`, rounded; signed as the lines are."""

    name: str
    percent: Decimal
    base: Money
    amount: Money

    @property
    def is_reverse_charge(self) -> bool:
        """Whether the customer owes it: it comes to something, and nothing of it is charged."""
        if self.amount:
            return False
        return bool(
            round_to_minor(
                Fraction(self.base.to_decimal()) * Fraction(self.percent) / 100, self.base.currency
            )
        )

    @property
    def charged_percent(self) -> Decimal:
        """The percent that is on the document: none of a tax the customer owes."""
        return Decimal(0) if self.is_reverse_charge else self.percent

    @property
    def label(self) -> str:
        """How a targets file names it: `VAT 19`, `VAT 19 reverse charge`."""
        return f"{self.name} {self.percent.normalize():f}{REVERSE_CHARGE if self.is_reverse_charge else ''}"


@dataclass(frozen=True, slots=True)
class ClaimedDocument:
    """A document whose posting intent the poster holds under `fencing_token`. Dates are civil dates.

    `total` is what the customer owes, or is owed: the lines and the taxes.
    """

    intent_id: int
    fencing_token: int
    entity: str
    kind: DocumentKind
    document_key: str
    document_reference: str
    customer_id: int
    customer_name: str
    deal_key: str
    issue_date: date
    due_date: date
    purchase_order: str | None
    reverses_number: str | None
    total: Money
    lines: tuple[DocumentLine, ...]
    taxes: tuple[DocumentTax, ...] = ()
