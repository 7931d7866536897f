"""A contract after a modification: what its revenue was, is restated by, and will be.

Belongs here: the four treatments by name, the facts of a modification, its result. Does not belong here:
deciding and computing (`modifications`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period, add_months
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.revenue.allocation import Allocation
from integration_pipeline.billing.revenue.obligations import Obligation, Promise
from integration_pipeline.billing.revenue.recognition import RevenuePlan


class Treatment(StrEnum):
    """How a modification is accounted for."""

    SEPARATE_CONTRACT = "separate contract"
    """25-12: what is added is distinct and costs its standalone price; the old contract is left alone."""
    PROSPECTIVE = "prospective"
    """25-13(a): what remains is distinct: the rest of the price is spread over it."""
    CATCH_UP = "cumulative catch-up"
    """25-13(b): what remains is not distinct: revenue to date is restated at once."""
    MIXED = "mixed"
    """25-13(c): some of what remains is distinct: (a) for that, (b) for the other."""


@dataclass(frozen=True, slots=True)
class ModifiedPromise:
    """A promise as it stands after the modification.

    The standalone price and the recognition of `promise` are those of the whole good or service, from its
    start. `recognized` is the revenue of it before the modification's day, from `original` where that is
    known. `distinct`: what remains of it is distinct from what was transferred. `remaining_standalone_price`
    is that of what remains, if it differs from the whole's.
    """

    promise: Promise
    recognized: Money
    distinct: bool = True
    remaining_standalone_price: Fraction | None = None
    original: RevenuePlan | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """The promise's key."""
        return self.promise.key

    @staticmethod
    def of(
        obligation: Obligation,
        day: date,
        policies: Policies,
        *,
        distinct: bool = True,
        standalone_price: Fraction | None = None,
        remaining_standalone_price: Fraction | None = None,
    ) -> ModifiedPromise:
        """An obligation that goes on, with what was recognized of it before `day`.

        `standalone_price`: of the whole after the modification, if that changed.
        """
        plan = obligation.plan(policies)
        whole = obligation.standalone_price if standalone_price is None else standalone_price
        return ModifiedPromise(
            Promise(obligation.key, obligation.sequence, whole, obligation.recognition),
            plan.until(day),
            distinct,
            remaining_standalone_price,
            plan,
        )


@dataclass(frozen=True, slots=True)
class ModifiedObligation:
    """One obligation after the modification.

    Revenue before a day on or after the modification's is `offset` and what `after` earned before that day;
    of it, `catch_up` falls on the day of the modification itself.
    """

    key: str
    recognized: Money
    catch_up: Money
    offset: Money
    after: RevenuePlan
    original: RevenuePlan | None = field(default=None, repr=False)

    @property
    def lifetime(self) -> Money:
        """All revenue of the obligation, from first to last."""
        return self.offset + self.after.total

    def until(self, day: date, modified: date) -> Money:
        """Revenue before `day`; up to the modification that of `original`.

        Raises `InvalidTerms` for a day before the modification if `original` is not known.
        """
        if day > modified:
            return self.offset + self.after.until(day)
        if self.original is not None:
            return self.original.until(day)
        if day == modified:
            return self.recognized
        raise InvalidTerms(
            [
                (
                    "original",
                    f"the plan of {self.key[:80]} before {modified} is not given; revenue is asked of {day}",
                )
            ]
        )


@dataclass(frozen=True, slots=True)
class ModifiedContract:
    """A contract after a modification on `day`.

    `price` is the whole transaction price after it, `historical` what was recognized before `day`.
    `allocation` is what was divided anew: the whole price or the remaining one, None if nothing was.
    `restates`: whether the treatment restates revenue to date at all.
    """

    treatment: Treatment
    day: date
    price: Money
    historical: Money
    obligations: tuple[ModifiedObligation, ...]
    allocation: Allocation | None = None
    restates: bool = False

    @property
    def remaining_price(self) -> Money:
        """What of the price was not recognized before the modification."""
        return self.price - self.historical

    @property
    def catch_up(self) -> dict[str, Money]:
        """Revenue restated on the day of the modification, by obligation; empty if nothing is restated."""
        return {each.key: each.catch_up for each in self.obligations} if self.restates else {}

    @property
    def total_catch_up(self) -> Money:
        """All revenue restated on the day of the modification; negative if too much was recognized."""
        return total_of((each.catch_up for each in self.obligations), self.price.currency)

    @property
    def lifetime(self) -> Money:
        """All revenue of the contract from first to last."""
        return total_of((each.lifetime for each in self.obligations), self.price.currency)

    @property
    def future(self) -> Money:
        """What is left to be recognized after the modification and its catch-up."""
        return self.lifetime - self.historical - self.total_catch_up

    def until(self, day: date) -> Money:
        """Revenue of the contract before `day`."""
        return total_of((each.until(day, self.day) for each in self.obligations), self.price.currency)

    def within(self, period: Period) -> Money:
        """Revenue of the contract in `period`: a month, a year. A catch-up counts on its day."""
        return self.until(period.end) - self.until(period.start)

    def months(self, period: Period) -> dict[date, Money]:
        """Revenue of every calendar month that `period` touches, by first day, of the whole month."""
        months: dict[date, Money] = {}
        month = period.start.replace(day=1)
        while month < period.end:
            following = add_months(month, 1)
            months[month] = self.within(Period(month, following))
            month = following
        return months

    def formula(self, key: str) -> str:
        """How the catch-up of one obligation came about, with its numbers."""
        each = next(obligation for obligation in self.obligations if obligation.key == key)
        if not self.restates:
            return f"{self.treatment}: nothing recognized before {self.day} is restated"
        entitled = each.recognized + each.catch_up
        return (
            f"{entitled.format()} of {each.lifetime.format()} earned before {self.day}, "
            f"less {each.recognized.format()} recognized = {each.catch_up.format()}"
        )


def total_of(amounts: Iterable[Money], currency: str) -> Money:
    """The sum, in `currency` also if there are none."""
    return sum(amounts, Money(0, currency))
