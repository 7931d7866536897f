"""Re-rating: what a further run of the same service period bills, after usage was added or corrected.

Belongs here: the cumulative price less what was billed, and the lines that say so. Does not belong here: what
usage was known when (`usage`), documents of correction (`amendments`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from integration_pipeline.billing.errors import CurrencyMismatch
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.pricing.exact import ExactPrice, difference
from integration_pipeline.billing.pricing.models import PriceModel
from integration_pipeline.billing.pricing.rating import Usage, rate


@dataclass(frozen=True, slots=True)
class Run:
    """What one run bills: the rounded price of all usage up to now, less what was billed before.

    So whatever the number of runs, they add up to the rounded price of the whole. `amount` is negative where
    earlier runs billed too much, as when a volume price falls, and zero where nothing is new.
    """

    cumulative: ExactPrice
    previous: ExactPrice | None
    rounded: Money
    billed: Money

    @property
    def amount(self) -> Money:
        return self.rounded - self.billed

    @property
    def change(self) -> ExactPrice:
        """What is priced anew and what of the run before is taken back, exactly; `parts` are the lines."""
        return self.cumulative if self.previous is None else difference(self.cumulative, self.previous)

    @property
    def formula(self) -> str:
        """`15 × 10.00 USD = 150.00 USD, less 100.00 USD billed = 50.00 USD`."""
        priced = f"{self.cumulative.formula} = {self.rounded.format()}"
        if not self.billed:
            return priced
        return f"{priced}, less {self.billed.format()} billed = {self.amount.format()}"


def rerate(model: PriceModel, cumulative: Usage, billed: Money, policies: Policies) -> Run:
    """One run: all usage of the period up to now is `cumulative`, `billed` is what earlier runs came to.

    In the currency of `billed`. Raises as `rate`.
    """
    price = rate(model, cumulative, billed.currency, policies)
    return Run(price, None, price.rounded(policies.rounding), billed)


def rerate_runs(
    model: PriceModel, cumulative: Iterable[Usage], currency: str, policies: Policies
) -> Iterator[Run]:
    """Successive runs of one period, each given all usage up to then. Raises as `rate`."""
    billed = Money(0, currency)
    previous: ExactPrice | None = None
    for usage in cumulative:
        price = rate(model, usage, currency, policies)
        run = Run(price, previous, price.rounded(policies.rounding), billed)
        yield run
        billed, previous = run.rounded, price


def bill_rest(price: ExactPrice, billed: Money, policies: Policies) -> Run:
    """As `rerate`, of a price that is known: of several models together, or after a commitment."""
    if price.currency != billed.currency:
        raise CurrencyMismatch(price.currency, billed.currency)
    return Run(price, None, price.rounded(policies.rounding), billed)
