"""What is charged for a quantity: exact prices, before any rounding, and the formulas that say so.

Belongs here: charge models, how a quantity is rated by them, commitments on what was rated, re-rating. Does
not belong here: parts of a period (`proration`), invoice dates (`schedule`), discounts, tax.
"""

from __future__ import annotations

from integration_pipeline.billing.pricing.allowances import Consumed, Drawdown, consume_units, draw_down
from integration_pipeline.billing.pricing.base import Quantity, QuantityRounding, total_quantity
from integration_pipeline.billing.pricing.commitments import Capped, TrueUp, cap, true_up
from integration_pipeline.billing.pricing.exact import (
    ExactPrice,
    PartKind,
    PricePart,
    describe_rounding,
    difference,
    sum_of,
)
from integration_pipeline.billing.pricing.models import (
    CustomPrice,
    FlatPrice,
    GraduatedPercentagePrice,
    GraduatedPrice,
    PackagePrice,
    PercentagePrice,
    PerUnitPrice,
    PriceModel,
    StairstepPrice,
    VolumePrice,
)
from integration_pipeline.billing.pricing.rating import Usage, rate, rate_each, rate_further
from integration_pipeline.billing.pricing.rerating import Run, bill_rest, rerate, rerate_runs
from integration_pipeline.billing.pricing.tiers import (
    PercentageTier,
    PriceStep,
    Tier,
    tiers_from_blocks,
    tiers_from_first_units,
    tiers_from_widths,
)
from integration_pipeline.billing.pricing.transactions import Transactions

__all__ = [
    "Capped",
    "Consumed",
    "CustomPrice",
    "Drawdown",
    "ExactPrice",
    "FlatPrice",
    "GraduatedPercentagePrice",
    "GraduatedPrice",
    "PackagePrice",
    "PartKind",
    "PerUnitPrice",
    "PercentagePrice",
    "PercentageTier",
    "PriceModel",
    "PricePart",
    "PriceStep",
    "Quantity",
    "QuantityRounding",
    "Run",
    "StairstepPrice",
    "Tier",
    "Transactions",
    "TrueUp",
    "Usage",
    "VolumePrice",
    "bill_rest",
    "cap",
    "consume_units",
    "describe_rounding",
    "difference",
    "draw_down",
    "rate",
    "rate_each",
    "rate_further",
    "rerate",
    "rerate_runs",
    "sum_of",
    "tiers_from_blocks",
    "tiers_from_first_units",
    "tiers_from_widths",
    "total_quantity",
    "true_up",
]
