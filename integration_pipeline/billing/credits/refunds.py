"""What of a credit is paid back, and what stays as a credit balance.

Does not belong here: paying back (`payments`).
"""

from __future__ import annotations

from dataclasses import dataclass

from integration_pipeline.billing.errors import BillingError
from integration_pipeline.billing.money import Money, round_ratio
from integration_pipeline.billing.policies import Policies


@dataclass(frozen=True, slots=True)
class RefundSplit:
    """`refund` goes back to the customer, `credit` lowers what he owes. They add up to the note."""

    refund: Money
    credit: Money


def split_refund(
    credited: Money, line_total: Money, invoice_total: Money, paid: Money, policies: Policies
) -> RefundSplit:
    """Pay back what was paid on a line beyond what of it was used. All amounts with tax.

    Payments on an invoice count for its lines in proportion to their totals, as in Lago
    (credit_notes/create_from_termination). Raises `BillingError` if the invoice has no positive total.
    """
    if invoice_total.minor <= 0:
        raise BillingError(f"an invoice of {invoice_total.format()} cannot have been paid; credit it in full")
    paid_on_line = round_ratio(paid.minor * line_total.minor, invoice_total.minor, policies.rounding)
    used = line_total - credited
    refund = Money(min(max(paid_on_line - used.minor, 0), credited.minor), credited.currency)
    return RefundSplit(refund, credited - refund)
