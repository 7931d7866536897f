"""What a billing schedule consists of: planned invoices, their lines, and their stable JSON.

Belongs here: the result types of billing, totals, serialisation, content hashes. Does not belong here:
deciding what is billed when (`schedule`), document numbers, tax, posting.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from integration_pipeline.billing.explanation import Explanation
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Policies


class RevenueTreatment(StrEnum):
    """When a line's amount becomes revenue."""

    ON_INVOICE = "on_invoice"
    """On the issue date: the service has been given, or there is no service period."""
    DEFERRED = "deferred"
    """Over the days of the service period, from a deferred revenue account."""


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """One charge on one invoice.

    `quantity` and `unit_price` are the contract's, before discount and proration: their product need not be
    `amount`, and the explanation shows the way from one to the other.
    """

    charge_id: str
    description: str
    service_period: Period | None
    quantity: Decimal
    unit_price: Decimal
    amount: Money
    revenue: RevenueTreatment
    explanation: Explanation
    discount_percent: Decimal = Decimal(0)
    product_code: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedInvoice:
    """Everything a contract bills on `issue_date`. Dates are civil dates; `lines` is never empty.

    `total` is the sum of the lines, before tax; it may be negative where credits outweigh charges.
    """

    issue_date: date
    due_date: date
    lines: tuple[PlannedLine, ...]
    total: Money

    def content_hash(self) -> str:
        """SHA-256 over what the customer and the books see: dates, lines, amounts.

        Explanations are left out and decimals normalised: a reworded rule, or 120.0 becoming 120.00 in the
        CRM, changes no invoice.
        """
        content = {
            "issue_date": self.issue_date.isoformat(),
            "due_date": self.due_date.isoformat(),
            "lines": [
                {
                    **_line_as_json(line),
                    "quantity": _normalised(line.quantity),
                    "unit_price": _normalised(line.unit_price),
                    "discount_percent": _normalised(line.discount_percent),
                }
                for line in self.lines
            ],
            "total": _money_as_json(self.total),
        }
        return hashlib.sha256(_stable_json(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BillingSchedule:
    """All planned invoices of a contract, by rising issue date, one per date.

    `terms_hash` and `policies` say from what and how it was made: the same two always give the same bytes.
    """

    contract_id: str
    terms_hash: str
    currency: str
    policies: Policies
    invoices: tuple[PlannedInvoice, ...]

    @property
    def total(self) -> Money:
        """Everything the contract bills, before tax."""
        return Money(sum(invoice.total.minor for invoice in self.invoices), self.currency)

    def to_json(self) -> str:
        """Byte for byte equal for equal schedules.

        Money as `{"minor": 1250, "currency": "USD"}`, decimals as strings with the places the contract
        states, dates as ISO 8601, periods as `{"start", "end"}` with an exclusive end.
        """
        # Full periods of a charge share one explanation, so each is turned into JSON values once.
        explanations: dict[int, dict[str, Any]] = {}
        invoices: list[dict[str, Any]] = []
        for invoice in self.invoices:
            lines: list[dict[str, Any]] = []
            for line in invoice.lines:
                key = id(line.explanation)
                if key not in explanations:
                    explanations[key] = line.explanation.as_json()
                lines.append({**_line_as_json(line), "explanation": explanations[key]})
            invoices.append(
                {
                    "issue_date": invoice.issue_date.isoformat(),
                    "due_date": invoice.due_date.isoformat(),
                    "lines": lines,
                    "total": _money_as_json(invoice.total),
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
        "service_period": period and {"start": period.start.isoformat(), "end": period.end.isoformat()},
        "quantity": f"{line.quantity:f}",
        "unit_price": f"{line.unit_price:f}",
        "discount_percent": f"{line.discount_percent:f}",
        "amount": _money_as_json(line.amount),
        "revenue": line.revenue.value,
        "product_code": line.product_code,
    }


def _money_as_json(money: Money) -> dict[str, int | str]:
    return {"minor": money.minor, "currency": money.currency}


def _normalised(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _stable_json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
