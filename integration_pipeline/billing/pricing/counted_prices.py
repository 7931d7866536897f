"""What a quantity costs without tiers: flat, per unit, by the package.

Does not belong here: tiers (`tiered`), percentages of transactions (`transactions`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.pricing.base import Quantity
from integration_pipeline.billing.pricing.exact import ExactPrice, PartKind, PricePart
from integration_pipeline.billing.pricing.models import FlatPrice, PackagePrice, PerUnitPrice


def flat_amount(model: FlatPrice, currency: str) -> ExactPrice:
    """The amount, once per period."""
    amount, parts = model.amount.as_integer_ratio()
    return ExactPrice(amount * 10 ** minor_unit_exponent(currency), parts, currency, _Flat(model))


def per_unit_price(model: PerUnitPrice, quantity: Quantity, currency: str) -> ExactPrice:
    """Every billable unit at the same price, a part of a unit at its part."""
    numerator, denominator = model.billable(quantity)
    price, parts = model.unit_price.as_integer_ratio()
    return ExactPrice(
        numerator * price * 10 ** minor_unit_exponent(currency),
        denominator * parts,
        currency,
        _PerUnit(model, numerator, denominator, quantity),
    )


def package_price(model: PackagePrice, quantity: Quantity, currency: str) -> ExactPrice:
    """A started package is charged in full. Raises `InvalidTerms` for a package without size."""
    numerator, denominator = model.billable(quantity)
    size, size_parts = model.package_size.as_integer_ratio()
    if size <= 0:
        model.require_possible()
    packages = -(-numerator * size_parts // (denominator * size))
    price, parts = model.package_price.as_integer_ratio()
    return ExactPrice(
        packages * price * 10 ** minor_unit_exponent(currency),
        parts,
        currency,
        _Packages(model, packages, quantity),
    )


class _Flat(NamedTuple):
    model: FlatPrice

    def parts(self) -> tuple[PricePart, ...]:
        return (PricePart(PartKind.FLAT, Fraction(1), self.model.amount),)

    def note(self) -> str | None:
        return None


class _PerUnit(NamedTuple):
    model: PerUnitPrice
    numerator: int
    denominator: int
    quantity: Quantity

    def parts(self) -> tuple[PricePart, ...]:
        units = Fraction(self.numerator, self.denominator)
        return (PricePart(PartKind.UNITS, units, self.model.unit_price),)

    def note(self) -> str | None:
        return self.model.quantity_note(self.quantity)


class _Packages(NamedTuple):
    model: PackagePrice
    packages: int
    quantity: Quantity

    def parts(self) -> tuple[PricePart, ...]:
        model = self.model
        return (
            PricePart(
                PartKind.BLOCKS, Fraction(self.packages), model.package_price, block_size=model.package_size
            ),
        )

    def note(self) -> str | None:
        return self.model.quantity_note(self.quantity)
