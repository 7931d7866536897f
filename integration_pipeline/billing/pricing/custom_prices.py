"""What a quantity costs by a charge model of the company's own.

Does not belong here: asking the model and checking its answer (`custom`).
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.custom import CustomRule, CustomRules, Part, PartOf, Price
from integration_pipeline.billing.pricing.base import Quantity, ratio_of
from integration_pipeline.billing.pricing.exact import ExactPrice, PartKind, PricePart
from integration_pipeline.billing.pricing.models import CustomPrice

_KINDS = {PartOf.UNITS: PartKind.UNITS, PartOf.FIXED: PartKind.FLAT, PartOf.PERCENT: PartKind.PERCENT}


def custom_price(model: CustomPrice, quantity: Quantity, currency: str, rules: CustomRules) -> ExactPrice:
    """The sum of the parts that the model answers. Raises `CustomRuleFailed`."""
    rule, price = rules.price(model.name, Fraction(*ratio_of(quantity)), model.parameters, currency)
    parts = tuple(_priced(part) for part in price.parts)
    amount = sum((part.amount for part in parts), Fraction(0))
    return ExactPrice(
        amount.numerator * 10 ** minor_unit_exponent(currency),
        amount.denominator,
        currency,
        _Custom(rule, price, parts),
    )


class _Custom(NamedTuple):
    rule: CustomRule
    price: Price
    listed: tuple[PricePart, ...]

    def parts(self) -> tuple[PricePart, ...]:
        return self.listed

    def note(self) -> str:
        return self.rule.label if self.price.note is None else f"{self.price.note}; {self.rule.label}"


def _priced(part: Part) -> PricePart:
    return PricePart(_KINDS[part.of], Fraction(part.quantity), Decimal(part.price))
