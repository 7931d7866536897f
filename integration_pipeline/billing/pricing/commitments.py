"""Commitments on what was rated: a minimum with true-up, a maximum, both per billing period.

Belongs here: what a minimum adds and a maximum takes off, given what was billed before. Does not belong here:
rating itself, the share of a period a commitment is prorated by (`proration`), quantities that were paid for
in advance (`allowances`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.money import Money, RoundingMode, round_to_minor
from integration_pipeline.billing.policies import DifferenceRounding, Policies
from integration_pipeline.billing.pricing.exact import ExactPrice
from integration_pipeline.billing.pricing.wording import counted, price_text


@dataclass(frozen=True, slots=True)
class TrueUp:
    """What is charged on top of `charged` so that the period comes to `share` of `minimum`."""

    minimum: Decimal
    share: Fraction
    charged: Fraction
    """In currency units; made of rounded amounts if the policies take the difference of these."""
    invoiced: Money
    """What the lines that count come to, each rounded, with what was billed before."""
    amount: Money

    @property
    def total(self) -> Money:
        """What the period comes to."""
        return self.invoiced + self.amount

    @property
    def formula(self) -> str:
        """`10,000.00 USD × 25/28 less 7,000.00 USD charged = 1,928.57 USD`."""
        currency = self.amount.currency
        exponent = minor_unit_exponent(currency)
        part = "" if self.share == 1 else f" × {self.share}"
        return (
            f"minimum {price_text(self.minimum, exponent)} {currency}{part} less "
            f"{counted(self.charged, exponent)} {currency} charged = {self.amount.format()}"
        )


def true_up(
    charged: Sequence[ExactPrice],
    minimum: Decimal,
    currency: str,
    policies: Policies,
    *,
    share: Fraction = Fraction(1),
    billed_before: Money | None = None,
) -> TrueUp:
    """What is missing from `charged`, everything that counts towards the minimum of a period; never negative.

    `minimum` is in currency units per full period, of which `share` is asked; `billed_before` counts too.
    By `Policies.difference` either both sides are rounded and then subtracted, or the exact difference is
    rounded: three charges of 0.333 USD against 10.00 USD leave 9.01 USD or 9.00 USD.
    """
    before = billed_before or Money(0, currency)
    rounded = [price.rounded(policies.rounding) for price in charged]
    wanted = Fraction(minimum) * share
    if policies.difference is DifferenceRounding.OF_ROUNDED:
        wanted = _rounded(wanted, currency, policies.rounding)
        counting = sum((_units(amount) for amount in rounded), _units(before))
    else:
        counting = sum((price.amount for price in charged), _units(before))
    return TrueUp(
        minimum=minimum,
        share=share,
        charged=counting,
        invoiced=sum(rounded, before),
        amount=round_to_minor(max(Fraction(0), wanted - counting), currency, policies.rounding),
    )


@dataclass(frozen=True, slots=True)
class Capped:
    """A line under a maximum: its rounded `amount`, less `discount` for what exceeds the maximum."""

    amount: Money
    discount: Money
    maximum: Decimal
    billed_before: Fraction
    """In currency units: what the period came to before this line."""

    @property
    def total(self) -> Money:
        return self.amount - self.discount

    @property
    def formula(self) -> str:
        """`90.00 USD billed before + 75.00 USD − maximum 100.00 USD = 65.00 USD over`."""
        currency = self.amount.currency
        exponent = minor_unit_exponent(currency)
        return (
            f"{counted(self.billed_before, exponent)} {currency} billed before + {self.amount.format()} "
            f"against a maximum of {price_text(self.maximum, exponent)} {currency}: "
            f"{self.discount.format()} over"
        )


def cap(
    lines: Sequence[ExactPrice],
    maximum: Decimal,
    currency: str,
    policies: Policies,
    *,
    billed_before: Decimal | Fraction | Money = Decimal(0),
) -> Iterator[Capped]:
    """The lines of a period in order, each discounted by what exceeds `maximum` (currency units).

    `billed_before` is what the period came to already, net of discounts. A line that takes something back is
    never discounted. By `Policies.difference` the maximum and what was billed are rounded before they are
    subtracted, or only their difference is.
    """
    before = _units(billed_before) if isinstance(billed_before, Money) else Fraction(billed_before)
    limit = Fraction(maximum)
    if policies.difference is DifferenceRounding.OF_ROUNDED:
        before = _rounded(before, currency, policies.rounding)
        limit = _rounded(limit, currency, policies.rounding)
    for line in lines:
        amount = line.rounded(policies.rounding)
        over = before + _units(amount) - limit
        discounted = max(Fraction(0), min(over, _units(amount)))
        discount = round_to_minor(discounted, currency, policies.rounding)
        capped = Capped(amount, discount, maximum, before)
        yield capped
        before += _units(capped.total)


def _units(money: Money) -> Fraction:
    return Fraction(money.minor, 10 ** minor_unit_exponent(money.currency))


def _rounded(amount: Fraction, currency: str, mode: RoundingMode) -> Fraction:
    return _units(round_to_minor(amount, currency, mode))
