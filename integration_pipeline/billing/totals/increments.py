"""Rounding to a multiple of an increment, as cash payments need where small coins are gone.

Does not belong here: rounding to minor units (`money`).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.errors import BillingError
from integration_pipeline.billing.money import Money, RoundingMode, round_ratio
from integration_pipeline.billing.term_model import TermsModel
from integration_pipeline.billing.term_values import TermDecimal


class Increment(TermsModel):
    """Totals are multiples of `step` currency units: 0.05 for cash in CHF. The difference is its own line."""

    step: TermDecimal
    mode: RoundingMode = RoundingMode.HALF_UP

    def impossibilities(self, currency: str) -> Iterator[tuple[str, str]]:
        """Every (field, message) for which no total in `currency` could be such a multiple."""
        if self.step <= 0:
            yield "step", f"{self.step} is not above zero"
        elif self.step.scaleb(minor_unit_exponent(currency)) % 1:
            yield "step", f"{self.step} is not a whole number of {currency} minor units"

    def difference(self, total: Money) -> Money:
        """What has to be added to `total`: 0.30 for 100.20 up to 0.50. Raises `BillingError` as above."""
        for field, message in self.impossibilities(total.currency):
            raise BillingError(f"rounding {field}: {message}")
        step = int(self.step.scaleb(minor_unit_exponent(total.currency)))
        return Money(round_ratio(total.minor, step, self.mode) * step - total.minor, total.currency)


def round_to_increment(value: Decimal, increment: Decimal, mode: RoundingMode) -> Decimal:
    """The multiple of `increment` (> 0) nearest to `value` in the sense of `mode`, exactly.

    Raises `BillingError` for an increment of zero or less.
    """
    if increment <= 0:
        raise BillingError(f"increment {increment} is not above zero; state the smallest step, such as 0.05")
    numerator, denominator = value.as_integer_ratio()
    step, per = increment.as_integer_ratio()
    steps = round_ratio(numerator * per, denominator * step, mode)
    places = -int(increment.as_tuple().exponent)
    return Decimal(steps * int(increment.scaleb(places))).scaleb(-places)
