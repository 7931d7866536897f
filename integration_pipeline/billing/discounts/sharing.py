"""Sharing a discount on a document out over its lines, without losing a minor unit.

Does not belong here: how large the discount is (`application`), or the tax on what is left (`totals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from integration_pipeline.billing.discounts.application import apply_discounts
from integration_pipeline.billing.discounts.terms import Discount
from integration_pipeline.billing.money import Money, round_ratio, tie_to_total
from integration_pipeline.billing.policies import Policies


def distribute(discount: Money, amounts: Sequence[Money]) -> tuple[Money, ...]:
    """The share of `discount` that falls on each line, in proportion to its amount, by largest remainder.

    Lines of zero and credits bear nothing. A discount beyond what the lines come to takes them to zero.
    Raises `CurrencyMismatch`.
    """
    weights = [max(amount.minor, 0) for amount in amounts]
    whole = sum(weights)
    if amounts:
        # Adding amounts of two currencies is refused there.
        sum(amounts, Money(0, discount.currency))
    minor = min(max(discount.minor, 0), whole)
    if not minor:
        return tuple(Money(0, discount.currency) for _ in amounts)
    parts = tie_to_total([minor * weight for weight in weights], whole, minor)
    return tuple(Money(part, discount.currency) for part in parts)


def exact_shares(discount: Money, amounts: Sequence[Money]) -> tuple[Fraction, ...]:
    """As `distribute`, in exact minor units: what tax is computed on where shares are not rounded."""
    weights = [max(amount.minor, 0) for amount in amounts]
    whole = sum(weights)
    minor = min(max(discount.minor, 0), whole)
    return tuple(Fraction(minor * weight, whole) if whole else Fraction(0) for weight in weights)


def less_discount(
    amounts: Sequence[Money], discounts: Sequence[Discount], policies: Policies
) -> tuple[Money, ...]:
    """The parts of one price after `discounts` on their sum, shared out by largest remainder."""
    if not amounts:
        return ()
    currency = amounts[0].currency
    whole = sum(amounts, Money(0, currency))
    left = apply_discounts(whole.minor, 1, discounts, currency, policies)
    rest = Money(round_ratio(left.numerator, left.denominator, policies.rounding), currency)
    shares = distribute(whole - rest, amounts)
    return tuple(amount - share for amount, share in zip(amounts, shares, strict=True))


def discounted_change(
    before: Sequence[Money], after: Sequence[Money], discounts: Sequence[Discount], policies: Policies
) -> tuple[Money, ...]:
    """By how much the discounted price of each part changes, where the discount is on all parts together.

    A fixed discount shifts from part to part as their prices change: two more seats beside an unchanged fee
    draw some of it to the seats. Raises `ValueError` if the parts are not the same.
    """
    old = less_discount(before, discounts, policies)
    new = less_discount(after, discounts, policies)
    return tuple(now - then for then, now in zip(old, new, strict=True))
