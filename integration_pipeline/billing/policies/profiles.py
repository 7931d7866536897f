"""Profiles: named sets of policies.

`default` is ours. The others bill as the system they are named after does, so that a company which comes
from it keeps its numbers; what is known of each is written beside it, with the place it is known from.

Does not belong here: what a policy computes, or settings of one rule set.
"""

from __future__ import annotations

from types import MappingProxyType

from integration_pipeline.billing.policies.choices import (
    AmountSplit,
    BeyondLastTier,
    CancellationDay,
    Correction,
    CreditTax,
    DayCount,
    DayZone,
    DifferenceRounding,
    DiscountOrder,
    DiscountShare,
    Downgrade,
    FrequencyChange,
    LineRounding,
    RevenueGranularity,
    RevenueSplit,
    StepPrecision,
    TaxRounding,
    TierBound,
    ZeroUsage,
)
from integration_pipeline.billing.policies.selection import Policies

DEFAULT = Policies(name="default", revision=2)

_KILL_BILL = Policies(
    # Kill Bill's ProRationUtils and its invoice tests: fractions are half up to nine decimals, a later event
    # repairs the billed item by a negative item of its own.
    name="kill_bill",
    revision=1,
    fraction_places=9,
    split=AmountSplit.EACH_ALONE,
    # Its usage invoicing enters no tier beyond the last: ALL_TIERS drops the rest, TOP_TIER keeps the last.
    beyond_last_tier=BeyondLastTier.NO_FURTHER_TIER,
)
_LAGO = Policies(
    # Lago bills first and last day of a period, in the customer's time zone, over whole calendar periods.
    # A true-up is what rounded fees lack: its yearly commitment of 10,000.00 prorated by 334/365 lacks
    # 8,235.61 of a fee of 915.07 (its spec of the commitment), where the exact difference rounds to 8,235.62.
    name="lago",
    revision=1,
    split=AmountSplit.EACH_ALONE,
    cancellation_day=CancellationDay.BILLED_UNLESS_REPLACED,
    zero_usage=ZeroUsage.FIRST_FLAT_CHARGED,
    discount_order=DiscountOrder.AS_STATED,
    discount_share=DiscountShare.EXACT,
    frequency_change=FrequencyChange.ANNIVERSARY_KEPT,
    downgrade=Downgrade.PERIOD_END,
    correction=Correction.CREDIT_NOTE,
    credit_tax=CreditTax.RECOMPUTED,
    day_zone=DayZone.CUSTOMER,
)
_OPENMETER = Policies(
    name="openmeter",
    revision=1,
    day_count=DayCount.ELAPSED,
    # Minimum and maximum spend round the overage or shortfall itself (its detailed-line tests).
    difference=DifferenceRounding.ROUNDED,
    zero_usage=ZeroUsage.FIRST_FLAT_CHARGED,
    day_zone=DayZone.UTC,
)
_METEROID = Policies(
    name="meteroid",
    revision=1,
    split=AmountSplit.EACH_ALONE,
    tier_bound=TierBound.UPPER_EXCLUSIVE,
    tax_rounding=TaxRounding.PER_LINE,
)
_STRIPE = Policies(
    name="stripe",
    revision=1,
    day_count=DayCount.ELAPSED,
    split=AmountSplit.EACH_ALONE,
    day_zone=DayZone.UTC,
    revenue=RevenueGranularity.INSTANT,
)
_ZUORA = Policies(
    name="zuora",
    revision=1,
    day_count=DayCount.MONTHS_THEN_DAYS,
    split=AmountSplit.EACH_ALONE,
    discount_order=DiscountOrder.OFF_THE_TOTAL,
    tax_rounding=TaxRounding.PER_LINE,
)
_POLAR = Policies(
    name="polar",
    revision=1,
    day_count=DayCount.ELAPSED,
    split=AmountSplit.EACH_ALONE,
    day_zone=DayZone.UTC,
)
_ERPNEXT = Policies(
    name="erpnext",
    revision=1,
    day_count=DayCount.MONTHS_THEN_DAYS,
    split=AmountSplit.LAST_TAKES_REST,
    revenue_split=RevenueSplit.LAST_TAKES_REST,
)
_OCA = Policies(
    name="oca",
    revision=1,
    split=AmountSplit.EACH_ALONE,
    downgrade=Downgrade.PERIOD_END,
)
_SILVER = Policies(
    name="silver",
    revision=1,
    split=AmountSplit.EACH_ALONE,
    steps=StepPrecision.TWO_MORE,
    lines=LineRounding.SUM_THEN_ROUND,
)
_GOBL = Policies(
    name="gobl",
    revision=1,
    split=AmountSplit.EACH_ALONE,
    steps=StepPrecision.TWO_MORE,
    lines=LineRounding.SUM_THEN_ROUND,
    discount_order=DiscountOrder.OFF_THE_TOTAL,
)

PROFILES = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            DEFAULT,
            _KILL_BILL,
            _LAGO,
            _OPENMETER,
            _METEROID,
            _STRIPE,
            _ZUORA,
            _POLAR,
            _ERPNEXT,
            _OCA,
            _SILVER,
            _GOBL,
        )
    }
)
"""Named sets of policies, by profile name."""
