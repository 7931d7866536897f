"""Billing conventions as named policies.

Billing systems contradict each other, each of them right for somebody's contracts, so a convention is a
value that is chosen, stored with the schedule and shown in its explanations; never a constant in code.

Belongs here: the policies and the profiles (named sets of them). Does not belong here: what a policy
computes (that is beside the arithmetic it steers), or terms of one contract.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from integration_pipeline.billing.money import RoundingMode


class PeriodAnchor(StrEnum):
    """Which day opens a charge's billing periods."""

    CHARGE_START = "charge start"
    """Its day of month. A month-end anchor keeps its day: 31 Jan, 28 Feb, 31 Mar."""


class DayCount(StrEnum):
    """Which share of a full period's price a stub costs."""

    ACTUAL_OVER_ANCHORED_PERIOD = "actual days / actual days of the anchored period"
    """15 days of 2026-01-01..2026-02-01 cost 15/31; a quarter counts all the days of that quarter."""


class AmountSplit(StrEnum):
    """How the price of one full period is divided among parts of that period."""

    CUMULATIVE = "cumulative"
    """round(up to the part's end) − round(up to its start): parts add up to the period's rounded price."""


class ArrearsIssueDay(StrEnum):
    """On which day a charge in arrears is invoiced."""

    DAY_AFTER_PERIOD = "day after the service period"
    """The first day no longer served, which is the half-open end of the period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """One complete choice of conventions. `name` and `revision` identify it in explanations.

    Whoever changes a policy changes the name or raises the revision, as two sets must not share a version.
    """

    name: str
    revision: int
    rounding: RoundingMode = RoundingMode.HALF_UP
    anchor: PeriodAnchor = PeriodAnchor.CHARGE_START
    day_count: DayCount = DayCount.ACTUAL_OVER_ANCHORED_PERIOD
    split: AmountSplit = AmountSplit.CUMULATIVE
    arrears_issue_day: ArrearsIssueDay = ArrearsIssueDay.DAY_AFTER_PERIOD

    @property
    def version(self) -> str:
        """As shown in explanations: `default/1`."""
        return f"{self.name}/{self.revision}"

    def as_json(self) -> dict[str, str]:
        """The version and every choice, in a fixed order."""
        return {
            "version": self.version,
            "rounding": self.rounding.value,
            "anchor": self.anchor.value,
            "day_count": self.day_count.value,
            "split": self.split.value,
            "arrears_issue_day": self.arrears_issue_day.value,
        }


DEFAULT = Policies(name="default", revision=1)

PROFILES = MappingProxyType({DEFAULT.name: DEFAULT})
"""Named sets of policies, by profile name."""
