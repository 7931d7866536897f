"""An exact price and the parts it is made of.

Belongs here: `ExactPrice`, its parts, sums and differences of prices, what rounding did to one. Does not
belong here: how a quantity becomes a price (`rating`), or which rounding a contract wants (`policies`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from fractions import Fraction
from math import lcm
from typing import Protocol

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.errors import CurrencyMismatch
from integration_pipeline.billing.money import Money, RoundingMode, round_ratio
from integration_pipeline.billing.pricing.wording import counted, percent_text, price_text

__all__ = ["ExactPrice", "PartKind", "PriceBasis", "PricePart", "describe_rounding", "difference", "sum_of"]


class PartKind(Enum):
    """What the quantity of a part counts."""

    UNITS = auto()
    BLOCKS = auto()
    """Started blocks, or packages, of `block_size` units."""
    FLAT = auto()
    """A fixed amount, once."""
    PERCENT = auto()
    """The quantity is an amount in currency units, the price a percentage of it."""
    EVENTS = auto()
    """Transactions with a fixed fee each, or with a minimum or maximum fee."""


@dataclass(frozen=True, slots=True)
class PricePart:
    """One product of a formula: `quantity` × `price` (currency units, or percent), exactly.

    `tier` counts from 1; None where the model has no tiers. A negative quantity takes back what an earlier
    run of the same period billed.
    """

    kind: PartKind
    quantity: Fraction
    price: Decimal
    tier: int | None = None
    block_size: Decimal | None = None

    @property
    def amount(self) -> Fraction:
        """In currency units, not rounded."""
        product = self.quantity * Fraction(self.price)
        return product / 100 if self.kind is PartKind.PERCENT else product

    def text(self, currency: str) -> str:
        """As written in a formula: `10 × 1.50 USD`, `2.00 USD`, `400.00 USD × 1.3 %`."""
        exponent = minor_unit_exponent(currency)
        price = f"{price_text(self.price, exponent)} {currency}"
        match self.kind:
            case PartKind.UNITS:
                return f"{counted(self.quantity)} × {price}"
            case PartKind.BLOCKS:
                size = counted(Fraction(self.block_size or 1))
                blocks = "block" if self.quantity == 1 else "blocks"
                return f"{counted(self.quantity)} {blocks} of {size} × {price}"
            case PartKind.FLAT:
                return price if self.quantity == 1 else f"{counted(self.quantity)} × {price}"
            case PartKind.PERCENT:
                return f"{counted(self.quantity, exponent)} {currency} × {percent_text(self.price)}"
            case PartKind.EVENTS:
                events = "event" if self.quantity == 1 else "events"
                return f"{counted(self.quantity)} {events} × {price}"


class PriceBasis(Protocol):
    """What a price was computed from: numbers, made into parts and text only when somebody looks."""

    def parts(self) -> tuple[PricePart, ...]:
        """Products that add up to the price exactly, in the order of the formula."""
        ...

    def note(self) -> str | None:
        """What was done to the quantity before it was priced: `20 is 120 less 100 included`."""
        ...


@dataclass(frozen=True, slots=True)
class ExactPrice:
    """`numerator / denominator` minor units of `currency`, not rounded, and what it was made from.

    A pair of integers, not a `Fraction`: it is multiplied and rounded once per line and never reduced.
    """

    numerator: int
    denominator: int
    currency: str
    basis: PriceBasis | str

    @property
    def formula(self) -> str:
        """For people with a calculator: `10 × 1.50 USD + 100 × 1.00 USD + 1 × 0.50 USD`."""
        if isinstance(self.basis, str):
            return self.basis
        written = _as_sum(self.basis.parts(), self.currency)
        note = self.basis.note()
        return written if note is None else f"{written} ({note})"

    @property
    def parts(self) -> tuple[PricePart, ...]:
        """The products that add up to the price; none where the formula was given as text."""
        return () if isinstance(self.basis, str) else self.basis.parts()

    @property
    def amount(self) -> Fraction:
        """The exact price in currency units."""
        return Fraction(self.numerator, self.denominator * 10 ** minor_unit_exponent(self.currency))

    def tier_amounts(self) -> tuple[tuple[int, Fraction], ...]:
        """(tier, exact amount in currency units) of every tier that was entered, flat fee included."""
        amounts: dict[int, Fraction] = {}
        for part in self.parts:
            if part.tier is not None:
                amounts[part.tier] = amounts.get(part.tier, Fraction(0)) + part.amount
        return tuple(amounts.items())

    def lines(self) -> tuple[ExactPrice, ...]:
        """Every part that is worth something as a price of its own, where parts are invoiced line by line."""
        scale = 10 ** minor_unit_exponent(self.currency)
        return tuple(
            ExactPrice(
                part.amount.numerator * scale, part.amount.denominator, self.currency, PartList((part,))
            )
            for part in self.parts
            if part.amount
        )

    def rounded(self, mode: RoundingMode) -> Money:
        """In whole minor units."""
        return Money(round_ratio(self.numerator, self.denominator, mode), self.currency)


@dataclass(frozen=True, slots=True)
class PartList:
    """A basis whose parts are known already."""

    listed: tuple[PricePart, ...]

    def parts(self) -> tuple[PricePart, ...]:
        return self.listed

    def note(self) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class _Sum:
    added: tuple[ExactPrice, ...]

    def parts(self) -> tuple[PricePart, ...]:
        return tuple(part for price in self.added for part in price.parts)

    def note(self) -> str | None:
        return None


_What = tuple[PartKind, Decimal, int | None, Decimal | None]
"""All of a part but its quantity."""


@dataclass(frozen=True, slots=True)
class _Difference:
    now: ExactPrice
    before: ExactPrice

    def parts(self) -> tuple[PricePart, ...]:
        """Same price in the same tier: the further quantity. Otherwise the new part, the old taken back."""
        quantities: dict[_What, Fraction] = {}
        for sign, parts in ((1, self.now.parts), (-1, self.before.parts)):
            for part in parts:
                what = (part.kind, part.price, part.tier, part.block_size)
                quantities[what] = quantities.get(what, Fraction(0)) + sign * part.quantity
        return tuple(
            PricePart(kind, quantity, price, tier, block_size)
            for (kind, price, tier, block_size), quantity in quantities.items()
            if quantity
        )

    def note(self) -> str | None:
        return None


def sum_of(prices: Sequence[ExactPrice], currency: str) -> ExactPrice:
    """All `prices` together, exactly. Raises `CurrencyMismatch`."""
    for price in prices:
        if price.currency != currency:
            raise CurrencyMismatch(currency, price.currency)
    denominator = lcm(*(price.denominator for price in prices))
    numerator = sum(price.numerator * (denominator // price.denominator) for price in prices)
    return ExactPrice(numerator, denominator, currency, _Sum(tuple(prices)))


def difference(now: ExactPrice, before: ExactPrice) -> ExactPrice:
    """What `now` costs more than `before`, exactly; less is negative. Raises `CurrencyMismatch`."""
    if now.currency != before.currency:
        raise CurrencyMismatch(now.currency, before.currency)
    return ExactPrice(
        now.numerator * before.denominator - before.numerator * now.denominator,
        now.denominator * before.denominator,
        now.currency,
        _Difference(now, before),
    )


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


def _as_sum(parts: Sequence[PricePart], currency: str) -> str:
    """Parts that are worth nothing are left out, unless there is nothing else to show."""
    shown = [part for part in parts if part.amount] or parts[:1]
    if not shown:
        return f"{price_text(Decimal(0), minor_unit_exponent(currency))} {currency}"
    first, *others = (part.text(currency) for part in shown)
    return first + "".join(
        f" − {text.removeprefix('-')}" if text.startswith("-") else f" + {text}" for text in others
    )
