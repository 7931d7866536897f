"""The amount of one line: quantity × unit price, less its discounts.

Belongs here: the two steps and their rounding by `Policies.steps`. Does not belong here: charge models
(`pricing`), or what the document makes of its lines (`document`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.discounts import Discount, Discounted, apply_discounts
from integration_pipeline.billing.money import Money, format_exact, round_ratio
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.totals.steps import step_places


@dataclass(frozen=True, slots=True)
class LineAmount:
    """A line before it is rounded to money; whole fractions are in currency units."""

    quantity: Decimal
    unit_price: Decimal
    currency: str
    sum_numerator: int
    sum_denominator: int
    discounted: Discounted
    policies: Policies

    @property
    def sum(self) -> Fraction:
        """Quantity × unit price, in currency units."""
        return self._in_units(self.sum_numerator, self.sum_denominator)

    @property
    def discount(self) -> Fraction:
        """All that the discounts took, in currency units."""
        return sum(
            (self._in_units(item.numerator, item.denominator) for item in self.discounted.taken), Fraction(0)
        )

    @property
    def exact(self) -> Fraction:
        """What is left, in currency units."""
        return self._in_units(self.discounted.numerator, self.discounted.denominator)

    @property
    def amount(self) -> Money:
        """What is left, rounded by itself."""
        left = self.discounted
        return Money(round_ratio(left.numerator, left.denominator, self.policies.rounding), self.currency)

    @property
    def priced(self) -> Money:
        """Quantity × unit price, rounded by itself."""
        minor = round_ratio(self.sum_numerator, self.sum_denominator, self.policies.rounding)
        return Money(minor, self.currency)

    @property
    def formula(self) -> str:
        """`3 × 12.59 USD = 37.77 USD − 7 %: 2.6439 USD = 35.1261 USD`."""
        priced = format_exact(self.sum_numerator, self.sum_denominator, self.currency)
        text = f"{self.quantity:,f} × {self.unit_price:,f} {self.currency} = {priced}"
        if not self.discounted.taken:
            return text
        left = format_exact(self.discounted.numerator, self.discounted.denominator, self.currency)
        return f"{self.discounted.formula(text, self.currency)} = {left}"

    def _in_units(self, numerator: int, denominator: int) -> Fraction:
        return Fraction(numerator, denominator * 10 ** minor_unit_exponent(self.currency))


def line_amount(
    quantity: Decimal,
    unit_price: Decimal,
    currency: str,
    policies: Policies,
    discounts: Sequence[Discount] = (),
) -> LineAmount:
    """`quantity` units at `unit_price` (currency units), less `discounts`, step by step."""
    exponent = minor_unit_exponent(currency)
    count, per = quantity.as_integer_ratio()
    price, price_per = unit_price.as_integer_ratio()
    numerator, denominator = count * price * 10**exponent, per * price_per
    places = step_places(unit_price, currency, policies)
    if places is not None:
        scale = 10 ** (places - exponent)
        numerator, denominator = round_ratio(numerator * scale, denominator, policies.rounding), scale
    return LineAmount(
        quantity,
        unit_price,
        currency,
        numerator,
        denominator,
        apply_discounts(numerator, denominator, discounts, currency, policies, places),
        policies,
    )
