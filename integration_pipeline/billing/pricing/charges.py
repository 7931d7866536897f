"""What one full billing period of a charge costs, exactly, and the formula that says so.

Belongs here: charge models and discounts, before any rounding. Does not belong here: parts of a period
(`proration`), invoice dates (`schedule`), tax.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.money import Money, RoundingMode

if TYPE_CHECKING:  # terms hold price models, so importing them here would be a circle
    from integration_pipeline.billing.terms import Charge


@dataclass(frozen=True, slots=True)
class ExactPrice:
    """`numerator / denominator` minor units of `currency`, not rounded, and its formula for people.

    A pair of integers, not a `Fraction`: it is multiplied and rounded once per line and never reduced.
    """

    numerator: int
    denominator: int
    currency: str
    formula: str


def flat_price(charge: Charge, currency: str) -> ExactPrice:
    """quantity × unit price × (100 − discount) %: `3 seats × 120.00 USD × (100 − 10) %`."""
    quantity, quantity_unit = charge.quantity.as_integer_ratio()
    price, price_unit = charge.unit_price.as_integer_ratio()
    exponent = minor_unit_exponent(currency)
    numerator, denominator = quantity * price * 10**exponent, quantity_unit * price_unit
    counted = f"{charge.quantity:,f}" if charge.unit is None else f"{charge.quantity:,f} {charge.unit}"
    formula = f"{counted} × {_price_text(charge.unit_price, exponent)} {currency}"
    if charge.discount_percent:
        paid, paid_unit = (100 - charge.discount_percent).as_integer_ratio()
        numerator, denominator = numerator * paid, denominator * paid_unit * 100
        formula += f" × (100 − {charge.discount_percent:f}) %"
    return ExactPrice(numerator, denominator, currency, formula)


def describe_rounding(numerator: int, denominator: int, rounded: Money, mode: RoundingMode) -> str | None:
    """`156.774193… USD → 156.77 USD, half up`; None where `numerator / denominator` is whole minor units."""
    if numerator % denominator == 0:
        return None
    places = minor_unit_exponent(rounded.currency) + 6
    digits, rest = divmod(abs(numerator) * 10**6, denominator)
    whole, part = divmod(digits, 10**places)
    decimals = f"{part:0{places}d}"
    exact = f"{whole:,}.{decimals}…" if rest else f"{whole:,}.{decimals.rstrip('0')}"
    sign = "-" if numerator < 0 else ""
    return f"{sign}{exact} {rounded.currency} → {rounded.format()}, {mode}"


def _price_text(price: Decimal, exponent: int) -> str:
    """With the decimals the contract states, and at least those of the currency: 120 in USD is `120.00`."""
    stated = -int(price.as_tuple().exponent)
    return f"{price:,.{max(stated, exponent)}f}"
