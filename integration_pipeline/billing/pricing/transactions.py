"""What transactions cost by percentage: fixed fees, free allowances, a minimum and maximum fee for each.

Belongs here: transactions as they are given to rating, and the percentage model. Does not belong here: tiers
of percentages (`tiered`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import NamedTuple

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.pricing.base import Quantity
from integration_pipeline.billing.pricing.exact import ExactPrice, PartKind, PricePart
from integration_pipeline.billing.pricing.models import PercentagePrice
from integration_pipeline.billing.pricing.wording import counted


@dataclass(frozen=True, slots=True)
class Transactions:
    """Amounts of transactions in time order, in currency units.

    `rest` is the sum of `rest_count` further ones, whose amounts are known together only.
    """

    amounts: tuple[Quantity, ...]
    rest: Quantity = 0
    rest_count: int = 0

    @staticmethod
    def from_running_totals(running: Sequence[Quantity], total: Quantity, count: int) -> Transactions:
        """`count` transactions that add up to `total`; after each of the first ones the sum was `running`.

        Raises `InvalidTerms` if there are more running totals than transactions.
        """
        if len(running) > count:
            message = f"{len(running)} running totals for {count} transactions; state one for each at most"
            raise InvalidTerms([("running_totals", message)])
        sums = [Fraction(0), *(Fraction(total_then) for total_then in running)]
        amounts = tuple(after - before for before, after in pairwise(sums))
        rest = Fraction(total) - sums[-1]
        if count == len(amounts) + 1:
            return Transactions((*amounts, rest))
        return Transactions(amounts, rest, count - len(amounts))

    @property
    def total(self) -> Fraction:
        """The sum of all amounts."""
        return sum((Fraction(amount) for amount in self.amounts), Fraction(self.rest))


def percentage_price(model: PercentagePrice, usage: Quantity | Transactions, currency: str) -> ExactPrice:
    """The fees of all transactions that pay, as one price. Terms per transaction need the transactions.

    Raises `InvalidTerms` if a term needs amounts that are not known, or an amount is negative.
    """
    model.require_possible()
    if not isinstance(usage, Transactions):
        if model.needs_transactions:
            raise InvalidTerms(
                [("quantity", "fees per transaction need the transactions, not their sum alone")]
            )
        usage = Transactions((usage,))
    amounts, scale = _in_whole_numbers(usage)
    free, covered = _free_transactions(model, amounts, scale)
    allowance_left = free == len(amounts) and not _is_used_up(model, amounts, scale)
    _require_known_amounts(model, usage, allowance_left=allowance_left)
    tally = _tally(model, amounts, free, covered, scale)
    if usage.rest_count:
        tally = tally._replace(paid=tally.paid + Fraction(usage.rest), paying=tally.paying + usage.rest_count)
    return _price_of(tally, currency)


def percentage_fees(
    model: PercentagePrice, amounts: Sequence[Quantity], currency: str
) -> Iterator[ExactPrice]:
    """The fee of each transaction. Raises as `percentage_price`, at the first fee."""
    model.require_possible()
    whole, scale = _in_whole_numbers(Transactions(tuple(amounts)))
    free, covered = _free_transactions(model, whole, scale)
    for index, amount in enumerate(whole):
        if index < free:
            yield _price_of(_tally(model, [amount], 1, Fraction(0), scale), currency)
        else:
            yield _price_of(
                _tally(model, [amount], 0, covered if index == free else Fraction(0), scale), currency
            )


class _Tally(NamedTuple):
    """Transactions that pay, by what decides their fee: rate and fixed fee, the minimum, or the maximum."""

    model: PercentagePrice
    paid: Fraction
    paying: int
    at_minimum: int
    at_maximum: int
    free: int
    free_amount: Fraction

    def parts(self) -> tuple[PricePart, ...]:
        model = self.model
        fees = (
            (self.paying, model.fixed_fee),
            (self.at_minimum, model.minimum_fee or Decimal(0)),
            (self.at_maximum, model.maximum_fee or Decimal(0)),
        )
        return (
            PricePart(PartKind.PERCENT, self.paid, model.rate_percent),
            *(PricePart(PartKind.EVENTS, Fraction(count), fee) for count, fee in fees if count and fee),
        )

    def note(self) -> str | None:
        if not self.free_amount and not self.free:
            return None
        return f"free: {counted(Fraction(self.free))} events, {counted(self.free_amount)} of their sum"


def _in_whole_numbers(usage: Transactions) -> tuple[list[int], int]:
    """All known amounts times one scale, as there may be a hundred thousand of them; and that scale."""
    ratios: list[tuple[int, int]] = []
    for index, amount in enumerate(usage.amounts):
        numerator, denominator = amount.as_integer_ratio()
        if numerator < 0:
            message = f"{amount} is negative; take a refund back by the price it was charged"
            raise InvalidTerms([(f"transactions[{index}]", message)])
        ratios.append((numerator, denominator))
    scale = lcm(*(denominator for _, denominator in ratios))
    return [numerator * (scale // denominator) for numerator, denominator in ratios], scale


def _free_transactions(model: PercentagePrice, amounts: Sequence[int], scale: int) -> tuple[int, Fraction]:
    """How many of the first transactions are free, and how much of the next one still is."""
    if not model.free_events and not model.free_amount:
        return 0, Fraction(0)
    countable = min(model.free_events or len(amounts), len(amounts))
    if not model.free_amount:
        return countable, Fraction(0)
    free_amount = Fraction(model.free_amount) * scale
    running = 0
    for index, amount in enumerate(amounts[:countable]):
        if running + amount > free_amount:
            return index, free_amount - running
        running += amount
    return countable, Fraction(0)


def _is_used_up(model: PercentagePrice, amounts: Sequence[int], scale: int) -> bool:
    """Whether `amounts`, all of them free, leave nothing free to the next transaction."""
    by_events = bool(model.free_events) and len(amounts) >= (model.free_events or 0)
    by_amount = bool(model.free_amount) and sum(amounts) >= Fraction(model.free_amount or 0) * scale
    return by_events or by_amount


def _require_known_amounts(model: PercentagePrice, usage: Transactions, *, allowance_left: bool) -> None:
    """Transactions that are known by their sum alone can only be priced where the sum decides."""
    if usage.rest_count == 0:
        return
    has_allowance = bool(model.free_events or model.free_amount)
    if model.caps_fees or (has_allowance and allowance_left):
        message = f"the amounts of {usage.rest_count} transactions are needed one by one, not as a sum"
        raise InvalidTerms([("transactions", message)])


def _price_of(tally: _Tally, currency: str) -> ExactPrice:
    price = sum((part.amount for part in tally.parts()), Fraction(0))
    return ExactPrice(
        price.numerator * 10 ** minor_unit_exponent(currency), price.denominator, currency, tally
    )


def _tally(
    model: PercentagePrice, amounts: Sequence[int], free: int, covered: Fraction, scale: int
) -> _Tally:
    """Fees are compared with their minimum and maximum as whole numbers over one denominator."""
    rate, rate_parts = model.rate_percent.as_integer_ratio()
    fixed = Fraction(model.fixed_fee)
    unit = lcm(scale * rate_parts * 100, fixed.denominator)
    minimum = None if model.minimum_fee is None else Fraction(model.minimum_fee) * unit
    maximum = None if model.maximum_fee is None else Fraction(model.maximum_fee) * unit
    per_amount = rate * (unit // (scale * rate_parts * 100))
    fixed_fee = int(fixed * unit)
    paid: int | Fraction = 0
    at_minimum = at_maximum = 0
    for index in range(free, len(amounts)):
        charged = amounts[index] - covered if index == free else amounts[index]
        fee = charged * per_amount + fixed_fee
        if minimum is not None and fee < minimum:
            at_minimum += 1
        elif maximum is not None and fee > maximum:
            at_maximum += 1
        else:
            paid += charged
    return _Tally(
        model,
        paid=Fraction(paid) / scale,
        paying=len(amounts) - free - at_minimum - at_maximum,
        at_minimum=at_minimum,
        at_maximum=at_maximum,
        free=free,
        free_amount=Fraction(sum(amounts[:free]) + covered) / scale,
    )
