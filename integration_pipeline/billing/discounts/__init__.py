"""Discounts: their terms, when they apply, what they take off, and how they are shared out over lines.

Belongs here: percentages and amounts off a price or a document. Does not belong here: usage that is free
(`pricing`), prices that rise by phases (the terms of a ramp), or credits for what was billed (`credits`).
"""

from __future__ import annotations

from integration_pipeline.billing.discounts.application import Discounted, TakenDiscount, apply_discounts
from integration_pipeline.billing.discounts.sharing import (
    discounted_change,
    distribute,
    exact_shares,
    less_discount,
)
from integration_pipeline.billing.discounts.terms import (
    Discount,
    DiscountBase,
    active_discounts,
    discount_cuts,
)

__all__ = [
    "Discount",
    "DiscountBase",
    "Discounted",
    "TakenDiscount",
    "active_discounts",
    "apply_discounts",
    "discount_cuts",
    "discounted_change",
    "distribute",
    "exact_shares",
    "less_discount",
]
