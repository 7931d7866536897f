"""What a document comes to: its lines, discounts, taxes, rounding, total, in that order.

Belongs here: amounts of lines, document totals, rounding to an increment, agreeing with another system's
total. Does not belong here: which lines there are (`schedule`), or rates and discounts themselves.
"""

from __future__ import annotations

from integration_pipeline.billing.totals.document import (
    DocumentLine,
    DocumentTotals,
    LineTotals,
    total_document,
)
from integration_pipeline.billing.totals.increments import Increment, round_to_increment
from integration_pipeline.billing.totals.lines import LineAmount, line_amount
from integration_pipeline.billing.totals.reconciliation import Agreement, TotalComparison, reconcile_total
from integration_pipeline.billing.totals.steps import round_step, step_places

__all__ = [
    "Agreement",
    "DocumentLine",
    "DocumentTotals",
    "Increment",
    "LineAmount",
    "LineTotals",
    "TotalComparison",
    "line_amount",
    "reconcile_total",
    "round_step",
    "round_to_increment",
    "step_places",
    "total_document",
]
