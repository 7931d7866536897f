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
from math import lcm

from integration_pipeline.billing.currencies import MINOR_UNITS, minor_unit_exponent
from integration_pipeline.billing.errors import CurrencyMismatch, UnknownCurrency

__all__ = [
    "Money",
    "RoundingMode",
    "allocate",
    "allocate_units",
    "cumulative_split",
    "format_exact",
    "minor_unit_exponent",
    "round_ratio",
    "round_to_minor",
    "tie_to_total",
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

    def to_decimal(self) -> Decimal:
        """In currency units with the currency's decimals: `12.50`, as other systems write it."""
        return Decimal(self.minor).scaleb(-MINOR_UNITS[self.currency])

    @classmethod
    def exactly(cls, amount: Decimal, currency: str) -> Money:
        """The other way round. Raises `ValueError` if the amount has parts of a minor unit, or is no number.

        What another system says is taken as it is or not at all: nothing is rounded here.
        """
        scaled = amount.scaleb(minor_unit_exponent(currency)) if amount.is_finite() else amount
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise ValueError(f"{amount} {currency} is not a whole number of minor units")
        return cls(int(scaled), currency)

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
    return tuple(Money(part, total.currency) for part in allocate_units(total.minor, weights))


def allocate_units(total: int, weights: Sequence[int | Decimal | Fraction]) -> tuple[int, ...]:
    """As `allocate`, for whole units of anything: points, tokens, a currency of one's own."""
    shares = [Fraction(weight) for weight in weights]
    whole = sum(shares, Fraction(0))
    if whole <= 0 or any(share < 0 for share in shares):
        raise ValueError(
            f"weights {[str(weight) for weight in weights]} need one above zero and none below it"
        )
    scale = lcm(*(share.denominator for share in shares))
    integers = [share.numerator * (scale // share.denominator) for share in shares]
    return tie_to_total([total * share for share in integers], sum(integers), total)


def tie_to_total(numerators: Sequence[int], denominator: int, total: int) -> tuple[int, ...]:
    """Whole numbers that add up to `total`, each as near as that allows to `numerator / denominator` (> 0).

    By largest remainder; of equal remainders the earlier part gets the unit. Numerators may have either sign;
    if `total` is negative the parts are those of the opposite numbers. Without parts, nothing ties: `()`.
    """
    if not numerators:
        return ()
    if total < 0:
        return tuple(-part for part in tie_to_total([-part for part in numerators], denominator, -total))
    divided = [divmod(numerator, denominator) for numerator in numerators]
    missing = total - sum(part for part, _ in divided)
    if missing == 0:
        return tuple(part for part, _ in divided)
    # Usually less than one unit for each; more where the total was rounded by another rule than the parts.
    for_each, missing = divmod(missing, len(divided))
    by_remainder = sorted(range(len(divided)), key=lambda index: -divided[index][1])
    parts = [part + for_each for part, _ in divided]
    for index in by_remainder[:missing]:
        parts[index] += 1
    return tuple(parts)


def format_exact(numerator: int, denominator: int, currency: str) -> str:
    """An exact amount in minor units, in currency units for people: `448.39221 USD`, `156.774193… USD`."""
    exponent = minor_unit_exponent(currency)
    digits, rest = divmod(abs(numerator) * 10**6, denominator)
    whole, part = divmod(digits, 10 ** (exponent + 6))
    decimals = f"{part:0{exponent + 6}d}"
    if not rest:
        decimals = decimals[:exponent] + decimals[exponent:].rstrip("0")
    sign = "-" if numerator < 0 else ""
    return f"{sign}{whole:,}{'.' if decimals else ''}{decimals}{'…' if rest else ''} {currency}"


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
