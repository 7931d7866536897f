"""What a billing schedule consists of: planned documents, their lines, and their stable JSON.

Belongs here: the result types of billing, totals, serialisation, content hashes. Does not belong here:
deciding what is billed when (`schedule`), document numbers, posting.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from integration_pipeline.billing.explanation import Explanation
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.tax.results import TaxableLine
from integration_pipeline.billing.terms import ContractTerms


class RevenueTreatment(StrEnum):
    """When a line's amount becomes revenue."""

    ON_INVOICE = "on_invoice"
    """On the issue date: the service has been given, or there is no service period."""
    DEFERRED = "deferred"
    """Over the days of the service period, from a deferred revenue account."""


class DocumentKind(StrEnum):
    """What a planned document is to the customer."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class LineKind(StrEnum):
    """Why a line is there."""

    CHARGE = "charge"
    CREDIT = "credit"
    """What an amendment takes back of an earlier line; negative where that was positive."""
    TRUE_UP = "true_up"
    """Up to a minimum, or down to a maximum."""
    ADJUSTMENT = "adjustment"
    """Usage that became known after its period was invoiced."""
    ROUNDING = "rounding"
    """A minor unit that moved between parts of a period when an amendment cut it elsewhere."""


class Basis(Protocol):
    """What a line was computed from; the words are made when somebody asks for them."""

    def explain(self) -> Explanation:
        """The whole way from the terms to the amount."""
        ...


@dataclass(frozen=True, slots=True)
class LineTax:
    """One tax on one line: `percent` of `base`. On the document, a line's taxes are a share of its total."""

    name: str
    percent: Decimal
    base: Money
    amount: Money


class PlannedLine(NamedTuple):
    """One charge, or one correction of it, on one document.

    `amount` is net of tax. `quantity` and `unit_price` are the contract's, before discount and proration:
    their product need not be `amount`, and the explanation shows the way from one to the other. `unit_price`
    is None where a price model has several. `taxable` is what its taxes were computed from, so that a
    document of other lines can compute them anew; None on a document without tax.
    """

    charge_id: str
    description: str
    kind: LineKind
    service_period: Period | None
    quantity: Decimal
    unit_price: Decimal | None
    amount: Money
    revenue: RevenueTreatment
    basis: Basis
    discount_percent: Decimal = Decimal(0)
    product_code: str | None = None
    taxes: tuple[LineTax, ...] = ()
    taxable: TaxableLine | None = None

    @property
    def explanation(self) -> Explanation:
        """Why the line says what it says, for a person with a calculator."""
        return self.basis.explain()

    @property
    def tax(self) -> Money:
        """All taxes of the line."""
        return Money(sum(tax.amount.minor for tax in self.taxes), self.amount.currency)


