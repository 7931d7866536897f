"""Totals of a document, in this order: lines, discounts on the document, taxes, discounts on the grand total,
rounding to an increment, total.

Belongs here: that order, and that everything ties. Does not belong here: each step's arithmetic (`discounts`,
`tax`, `increments`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from integration_pipeline.billing.discounts import (
    Discount,
    DiscountBase,
    apply_discounts,
    distribute,
    exact_shares,
)
from integration_pipeline.billing.money import Money, round_ratio, tie_to_total
from integration_pipeline.billing.policies import DiscountShare, LineRounding, Policies
from integration_pipeline.billing.tax import NO_TAX, TaxableLine, TaxGroup, TaxTerms, compute_taxes
from integration_pipeline.billing.totals.increments import Increment


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """`numerator / denominator` minor units, as priced: with the taxes that its terms say are included."""

    numerator: int
    denominator: int = 1
    tax: TaxTerms = NO_TAX


@dataclass(frozen=True, slots=True)
class LineTotals:
    """A line in whole minor units. `amount` is as priced, `discount` its share of the document's.

    `net` and `taxes` (one per rate of its terms) are what is left. `amount_alone` is the amount rounded by
    itself, which differs from `amount` by a minor unit where only sums are rounded.
    """

    amount: Money
    amount_alone: Money
    discount: Money
    net: Money
    taxes: tuple[Money, ...]

    @property
    def tax(self) -> Money:
        """All taxes of the line."""
        return Money(sum(tax.minor for tax in self.taxes), self.net.currency)


@dataclass(frozen=True, slots=True)
class DocumentTotals:
    """What a document comes to.

    Always: the amounts of lines add up to `subtotal`, their discounts to `discount`, their nets to `net`,
    their taxes and those of the groups to `tax`; net + tax − `grand_total_discount` + `rounding` is `total`.

    `rounding` is a line of its own: the increment's, and the unit by which a total rounded from exact sums
    differs from the sum of rounded parts.
    """

    lines: tuple[LineTotals, ...]
    groups: tuple[TaxGroup, ...]
    subtotal: Money
    discount: Money
    net: Money
    tax: Money
    grand_total_discount: Money
    rounding: Money
    total: Money

    @property
    def effective_tax_percent(self) -> Fraction:
        """Tax as a percentage of net, exact; 0 for a document without net."""
        return Fraction(100 * self.tax.minor, self.net.minor) if self.net else Fraction(0)

    @property
    def formula(self) -> str:
        """`180.00 USD net + 18.00 USD tax − 39.60 USD discount − 0.02 USD rounding = 158.38 USD`."""
        text = f"{self.net.format()} net + {self.tax.format()} tax"
        if self.grand_total_discount:
            text += f" − {self.grand_total_discount.format()} discount"
        if self.rounding:
            sign, size = ("−", -self.rounding) if self.rounding.minor < 0 else ("+", self.rounding)
            text += f" {sign} {size.format()} rounding"
        return f"{text} = {self.total.format()}"


def total_document(
    lines: Sequence[DocumentLine],
    currency: str,
    policies: Policies,
    discounts: Sequence[Discount] = (),
    increment: Increment | None = None,
) -> DocumentTotals:
    """The totals of `lines` under `discounts` on the whole document.

    Raises `UnknownCurrency`, `BillingError` for an increment that is no whole number of minor units.
    """
    exact = [_rounded_line(line, policies) for line in lines]
    amounts = _tied(exact, currency, policies)
    discount, shares = _document_discount(exact, amounts, discounts, currency, policies)
    taxed = compute_taxes(_taxable(exact, discount, amounts, shares, policies), currency, policies)
    on_grand_total = _grand_total_discount(taxed.total, discounts, policies)
    rounding, total = taxed.rounding, taxed.total
    if on_grand_total:
        total -= on_grand_total
    if increment is not None:
        adjustment = increment.difference(total)
        rounding, total = rounding + adjustment, total + adjustment
    return DocumentTotals(
        lines=tuple(
            LineTotals(amount, _alone(line, amount, policies), share, taxed_line.net, taxed_line.taxes)
            for line, amount, share, taxed_line in zip(exact, amounts, shares, taxed.lines, strict=True)
        ),
        groups=taxed.groups,
        subtotal=Money(sum([amount.minor for amount in amounts]), currency),
        discount=discount,
        net=taxed.net,
        tax=taxed.tax,
        grand_total_discount=on_grand_total,
        rounding=rounding,
        total=total,
    )


def _alone(line: TaxableLine, amount: Money, policies: Policies) -> Money:
    if line.denominator == 1:
        return amount
    return Money(round_ratio(line.numerator, line.denominator, policies.rounding), amount.currency)


def _rounded_line(line: DocumentLine, policies: Policies) -> TaxableLine:
    if line.denominator == 1 or policies.lines is LineRounding.SUM_THEN_ROUND:
        return TaxableLine(line.numerator, line.denominator, line.tax)
    return TaxableLine(round_ratio(line.numerator, line.denominator, policies.rounding), 1, line.tax)


def _tied(lines: Sequence[TaxableLine], currency: str, policies: Policies) -> list[Money]:
    denominator = lcm(*[line.denominator for line in lines])
    if denominator == 1:
        return [Money(line.numerator, currency) for line in lines]
    exact = [line.numerator * (denominator // line.denominator) for line in lines]
    whole = round_ratio(sum(exact), denominator, policies.rounding)
    return [Money(minor, currency) for minor in tie_to_total(exact, denominator, whole)]


def _document_discount(
    lines: Sequence[TaxableLine],
    amounts: Sequence[Money],
    discounts: Sequence[Discount],
    currency: str,
    policies: Policies,
) -> tuple[Money, tuple[Money, ...]]:
    """The discount on the price of the document, and what each line bears of it."""
    on_price = [discount for discount in discounts if discount.base is DiscountBase.PRICE]
    nothing = Money(0, currency)
    if not on_price:
        return nothing, (nothing,) * len(lines)
    whole = sum((Fraction(line.numerator, line.denominator) for line in lines), Fraction(0))
    taken = apply_discounts(whole.numerator, whole.denominator, on_price, currency, policies)
    off = whole - Fraction(taken.numerator, taken.denominator)
    discount = Money(round_ratio(off.numerator, off.denominator, policies.rounding), currency)
    shares = distribute(discount, amounts)
    return sum(shares, nothing), shares


def _taxable(
    lines: Sequence[TaxableLine],
    discount: Money,
    amounts: Sequence[Money],
    shares: Sequence[Money],
    policies: Policies,
) -> list[TaxableLine]:
    if not discount:
        return list(lines)
    if policies.discount_share is DiscountShare.EXACT:
        off = exact_shares(discount, amounts)
    else:
        off = [Fraction(share.minor) for share in shares]
    taxable: list[TaxableLine] = []
    for line, share in zip(lines, off, strict=True):
        left = Fraction(line.numerator, line.denominator) - share
        taxable.append(TaxableLine(left.numerator, left.denominator, line.terms))
    return taxable


def _grand_total_discount(total: Money, discounts: Sequence[Discount], policies: Policies) -> Money:
    on_total = [discount for discount in discounts if discount.base is DiscountBase.GRAND_TOTAL]
    if not on_total:
        return Money(0, total.currency)
    left = apply_discounts(total.minor, 1, on_total, total.currency, policies)
    rest = Money(round_ratio(left.numerator, left.denominator, policies.rounding), total.currency)
    return total - rest
