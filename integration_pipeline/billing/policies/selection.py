"""One complete choice of conventions.

Belongs here: `Policies`, its identity and its JSON. Does not belong here: the named sets (`profiles`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

from integration_pipeline.billing.custom import NO_CUSTOM_RULES, CustomRules
from integration_pipeline.billing.money import RoundingMode
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """One complete choice of conventions. `name` and `revision` identify it in explanations.

    Whoever changes a policy changes the name or raises the revision, as two sets must not share a version.
    `fraction_places` rounds a share of a period to so many decimals (half up) before it is multiplied; None
    keeps it exact. `fixed_month_days` is the length of a month under `DayCount.FIXED_MONTH`. `custom` are the
    company's own rules; a proration among them and `DayCount.CUSTOM` go together, or `ValueError` is raised.
    """

    name: str
    revision: int
    rounding: RoundingMode = RoundingMode.HALF_UP
    month_end: MonthEnd = MonthEnd.KEEPS_DAY
    day_count: DayCount = DayCount.ACTUAL
    fixed_month_days: int = 30
    fraction_places: int | None = None
    split: AmountSplit = AmountSplit.CUMULATIVE
    difference: DifferenceRounding = DifferenceRounding.OF_ROUNDED
    steps: StepPrecision = StepPrecision.EXACT
    lines: LineRounding = LineRounding.ROUND_THEN_SUM
    cancellation_day: CancellationDay = CancellationDay.NOT_BILLED
    arrears_issue_day: ArrearsIssueDay = ArrearsIssueDay.DAY_AFTER_PERIOD
    zero_usage: ZeroUsage = ZeroUsage.NOT_CHARGED
    tier_bound: TierBound = TierBound.UPPER_INCLUSIVE
    beyond_last_tier: BeyondLastTier = BeyondLastTier.REFUSED
    discount_order: DiscountOrder = DiscountOrder.PERCENT_FIRST
    discount_share: DiscountShare = DiscountShare.ROUNDED
    frequency_change: FrequencyChange = FrequencyChange.NEW_CYCLE
    downgrade: Downgrade = Downgrade.AT_ONCE
    correction: Correction = Correction.NET_DOCUMENT
    tax_rounding: TaxRounding = TaxRounding.PER_DOCUMENT
    inclusive_tax: InclusiveTax = InclusiveTax.TAX_ROUNDED
    credit_tax: CreditTax = CreditTax.PRORATED
    revenue: RevenueGranularity = RevenueGranularity.DAY
    revenue_split: RevenueSplit = RevenueSplit.CUMULATIVE
    arrears_revenue: ArrearsRevenue = ArrearsRevenue.ON_INVOICE
    price_allocation: PriceAllocation = PriceAllocation.LARGEST_REMAINDER
    mixed_modification: MixedModification = MixedModification.TOTAL_PRICE
    closed_period: ClosedPeriod = ClosedPeriod.CATCH_UP
    day_zone: DayZone = DayZone.ENTITY
    custom: CustomRules = NO_CUSTOM_RULES

    def __post_init__(self) -> None:
        if (self.day_count is DayCount.CUSTOM) is (self.custom.proration is None):
            raise ValueError("a custom proration and the day count CUSTOM go together; state both or neither")

    @property
    def version(self) -> str:
        """As shown in explanations: `default/1`, or with custom rules `default/1, acme-rules 1.2.0`."""
        named = f"{self.name}/{self.revision}"
        return ", ".join((named, *self.custom.packages)) if self.custom else named

    def as_json(self) -> dict[str, str | int | dict[str, str] | None]:
        """The version and every choice, in a fixed order. One object per set: do not change it."""
        return _as_json(self)


@cache
def _as_json(policies: Policies) -> dict[str, str | int | dict[str, str] | None]:
    chosen = {field.name: getattr(policies, field.name) for field in fields(policies)}
    del chosen["name"], chosen["revision"], chosen["custom"]
    stated = {"version": policies.version, **chosen}
    return {**stated, "custom": policies.custom.as_json()} if policies.custom else stated
