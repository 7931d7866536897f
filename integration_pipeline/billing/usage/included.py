"""Units that a plan includes, and what of the usage lies beyond them.

Belongs here: included units of a part of a period, and of a trial. Does not belong here: what the units
beyond cost (`pricing`).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.pricing.base import Quantity
from integration_pipeline.billing.pricing.wording import counted
from integration_pipeline.billing.proration import share_ratio


@dataclass(frozen=True, slots=True)
class IncludedUse:
    """`used` units, of which the plan includes a `share` of `per_period`; None includes whatever is used.

    `used_before` were used up of the same allowance in earlier periods (a trial of several months has one).
    """

    used: Fraction
    per_period: Decimal | None
    share: tuple[int, int]
    used_before: Fraction

    @property
    def included(self) -> Fraction | None:
        """Units that were still included when the period began; None for any number."""
        if self.per_period is None:
            return None
        allowance = Fraction(self.per_period) * Fraction(*self.share)
        return max(Fraction(0), allowance - self.used_before)

    @property
    def free(self) -> Fraction:
        """Units used that were included."""
        return self.used if self.included is None else min(self.used, self.included)

    @property
    def billable(self) -> Fraction:
        """Units used beyond those included; never negative."""
        return self.used - self.free

    @property
    def formula(self) -> str:
        """For people: `12 used − 10 included (20 × 14/28) = 2`."""
        if self.per_period is None:
            return f"{counted(self.used)} used, all of them included"
        numerator, denominator = self.share
        terms: list[str] = []
        if numerator != denominator:
            terms.append(f"{counted(Fraction(self.per_period))} × {numerator}/{denominator}")
        if self.used_before:
            terms.append(f"less {counted(self.used_before)} used before")
        origin = f" ({', '.join(terms)})" if terms else ""
        return (
            f"{counted(self.used)} used − {counted(self.free)} of "
            f"{counted(self.included or Fraction(0))} included{origin} = {counted(self.billable)}"
        )


def use_included(
    used: Quantity,
    per_period: Decimal | None,
    service: Period,
    full: Period,
    policies: Policies,
    used_before: Quantity = 0,
) -> IncludedUse:
    """Usage of `service` against units included per `full` period: they are prorated as the plan is.

    A stub of 14 of 28 days includes 10 of 20 units. Give `service` as `full` for an allowance that is not
    prorated, as that of a trial.
    """
    share = share_ratio(service, full, policies)
    return IncludedUse(Fraction(used), per_period, share, Fraction(used_before))
