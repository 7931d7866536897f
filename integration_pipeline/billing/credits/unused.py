"""Which days of a paid period a termination leaves unused.

Belongs here: the day of termination. Does not belong here: day counts (`proration`).
"""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from integration_pipeline.billing.credits.invoiced import InvoicedLine
from integration_pipeline.billing.credits.notes import Credit
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import CancellationDay, Policies
from integration_pipeline.billing.proration import share_of_period


def unused_part(
    full: Period, terminated: date, policies: Policies, *, replaced: bool = False
) -> Period | None:
    """The days of `full` from termination on; None if none is left.

    Whether the day of termination counts as used is `Policies.cancellation_day`; `replaced` says that another
    plan takes over that day.
    """
    match policies.cancellation_day:
        case CancellationDay.NOT_BILLED:
            is_used = False
        case CancellationDay.BILLED:
            is_used = True
        case CancellationDay.BILLED_UNLESS_REPLACED:
            is_used = not replaced
    first = max(terminated + timedelta(days=is_used), full.start)
    return Period(first, full.end) if first < full.end else None


def unused_share(full: Period, terminated: date, policies: Policies, *, replaced: bool = False) -> Fraction:
    """The share of the period's price that a termination leaves unused; 0 if no day is left."""
    part = unused_part(full, terminated, policies, replaced=replaced)
    return Fraction(0) if part is None else share_of_period(part, full, policies)


def unused_credit(
    line: InvoicedLine, full: Period, terminated: date, policies: Policies, *, replaced: bool = False
) -> Credit:
    """A credit for the unused share of a line that paid for `full`, from the amount that was billed.

    What the catalogue says today does not matter: the customer gets back what he paid.
    """
    share = unused_share(full, terminated, policies, replaced=replaced)
    return Credit(line.line_id, share * line.amount.minor)
