"""What all price models share: their strictness, and how a quantity is read before it is priced.

Does not belong here: any particular model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import RoundingMode, round_ratio
from integration_pipeline.billing.pricing.wording import counted
from integration_pipeline.billing.term_model import Problem, TermsModel
from integration_pipeline.billing.term_values import DECIMAL_PLACES, TermDecimal

Quantity = int | Decimal | Fraction
"""A number of units, exact; of a percentage model the amount in currency units that the percentage is of."""


class QuantityRounding(TermsModel):
    """A quantity is priced with so many decimals: 4.6 at no decimals, down, is priced as 4."""

    decimals: Annotated[int, Field(strict=True, ge=0, le=DECIMAL_PLACES)]
    mode: RoundingMode = RoundingMode.DOWN


class PriceModelTerms(TermsModel):
    """What every model has, and the promise that an impossible one is refused, not priced."""

    def impossibilities(self) -> Iterator[Problem]:
        """Every (field, message) that contradicts this price on its own; what prices refuse is up to each."""
        yield from ()

    def require_possible(self) -> None:
        """Raises `InvalidTerms` with every problem found."""
        problems = [(f"price.{field}", message) for field, message in self.impossibilities()]
        if problems:
            raise InvalidTerms(problems)


class CountedPrice(PriceModelTerms):
    """A price of counted units.

    The quantity is rounded by `quantity_rounding`, then `included_quantity` is taken off; only what lies
    beyond is priced, and tiers count from there.
    """

    included_quantity: TermDecimal = Decimal(0)
    quantity_rounding: QuantityRounding | None = None

    def impossibilities(self) -> Iterator[Problem]:
        yield from super().impossibilities()
        if self.included_quantity < 0:
            yield "included_quantity", f"{self.included_quantity} is negative"

    def billable(self, quantity: Quantity) -> tuple[int, int]:
        """The quantity to be priced as numerator and denominator. Raises `InvalidTerms` if it is negative."""
        numerator, denominator = ratio_of(quantity)
        if self.quantity_rounding is not None:
            scale = 10**self.quantity_rounding.decimals
            numerator = round_ratio(numerator * scale, denominator, self.quantity_rounding.mode)
            denominator = scale
        if self.included_quantity:
            included, parts = self.included_quantity.as_integer_ratio()
            numerator = max(0, numerator * parts - included * denominator)
            denominator *= parts
        return numerator, denominator

    def quantity_note(self, quantity: Quantity) -> str | None:
        """How the priced quantity came about: `20 is 120 less 100 included`; None where nothing was done."""
        steps: list[str] = []
        taken = Fraction(quantity)
        if self.quantity_rounding is not None:
            decimals, mode = self.quantity_rounding.decimals, self.quantity_rounding.mode
            rounded = Fraction(
                round_ratio(taken.numerator * 10**decimals, taken.denominator, mode), 10**decimals
            )
            if rounded != taken:
                steps.append(f"{counted(rounded)} is {counted(taken)} to {decimals} decimals, {mode}")
            taken = rounded
        if self.included_quantity:
            included = Fraction(self.included_quantity)
            beyond = max(Fraction(0), taken - included)
            steps.append(f"{counted(beyond)} is {counted(taken)} less {counted(included)} included")
        return "; ".join(steps) or None


def ratio_of(quantity: Quantity) -> tuple[int, int]:
    """Numerator and denominator. Raises `InvalidTerms` if the quantity is negative, or no number at all."""
    try:
        numerator, denominator = quantity.as_integer_ratio()
    except (ValueError, OverflowError):
        raise InvalidTerms([("quantity", f"{quantity} is not a finite number")]) from None
    if numerator < 0:
        raise InvalidTerms([("quantity", f"{quantity} is negative; credit with a price of its own instead")])
    return numerator, denominator


def total_quantity(quantities: Sequence[Quantity]) -> Fraction:
    """All of them together, exactly."""
    return sum((Fraction(quantity) for quantity in quantities), Fraction(0))


def negative(field: str, value: Decimal | None, advice: str = "") -> Iterator[Problem]:
    """The problem of a value below zero, if it is."""
    if value is not None and value < 0:
        yield field, f"{value} is negative" + (f"; {advice}" if advice else "")