@dataclass(frozen=True, slots=True)
class PlannedInvoice:
    """Everything a contract bills, or takes back, on `issue_date` in one document; `lines` is never empty.

    Amounts are signed: a credit note's total is negative. `total` is the sum of the lines before tax, `taxes`
    the tax of the document by rate, `payable` both together. An invoice's total may be negative only where
    the contract's own prices are.
    """

    issue_date: date
    due_date: date
    lines: tuple[PlannedLine, ...]
    total: Money
    kind: DocumentKind = DocumentKind.INVOICE
    taxes: tuple[LineTax, ...] = ()

    @property
    def tax(self) -> Money:
        """All taxes of the document."""
        return Money(sum(tax.amount.minor for tax in self.taxes), self.total.currency)

    @property
    def payable(self) -> Money:
        """What the customer owes, or is owed: total and tax."""
        return self.total + self.tax

    def content_hash(self) -> str:
        """SHA-256 over what the customer and the books see: dates, lines, amounts.

        Explanations are left out and decimals normalised: a reworded rule, or 120.0 becoming 120.00 in the
        CRM, changes no invoice.
        """
        content = {
            "kind": self.kind.value,
            "issue_date": self.issue_date.isoformat(),
            "due_date": self.due_date.isoformat(),
            "lines": [
                {
                    **_line_as_json(line),
                    "quantity": _normalised(line.quantity),
                    "unit_price": line.unit_price and _normalised(line.unit_price),
                    "discount_percent": _normalised(line.discount_percent),
                }
                for line in self.lines
            ],
            "total": _money_as_json(self.total),
            "taxes": [_tax_as_json(tax) for tax in self.taxes],
        }
        return hashlib.sha256(_stable_json(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BillingSchedule:
    """All planned documents of a contract, by rising issue date, invoices before credit notes.

    `terms_hash` and `policies` say from what and how it was made: the same two always give the same bytes.
    """

    terms: ContractTerms
    policies: Policies
    invoices: tuple[PlannedInvoice, ...]

    @property
    def contract_id(self) -> str:
        """Of the contract that is billed."""
        return self.terms.contract_id

    @property
    def currency(self) -> str:
        """Of all amounts."""
        return self.terms.currency

    @property
    def terms_hash(self) -> str:
        """SHA-256 of the terms, amendments included."""
        return self.terms.terms_hash

    @property
    def total(self) -> Money:
        """Everything the contract bills less what it credits, before tax."""
        return Money(sum(invoice.total.minor for invoice in self.invoices), self.currency)

    @property
    def lines(self) -> tuple[PlannedLine, ...]:
        """The lines of all documents, in their order."""
        return tuple(line for invoice in self.invoices for line in invoice.lines)

    def to_json(self) -> str:
        """Byte for byte equal for equal schedules.

        Money as `{"minor": 1250, "currency": "USD"}`, decimals as strings with the places the contract
        states, dates as ISO 8601, periods as `{"start", "end"}` with an exclusive end.
        """
        # Full periods of a charge share one basis, so each is turned into words once.
        explanations: dict[int, dict[str, Any]] = {}
        invoices: list[dict[str, Any]] = []
        for invoice in self.invoices:
            lines: list[dict[str, Any]] = []
            for line in invoice.lines:
                key = id(line.basis)
                if key not in explanations:
                    explanations[key] = line.explanation.as_json()
                lines.append({**_line_as_json(line), "explanation": explanations[key]})
            invoices.append(
                {
                    "kind": invoice.kind.value,
                    "issue_date": invoice.issue_date.isoformat(),
                    "due_date": invoice.due_date.isoformat(),
                    "lines": lines,
                    "total": _money_as_json(invoice.total),
                    "taxes": [_tax_as_json(tax) for tax in invoice.taxes],
                    "payable": _money_as_json(invoice.payable),
                }
            )
        return _stable_json(
            {
                "contract_id": self.contract_id,
                "terms_hash": self.terms_hash,
                "currency": self.currency,
                "policies": self.policies.as_json(),
                "invoices": invoices,
            }
        )


def _line_as_json(line: PlannedLine) -> dict[str, Any]:
    period = line.service_period
    return {
        "charge_id": line.charge_id,
        "description": line.description,
        "kind": line.kind.value,
        "service_period": period and {"start": period.start.isoformat(), "end": period.end.isoformat()},
        "quantity": f"{line.quantity:f}",
        "unit_price": None if line.unit_price is None else f"{line.unit_price:f}",
        "discount_percent": f"{line.discount_percent:f}",
        "amount": _money_as_json(line.amount),
        "taxes": [_tax_as_json(tax) for tax in line.taxes],
        "revenue": line.revenue.value,
        "product_code": line.product_code,
    }


def _tax_as_json(tax: LineTax) -> dict[str, Any]:
    return {
        "name": tax.name,
        "percent": f"{tax.percent:f}",
        "base": _money_as_json(tax.base),
        "amount": _money_as_json(tax.amount),
    }


def _money_as_json(money: Money) -> dict[str, int | str]:
    return {"minor": money.minor, "currency": money.currency}


def _normalised(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _stable_json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
