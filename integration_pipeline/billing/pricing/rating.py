"""Rating: what a quantity costs by a price model.

Belongs here: the one entry point for all models, further usage of a period, fees by transaction.
Does not belong here: the arithmetic of a model (`counted_prices`, `tiered`, `transactions`), what of it was
billed before (`rerating`), rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.pricing.base import Quantity, ratio_of
from integration_pipeline.billing.pricing.counted_prices import flat_amount, package_price, per_unit_price
from integration_pipeline.billing.pricing.custom_prices import custom_price
from integration_pipeline.billing.pricing.exact import ExactPrice, difference
from integration_pipeline.billing.pricing.models import (
    CustomPrice,
    FlatPrice,
    GraduatedPercentagePrice,
    GraduatedPrice,
    PackagePrice,
    PercentagePrice,
    PerUnitPrice,
    PriceModel,
    StairstepPrice,
    VolumePrice,
)
from integration_pipeline.billing.pricing.tiered import Origin, graduated_price, volume_price
from integration_pipeline.billing.pricing.transactions import (
    Transactions,
    percentage_fees,
    percentage_price,
)

Usage = Quantity | Transactions
"""A quantity; for percentage models an amount in currency units, or the transactions it is made of."""


def rate(
    model: PriceModel, usage: Usage, currency: str, policies: Policies, *, tier_by: Quantity | None = None
) -> ExactPrice:
    """What `usage` costs in one billing period, exactly.

    `tier_by` is the quantity that chooses the tier of a volume or stairstep price where that is another than
    the one to be priced, as when units are prorated. Raises `InvalidTerms` for a negative quantity, for one
    beyond a closed last tier (if the policies refuse it), an impossible model, or transactions given to a
    model of units; `CustomRuleFailed` for a custom model that cannot answer; `UnknownCurrency`.
    """
    if isinstance(model, PercentagePrice):
        return percentage_price(model, usage, currency)
    if isinstance(usage, Transactions):
        if not isinstance(model, GraduatedPercentagePrice):
            raise InvalidTerms([("quantity", f"a {model.model} price is of units, not of transactions")])
        usage = usage.total
    match model:
        case GraduatedPrice():
            return graduated_price(
                model.table, model.billable(usage), currency, policies, Origin(model, usage)
            )
        case PerUnitPrice():
            return per_unit_price(model, usage, currency)
        case FlatPrice():
            return flat_amount(model, currency)
        case VolumePrice() | StairstepPrice():
            billable = model.billable(usage)
            chooses = billable if tier_by is None else model.billable(tier_by)
            return volume_price(model.table, billable, chooses, currency, policies, Origin(model, usage))
        case PackagePrice():
            return package_price(model, usage, currency)
        case GraduatedPercentagePrice():
            return graduated_price(model.table, ratio_of(usage), currency, policies, Origin(None, usage))
        case CustomPrice():
            return custom_price(model, usage, currency, policies.custom)


def rate_further(
    model: PriceModel, before: Quantity | None, further: Quantity, currency: str, policies: Policies
) -> ExactPrice:
    """What `further` units cost after `before` ones of the same period: price of all, less that of `before`.

    `before` is None in the first run of a period, which alone may charge a flat fee for no usage.
    """
    if before is None:
        return rate(model, further, currency, policies)
    now = rate(model, Fraction(before) + Fraction(further), currency, policies)
    return difference(now, rate(model, before, currency, policies))


def rate_each(
    model: PercentagePrice | GraduatedPercentagePrice,
    transactions: Sequence[Quantity],
    currency: str,
    policies: Policies,
) -> Iterator[ExactPrice]:
    """The fee of each transaction, given its amount in time order: what it adds to the fees before it.

    So the flat fee of a percentage tier is charged to the transaction that enters the tier, and all fees add
    up to the price of all transactions. Raises as `rate`.
    """
    if isinstance(model, PercentagePrice):
        yield from percentage_fees(model, transactions, currency)
        return
    running = Fraction(0)
    before: ExactPrice | None = None
    for amount in transactions:
        numerator, denominator = ratio_of(amount)
        running += Fraction(numerator, denominator)
        now = rate(model, running, currency, policies)
        yield now if before is None else difference(now, before)
        before = now
