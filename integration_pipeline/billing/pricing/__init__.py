"""What is charged for a quantity: exact prices, before any rounding, and the formulas that say so.

Belongs here: charge models, how a quantity is rated by them, commitments on what was rated, re-rating. Does
not belong here: parts of a period (`proration`), invoice dates (`schedule`), discounts, tax.
"""

from __future__ import annotations

from integration_pipeline.billing.pricing.charges import ExactPrice, describe_rounding, flat_price

__all__ = ["ExactPrice", "describe_rounding", "flat_price"]
