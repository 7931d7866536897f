"""What discounts take off an amount, exactly.

Belongs here: stacking order, caps, rounding of the steps. Does not belong here: sharing a discount on a
document out over its lines (`sharing`), or when a discount applies (`terms`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.discounts.terms import Discount
from integration_pipeline.billing.money import format_exact, round_ratio
from integration_pipeline.billing.policies import DiscountOrder, Policies, StepPrecision


@dataclass(frozen=True, slots=True)
class TakenDiscount:
    """What one discount took off: `numerator / denominator` minor units."""

    discount: Discount
    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True)
class Discounted:
    """What is left, `numerator / denominator` minor units, not reduced, and what was taken, in that order."""

    numerator: int
    denominator: int
    taken: tuple[TakenDiscount, ...]

    def formula(self, price: str, currency: str) -> str:
        """`price`, then what each discount took: `360.00 USD − 10 % (launch): 36.00 USD`."""
        steps = [
            f" − {item.discount.label}: {format_exact(item.numerator, item.denominator, currency)}"
            for item in self.taken
        ]
        return price + "".join(steps)


def apply_discounts(
    numerator: int,
    denominator: int,
    discounts: Sequence[Discount],
    currency: str,
    policies: Policies,
    places: int | None = None,
) -> Discounted:
    """Take `discounts` off `numerator / denominator` minor units (`denominator` > 0).

    In the order of `Policies.discount_order`, each at most what is left, so the rest never changes sign; an
    amount takes nothing off a credit. `places` are the decimals of currency units to which each discount is
    rounded; left out, `Policies.steps` says: none for exact steps. The result's denominator grows with every
    discount that has decimals, and by 100 for each percentage. Raises `CustomRuleFailed`.
    """
    exponent = minor_unit_exponent(currency)
    if places is None:
        places = _step_places(policies.steps, exponent)
    in_order = discounts
    if policies.discount_order is DiscountOrder.PERCENT_FIRST and len(discounts) > 1:
        in_order = sorted(discounts, key=lambda discount: discount.percent is None)
    off_the_total = policies.discount_order is DiscountOrder.OFF_THE_TOTAL
    whole, per = numerator, denominator
    taken: list[TakenDiscount] = []
    for discount in in_order:
        base = (whole, per) if off_the_total else (numerator, denominator)
        off, off_per = _taken_off(discount, base, currency, policies)
        if places is not None:
            scale = 10 ** max(places - exponent, 0)
            off, off_per = round_ratio(off * scale, off_per, policies.rounding), scale
        common = lcm(denominator, off_per)
        rest, off = numerator * (common // denominator), off * (common // off_per)
        off = min(off, rest) if rest >= 0 else max(off, rest)
        numerator, denominator = rest - off, common
        taken.append(TakenDiscount(discount, off, common))
    return Discounted(numerator, denominator, tuple(taken))


def _taken_off(
    discount: Discount, base: tuple[int, int], currency: str, policies: Policies
) -> tuple[int, int]:
    """What a discount takes off `base` before any cap."""
    scale = 10 ** minor_unit_exponent(currency)
    if discount.percent is not None and discount.percent_of is None:
        percent, per = discount.percent.as_integer_ratio()
        return base[0] * percent, base[1] * per * 100
    if base[0] <= 0:
        return 0, 1
    if discount.percent is not None and discount.percent_of is not None:
        percent, per = discount.percent.as_integer_ratio()
        other, other_per = discount.percent_of.as_integer_ratio()
        return other * scale * percent, other_per * per * 100
    if discount.custom is not None:
        price = Fraction(base[0], base[1] * scale)
        off = policies.custom.discount(discount.custom, price, discount.parameters, currency)
        return off.numerator * scale, off.denominator
    if discount.amount is None:
        return 0, 1
    amount, per = discount.amount.as_integer_ratio()
    return amount * scale, per


def _step_places(steps: StepPrecision, exponent: int) -> int | None:
    match steps:
        case StepPrecision.EXACT:
            return None
        case StepPrecision.CURRENCY:
            return exponent
        case StepPrecision.TWO_MORE:
            return exponent + 2
