"""The price of a charge that states a quantity and a unit price.

Does not belong here: charge models (`models`, `rating`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.pricing.exact import ExactPrice
from integration_pipeline.billing.pricing.wording import price_text

if TYPE_CHECKING:  # terms hold price models, so importing them here would be a circle
    from integration_pipeline.billing.terms import Charge


def flat_price(charge: Charge, currency: str) -> ExactPrice:
    """quantity × unit price × (100 − discount) %: `3 seats × 120.00 USD × (100 − 10) %`."""
    quantity, quantity_unit = charge.quantity.as_integer_ratio()
    price, price_unit = charge.unit_price.as_integer_ratio()
    exponent = minor_unit_exponent(currency)
    numerator, denominator = quantity * price * 10**exponent, quantity_unit * price_unit
    counted = f"{charge.quantity:,f}" if charge.unit is None else f"{charge.quantity:,f} {charge.unit}"
    formula = f"{counted} × {price_text(charge.unit_price, exponent)} {currency}"
    if charge.discount_percent:
        paid, paid_unit = (100 - charge.discount_percent).as_integer_ratio()
        numerator, denominator = numerator * paid, denominator * paid_unit * 100
        formula += f" × (100 − {charge.discount_percent:f}) %"
    return ExactPrice(numerator, denominator, currency, formula)
