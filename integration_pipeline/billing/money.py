"""Amounts of money, how they are rounded, and how they are divided without losing a minor unit.

Belongs here: `Money`, rounding modes, splits. Does not belong here: reading amounts out of text (mapping),
exchange, tax, or which rounding a contract wants (`policies`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from integration_pipeline.billing.currencies import MINOR_UNITS, minor_unit_exponent
from integration_pipeline.billing.errors import CurrencyMismatch, UnknownCurrency

__all__ = [
    "Money",
    "RoundingMode",
    "allocate",
    "cumulative_split",
    "minor_unit_exponent",
    "round_ratio",
    "round_to_minor",
]


class RoundingMode(StrEnum):
    """Where an amount between two minor units goes. All are symmetric about zero, and monotone."""

    HALF_UP = "half up"
    """To the nearest; a half goes away from zero. What invoices do unless agreed otherwise."""
    HALF_EVEN = "half even"
    HALF_DOWN = "half down"
    UP = "up"
    """Away from zero."""
    DOWN = "down"
    """Towards zero."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount as a whole number of minor units: `Money(1250, "USD")` is 12.50 USD.

    Raises `UnknownCurrency` for a code outside ISO 4217, `TypeError` for an amount that is not an int.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"minor units are a whole number, not {self.minor!r}; round with round_to_minor")
        if self.currency not in MINOR_UNITS:
            raise UnknownCurrency(self.currency)

    def __add__(self, other: Money) -> Money:
        self._require_same_currency(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._require_same_currency(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def format(self) -> str:
        """For people: `12,500.00 USD`, `1,250 JPY`, `-0.005 KWD`."""
        exponent = MINOR_UNITS[self.currency]
        sign = "-" if self.minor < 0 else ""
        if exponent == 0:
            return f"{sign}{abs(self.minor):,} {self.currency}"
        whole, part = divmod(abs(self.minor), 10**exponent)
        return f"{sign}{whole:,}.{part:0{exponent}d} {self.currency}"

    def _require_same_currency(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(self.currency, other.currency)


def round_ratio(numerator: int, denominator: int, mode: RoundingMode) -> int:
    """The whole number nearest to `numerator / denominator` in the sense of `mode`; `denominator` > 0.

    Plain integers because a schedule rounds by the thousand, and a `Fraction` reduces itself every time.
    """
    magnitude, rest = divmod(abs(numerator), denominator)
    match mode:
        case RoundingMode.HALF_UP:
            further = 2 * rest >= denominator
        case RoundingMode.HALF_EVEN:
            further = 2 * rest > denominator or (2 * rest == denominator and magnitude % 2 == 1)
        case RoundingMode.HALF_DOWN:
            further = 2 * rest > denominator
        case RoundingMode.UP:
            further = rest > 0
        case RoundingMode.DOWN:
            further = False
    magnitude += further
    return -magnitude if numerator < 0 else magnitude


def round_to_minor(
    amount: Fraction | Decimal, currency: str, mode: RoundingMode = RoundingMode.HALF_UP
) -> Money:
    """`amount` is in currency units (12.345 USD), exact; the result is in whole minor units.

    Raises `UnknownCurrency`; `ValueError` or `OverflowError` for a Decimal that is not finite.
    """
    numerator, denominator = amount.as_integer_ratio()
    return Money(round_ratio(numerator * 10 ** minor_unit_exponent(currency), denominator, mode), currency)


def allocate(total: Money, weights: Sequence[int | Decimal | Fraction]) -> tuple[Money, ...]:
    """Divide `total` in proportion to `weights` by largest remainder; the parts add up to `total`.

    One part per weight, in order; of equal remainders the earlier part gets the minor unit. A negative
    total divides as its opposite does. Raises `ValueError` if a weight is negative or none is positive.
    """
    shares = [Fraction(weight) for weight in weights]
    whole = sum(shares, Fraction(0))
    if whole <= 0 or any(share < 0 for share in shares):
        raise ValueError(
            f"weights {[str(weight) for weight in weights]} need one above zero and none below it"
        )
    quotas = [abs(total.minor) * share / whole for share in shares]
    parts = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(parts)), key=lambda index: parts[index] - quotas[index])
    for index in by_remainder[: abs(total.minor) - sum(parts)]:
        parts[index] += 1
    sign = -1 if total.minor < 0 else 1
    return tuple(Money(sign * part, total.currency) for part in parts)


def cumulative_split(
    total: Fraction | Decimal,
    cut_points: Sequence[Fraction],
    currency: str,
    mode: RoundingMode = RoundingMode.HALF_UP,
) -> tuple[Money, ...]:
    """Divide an exact `total` (currency units) at `cut_points`, rising shares of it from above 0 to 1.

    Part k is round(total × cut k) − round(total × cut k−1). So what was billed up to any cut is exactly the
    rounded total up to that cut, cutting finer never changes a sum, and no part has the opposite sign.
    Raises `ValueError` if the cuts fall or leave 0..1, `UnknownCurrency`.
    """
    numerator, denominator = total.as_integer_ratio()
    numerator *= 10 ** minor_unit_exponent(currency)
    parts: list[Money] = []
    billed = 0
    reached = Fraction(0)
    for cut in cut_points:
        if not reached <= cut <= 1:
            raise ValueError(f"cut point {cut} after {reached}: cut points rise from 0 to 1")
        upto = round_ratio(numerator * cut.numerator, denominator * cut.denominator, mode)
        parts.append(Money(upto - billed, currency))
        billed, reached = upto, cut
    return tuple(parts)
