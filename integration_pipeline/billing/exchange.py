"""Exchange: what a document in one currency comes to in the functional currency of the books.

Belongs here: rates, which rate holds on a day, and functional amounts that add up. Does not belong here:
where rates are fetched from, gains and losses when a receivable is paid or revalued.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.errors import BillingError
from integration_pipeline.billing.money import Money, format_exact, round_ratio, tie_to_total
from integration_pipeline.billing.policies import Policies

_PLACES = 15
"""Most digits before and after a rate's point: more is a slip, and `1E+999999` would fill all memory."""


class InvalidRate(BillingError):  # noqa: N818 - reads as the statement it makes
    """A rate that cannot be one, or two rates for the same day."""


class MissingRate(BillingError):  # noqa: N818
    """There is no rate of a day on or before the one asked for."""

    def __init__(self, currency: str, functional_currency: str, day: date, earliest: date | None) -> None:
        known = "none is known" if earliest is None else f"the earliest known is of {earliest}"
        super().__init__(
            f"no rate from {currency[:20]} to {functional_currency[:20]} on or before {day}: {known}; "
            f"add one that is in force on {day}"
        )


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """One unit of `currency` is `rate` units of `functional_currency`, as `source` published it for `date`.

    Raises `UnknownCurrency`; `InvalidRate` for a rate that is not above zero, has more than 15 digits before
    or after the point, or is not 1 between a currency and itself.
    """

    currency: str
    functional_currency: str
    rate: Decimal
    date: date
    source: str

    def __post_init__(self) -> None:
        for code in (self.currency, self.functional_currency):
            minor_unit_exponent(code)
        pair = f"rate from {self.currency} to {self.functional_currency} of {self.date}"
        if type(self.rate) is not Decimal:
            raise InvalidRate(f"{pair}: {self.rate!r} is no Decimal; a binary float holds few rates exactly")
        if not self.rate.is_finite() or self.rate <= 0:
            raise InvalidRate(
                f"{pair}: {self.rate} is not above zero; state units of the functional currency"
            )
        exponent = self.rate.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -_PLACES or self.rate.adjusted() >= _PLACES:
            raise InvalidRate(f"{pair}: has more than {_PLACES} digits before or after the point; round it")
        if self.currency == self.functional_currency and self.rate != 1:
            raise InvalidRate(f"{pair}: {self.rate} is not 1, and a currency is always worth itself")

    def __str__(self) -> str:
        return f"1 {self.currency} = {self.rate:f} {self.functional_currency} ({self.source}, {self.date})"


class Rates:
    """A table of rates, from which documents take the one in force on their issue date.

    Raises `InvalidRate` if two rates of the same currencies and day differ: nobody can say which one holds.
    Neither the inverse of a rate nor a way over a third currency is ever taken: what was not published is no
    rate.
    """

    def __init__(self, rates: Iterable[ExchangeRate]) -> None:
        by_pair: dict[tuple[str, str], dict[date, ExchangeRate]] = {}
        for rate in rates:
            of_pair = by_pair.setdefault((rate.currency, rate.functional_currency), {})
            known = of_pair.setdefault(rate.date, rate)
            if known.rate != rate.rate:
                raise InvalidRate(f"two rates for one day: {known} and {rate}; keep one of them")
        self._by_pair: Mapping[tuple[str, str], Sequence[ExchangeRate]] = {
            pair: [of_pair[day] for day in sorted(of_pair)] for pair, of_pair in by_pair.items()
        }

    def on(self, day: date, currency: str, functional_currency: str) -> ExchangeRate:
        """The latest rate of `day` or before. Raises `MissingRate`; a currency is worth 1 of itself."""
        if currency == functional_currency:
            return ExchangeRate(currency, currency, Decimal(1), day, "the same currency")
        of_pair = self._by_pair.get((currency, functional_currency), ())
        at = bisect_right(of_pair, day, key=lambda rate: rate.date)
        if at == 0:
            earliest = of_pair[0].date if of_pair else None
            raise MissingRate(currency, functional_currency, day, earliest)
        return of_pair[at - 1]


class _Amount(Protocol):
    @property
    def amount(self) -> Money: ...


class _Document(Protocol):
    @property
    def lines(self) -> Sequence[_Amount]: ...
    @property
    def taxes(self) -> Sequence[_Amount]: ...
    @property
    def total(self) -> Money: ...
    @property
    def tax(self) -> Money: ...


@dataclass(frozen=True, slots=True)
class FunctionalTotals:
    """A document in the functional currency, and the rate it was computed with.

    `lines` and `taxes`, in the document's own order, add up to `net` and `tax`, and those to `payable`.
    """

    net: Money
    tax: Money
    lines: tuple[Money, ...]
    taxes: tuple[Money, ...]
    rate: ExchangeRate
    formula: str

    @property
    def payable(self) -> Money:
        """What the customer owes, or is owed: net and tax."""
        return self.net + self.tax


def in_functional_currency(document: _Document, rate: ExchangeRate, policies: Policies) -> FunctionalTotals:
    """`document` at `rate`: net and tax are rounded once each, lines and taxes tied to them.

    Tax is rounded by itself because it is reported: where an invoice is in another currency, the tax payable
    must be stated in the national one (Council Directive 2006/112/EC, article 230). Raises `InvalidRate` if
    the document is not in the rate's currency.
    """
    currency = document.total.currency
    if currency != rate.currency:
        raise InvalidRate(
            f"the document is in {currency}, the rate is for {rate.currency}: {rate}; "
            f"take a rate from {currency} to {rate.functional_currency}"
        )
    exchange = _Exchange.of(rate)
    net, tax = (exchange.rounded(total, policies) for total in (document.total, document.tax))
    return FunctionalTotals(
        net=net,
        tax=tax,
        lines=exchange.tied([line.amount for line in document.lines], net),
        taxes=exchange.tied([each.amount for each in document.taxes], tax),
        rate=rate,
        formula=f"net {exchange.formula(document.total, net)}; tax {exchange.formula(document.tax, tax)}",
    )


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A rate between minor units: `numerator / denominator` functional ones for each."""

    rate: ExchangeRate
    numerator: int
    denominator: int

    @staticmethod
    def of(rate: ExchangeRate) -> _Exchange:
        numerator, denominator = rate.rate.as_integer_ratio()
        numerator *= 10 ** minor_unit_exponent(rate.functional_currency)
        return _Exchange(rate, numerator, denominator * 10 ** minor_unit_exponent(rate.currency))

    def rounded(self, amount: Money, policies: Policies) -> Money:
        minor = round_ratio(amount.minor * self.numerator, self.denominator, policies.rounding)
        return Money(minor, self.rate.functional_currency)

    def tied(self, amounts: Sequence[Money], total: Money) -> tuple[Money, ...]:
        exact = [amount.minor * self.numerator for amount in amounts]
        return tuple(
            Money(part, total.currency) for part in tie_to_total(exact, self.denominator, total.minor)
        )

    def formula(self, amount: Money, converted: Money) -> str:
        numerator = amount.minor * self.numerator
        text = f"{amount.format()} × {self.rate.rate:f}"
        if numerator == converted.minor * self.denominator:
            return f"{text} = {converted.format()}"
        return (
            f"{text} = {format_exact(numerator, self.denominator, converted.currency)} → {converted.format()}"
        )
