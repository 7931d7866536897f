"""Agreeing with the total that another system computed for the same document.

Belongs here: telling rounding from drift. Does not belong here: reading the other total, or booking the
difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from integration_pipeline.billing.errors import CurrencyMismatch
from integration_pipeline.billing.money import Money


class Agreement(StrEnum):
    """How far two totals of one document agree."""

    EQUAL = "equal"
    ROUNDING = "differs by rounding"
    """Within the tolerance: accepted, the difference is booked where the target wants it."""
    DRIFT = "differs"
    """Beyond it: the two were made from different figures."""


@dataclass(frozen=True, slots=True)
class TotalComparison:
    """`difference` is theirs less ours."""

    ours: Money
    theirs: Money
    difference: Money
    agreement: Agreement

    @property
    def message(self) -> str:
        """`theirs 448.40 CAD, ours 448.39 CAD: differs by rounding, 0.01 CAD`."""
        text = f"theirs {self.theirs.format()}, ours {self.ours.format()}: {self.agreement}"
        return f"{text}, {self.difference.format()}" if self.difference else text


def reconcile_total(ours: Money, theirs: Money, tolerance: int = 1) -> TotalComparison:
    """Compare a total read back with ours. `tolerance` is in minor units, at least 0.

    QuickBooks Online is known to show 448.40 where 9.975 % of 4,495.16 is 448.39221
    (ruckus/quickbooks-ruby#547). Raises `CurrencyMismatch`, `ValueError` for a negative tolerance.
    """
    if tolerance < 0:
        raise ValueError(f"tolerance {tolerance} is negative; state 0 to accept no difference")
    if ours.currency != theirs.currency:
        raise CurrencyMismatch(ours.currency, theirs.currency)
    difference = theirs - ours
    if not difference:
        agreement = Agreement.EQUAL
    elif abs(difference.minor) <= tolerance:
        agreement = Agreement.ROUNDING
    else:
        agreement = Agreement.DRIFT
    return TotalComparison(ours, theirs, difference, agreement)
