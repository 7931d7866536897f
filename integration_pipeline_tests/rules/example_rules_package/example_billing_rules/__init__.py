"""Billing rules of Example Inc.: an indexed price, a loyalty discount, working days, numbers by year."""

from __future__ import annotations

from collections.abc import Container
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from integration_pipeline.billing.custom import NumberedDocument, NumberSeries, Parameters, Part, Price
from integration_pipeline.billing.invoices import PlannedInvoice
from integration_pipeline.billing.money import round_to_minor
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.terms import ContractTerms


def indexed(*, quantity: Fraction, parameters: Parameters, currency: str) -> Price:
    """A unit price that follows a price index, to four decimals."""
    agreed, base = parameters.decimal("unit_price"), parameters.decimal("base_index")
    index = parameters.decimal("index", default=base)
    if base <= 0:
        raise ValueError(f"base_index is {base}; state the index on which the price was agreed")
    price = (agreed * index / base).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return Price([Part.units(quantity, price)], f"{price} is {agreed} × {index} / {base} to 4 decimals")


def loyalty(*, price: Fraction, parameters: Parameters, currency: str) -> Fraction:
    """A percentage for every full thousand of the price, up to a limit."""
    percent = min(parameters.whole("per_thousand") * int(price / 1000), parameters.whole("at_most"))
    return price * percent / 100


def working_days(*, part: Period, full: Period, parameters: Parameters) -> Fraction:
    """The working days of a part over those of its period; `closed` are holidays."""
    closed = parameters.days("closed")
    return Fraction(_working_days(part, closed), _working_days(full, closed) or 1)


def by_year(*, document: NumberedDocument, parameters: Parameters) -> NumberSeries:
    """A series for every year: US-INV-2026-00001."""
    return NumberSeries(
        f"{document.prefix}{document.issue_date.year}-", parameters.whole("digits", default=5)
    )


def large_documents(*, document: PlannedInvoice, terms: ContractTerms, parameters: Parameters) -> str | None:
    """Somebody looks at what exceeds the limit that is stated for its currency."""
    limit = round_to_minor(parameters.decimal(terms.currency, default=Decimal(10**9)), terms.currency)
    if abs(document.payable.minor) <= limit.minor:
        return None
    return f"{document.payable.format()} is more than {limit.format()}"


def _working_days(period: Period, closed: Container[date]) -> int:
    days = (period.start + timedelta(days=number) for number in range(period.days))
    return sum(day.weekday() < 5 and day not in closed for day in days)
