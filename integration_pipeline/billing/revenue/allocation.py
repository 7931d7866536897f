"""Dividing a transaction price among promises by their standalone selling prices (ASC 606-10-32-28 to 32-41).

Belongs here: the allocation, its ratios, the discount and what it moved between lines. Does not belong here:
estimating standalone prices, or recognizing what was allocated (`recognition`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money, RoundingMode, allocate, minor_unit_exponent, round_ratio
from integration_pipeline.billing.policies import Policies, PriceAllocation
from integration_pipeline.billing.revenue.obligations import Obligation, Promise


@dataclass(frozen=True, slots=True)
class AllocatedPart:
    """The part of the price that one promise got. `weight` of `whole`, in currency units, decided it."""

    promise: Promise
    amount: Money
    weight: Fraction
    whole: Fraction

    @property
    def key(self) -> str:
        """The promise's key."""
        return self.promise.key

    @property
    def carve(self) -> Money | None:
        """What allocation moved to this promise (negative: away), against its stated price if it has one."""
        return None if self.promise.stated_price is None else self.amount - self.promise.stated_price

    def ratio(self, places: int = 6) -> Decimal:
        """The promise's share of all standalone prices, half up to `places` decimals."""
        share = self.weight / self.whole
        scaled = round_ratio(share.numerator * 10**places, share.denominator, RoundingMode.HALF_UP)
        return Decimal(scaled).scaleb(-places)


@dataclass(frozen=True, slots=True)
class Allocation:
    """A price divided among promises, in the order in which they were given; the parts add up to it.

    `by_stated_prices` says that no standalone price was known and the contract's own prices decided.
    """

    price: Money
    parts: tuple[AllocatedPart, ...]
    by_stated_prices: bool
    policies: Policies = field(repr=False)

    @property
    def amounts(self) -> dict[str, Money]:
        """The allocated amount by key."""
        return {part.key: part.amount for part in self.parts}

    @property
    def standalone_total(self) -> Fraction:
        """The sum of all standalone selling prices, in currency units, exact."""
        return sum((part.promise.standalone_price for part in self.parts), Fraction(0))

    @property
    def discount(self) -> Money:
        """By how much the price is below the sum of standalone prices; negative if above."""
        whole = self.standalone_total * 10 ** minor_unit_exponent(self.price.currency)
        minor = round_ratio(whole.numerator, whole.denominator, self.policies.rounding)
        return Money(minor - self.price.minor, self.price.currency)

    def obligations(self) -> tuple[Obligation, ...]:
        """The promises with what each got."""
        return tuple(
            Obligation(
                part.key,
                part.promise.sequence,
                part.amount,
                part.promise.standalone_price,
                part.promise.recognition,
            )
            for part in self.parts
        )

    def formula(self, key: str) -> str:
        """The part of one promise with its numbers: `1,530.00 USD × 1200/1800 = 1,020.00 USD (...)`."""
        part = next(each for each in self.parts if each.key == key)
        by = "stated prices" if self.by_stated_prices else "standalone selling prices"
        return (
            f"{self.price.format()} × {_plain(part.weight)}/{_plain(part.whole)} = {part.amount.format()} "
            f"(relative {by}; {self.policies.price_allocation})"
        )


def allocate_price(price: Money, promises: Sequence[Promise], policies: Policies) -> Allocation:
    """Divide `price` in proportion to standalone selling prices; if all are zero, to the stated prices.

    The order of `promises` decides nothing but the order of the answer: ties go by `sequence`. Raises
    `InvalidTerms` for no promises, a repeated key or sequence, a negative price, or nothing to go by.
    """
    problems = _problems(promises)
    weights = [promise.standalone_price for promise in promises]
    by_stated_prices = not problems and not any(weights)
    if by_stated_prices:
        # One unit serves all: the promises' currency is the price's, and only proportions count.
        weights = [Fraction(each.stated_price.minor if each.stated_price else 0) for each in promises]
        exponent = minor_unit_exponent(price.currency)
        weights = [weight / 10**exponent for weight in weights]
        if not any(weights):
            problems = [("standalone_price", "all are zero and no price is stated; state one of the two")]
        problems += [
            (f"promises[{index}].stated_price", f"{weight} is negative and cannot be a share")
            for index, weight in enumerate(weights)
            if weight < 0
        ]
    if problems:
        raise InvalidTerms(problems)
    in_sequence = sorted(range(len(promises)), key=lambda index: promises[index].sequence)
    shares = _divide(price, [weights[index] for index in in_sequence], policies)
    amounts = dict(zip(in_sequence, shares, strict=True))
    whole = sum(weights, Fraction(0))
    parts = tuple(
        AllocatedPart(promise, amounts[index], weights[index], whole)
        for index, promise in enumerate(promises)
    )
    return Allocation(price, parts, by_stated_prices, policies)


def stated_total(promises: Sequence[Promise]) -> Money:
    """The price of a contract that states one price per promise and no other.

    Raises `InvalidTerms` if a promise states none.
    """
    stated = [promise.stated_price for promise in promises]
    prices = [price for price in stated if price is not None]
    if not prices or len(prices) < len(stated):
        missing = [f"promises[{index}].stated_price" for index, each in enumerate(stated) if each is None]
        raise InvalidTerms(
            [(path, "is missing; state every price or the total") for path in missing or ["promises"]]
        )
    return sum(prices[1:], prices[0])


def _divide(price: Money, weights: Sequence[Fraction], policies: Policies) -> tuple[Money, ...]:
    match policies.price_allocation:
        case PriceAllocation.LARGEST_REMAINDER:
            return allocate(price, weights)
        case PriceAllocation.REST_TO_LARGEST:
            whole = sum(weights, Fraction(0))
            quotas = [price.minor * weight / whole for weight in weights]
            minors = [round_ratio(each.numerator, each.denominator, policies.rounding) for each in quotas]
            largest = max(range(len(minors)), key=lambda index: abs(minors[index]))
            minors[largest] += price.minor - sum(minors)
            return tuple(Money(minor, price.currency) for minor in minors)


def _problems(promises: Sequence[Promise]) -> list[tuple[str, str]]:
    if not promises:
        return [("promises", "there are none; a price is allocated to at least one")]
    problems: list[tuple[str, str]] = []
    keys: set[str] = set()
    sequences: set[int] = set()
    for index, promise in enumerate(promises):
        path = f"promises[{index}]"
        if promise.key in keys:
            problems.append((f"{path}.key", f"{promise.key[:80]!r} is used twice; name each promise once"))
        if promise.sequence in sequences:
            problems.append((f"{path}.sequence", f"{promise.sequence} is used twice; ties need an order"))
        if promise.standalone_price < 0:
            problems.append((f"{path}.standalone_price", f"{promise.standalone_price} is negative"))
        keys.add(promise.key)
        sequences.add(promise.sequence)
    return problems


def _plain(value: Fraction) -> str:
    """A decimal where the value has one, for people with a calculator."""
    decimal = Decimal(value.numerator) / Decimal(value.denominator)
    return f"{decimal.normalize():f}" if Fraction(decimal) == value else str(value)
