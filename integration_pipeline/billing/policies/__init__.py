"""Billing conventions as named policies.

Billing systems contradict each other, each of them right for somebody's contracts, so a convention is a
value that is chosen, stored with the schedule and shown in its explanations; never a constant in code.

Belongs here: the set of choices (`Policies`), the choices (`choices`), named sets of them (`profiles`). Does
not belong here: what a policy computes (that is beside the arithmetic it steers), or terms of one contract.
"""

from __future__ import annotations

from integration_pipeline.billing.policies.choices import (
    AmountSplit,
    ArrearsIssueDay,
    ArrearsRevenue,
    BeyondLastTier,
    CancellationDay,
    ClosedPeriod,
    Correction,
    CreditTax,
    DayCount,
    DayZone,
    DifferenceRounding,
    DiscountOrder,
    DiscountShare,
    Downgrade,
    FrequencyChange,
    InclusiveTax,
    LineRounding,
    MixedModification,
    MonthEnd,
    PriceAllocation,
    RevenueGranularity,
    RevenueSplit,
    StepPrecision,
    TaxRounding,
    TierBound,
    ZeroUsage,
)
from integration_pipeline.billing.policies.profiles import DEFAULT, PROFILES
from integration_pipeline.billing.policies.selection import Policies

__all__ = [
    "DEFAULT",
    "PROFILES",
    "AmountSplit",
    "ArrearsIssueDay",
    "ArrearsRevenue",
    "BeyondLastTier",
    "CancellationDay",
    "ClosedPeriod",
    "Correction",
    "CreditTax",
    "DayCount",
    "DayZone",
    "DifferenceRounding",
    "DiscountOrder",
    "DiscountShare",
    "Downgrade",
    "FrequencyChange",
    "InclusiveTax",
    "LineRounding",
    "MixedModification",
    "MonthEnd",
    "Policies",
    "PriceAllocation",
    "RevenueGranularity",
    "RevenueSplit",
    "StepPrecision",
    "TaxRounding",
    "TierBound",
    "ZeroUsage",
]
