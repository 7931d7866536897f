"""What contracts will invoice, collect and earn, month by month and currency by currency.

Belongs here: adding up planned documents and their revenue by month, and the proof that the totals tie. Does
not belong here: how any of it is shown (`exports`, `chart`), which usage belongs to which contract (`usage`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from integration_pipeline.billing.consolidation import CustomerDocument, consolidate
from integration_pipeline.billing.invoices import DocumentKind
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import add_months
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.revenue.releases import Booked, Earnings, RevenueLine
from integration_pipeline.billing.schedule import BillingSchedule, UsageBook, schedule_of_versions
from integration_pipeline.billing.terms import ContractTerms
from integration_pipeline.billing.versions import TermsVersion

Contract = Sequence[TermsVersion]
"""The terms of one contract in the order in which they were booked, by one at least."""
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """One calendar month (`month` is its first day) in one currency; credit notes count negative.

    `invoiced` is net of tax and by issue date, `cash_due` what documents ask for, tax included, by due date.
    `deferred` (billed, not earned yet) and `contract_asset` (earned, not billed yet) are balances at its end.
    """

    month: date
    invoiced: Money
    tax: Money
    cash_due: Money
    revenue: Money
    deferred: Money
    contract_asset: Money


@dataclass(frozen=True, slots=True)
class Tie:
    """An equation between totals that come from different computations."""

    formula: str
    holds: bool


@dataclass(frozen=True, slots=True)
class CurrencyFigures:
    """All contracts of one currency. `due_later` is due after the last month, and invoiced in one of them."""

    currency: str
    months: tuple[MonthFigures, ...]
    contracts: int
    invoices: int
    credit_notes: int
    due_later: Money

    @property
    def totals(self) -> MonthFigures:
        """The sums of all months, dated the first; the balances are those at the end of the last."""
        first, last = self.months[0], self.months[-1]
        return MonthFigures(
            first.month,
            self._sum(month.invoiced for month in self.months),
            self._sum(month.tax for month in self.months),
            self._sum(month.cash_due for month in self.months),
            self._sum(month.revenue for month in self.months),
            last.deferred,
            last.contract_asset,
        )

    @property
    def ties(self) -> tuple[Tie, Tie]:
        """What is invoiced falls due, and what is invoiced is earned or deferred."""
        total, end = self.totals, add_months(self.months[-1].month, 1) - _ONE_DAY
        return (
            Tie(
                f"invoiced {total.invoiced.format()} + tax {total.tax.format()} = "
                f"due {total.cash_due.format()} + due after {end} {self.due_later.format()}",
                total.invoiced + total.tax == total.cash_due + self.due_later,
            ),
            Tie(
                f"invoiced {total.invoiced.format()} = revenue {total.revenue.format()} + deferred on {end} "
                f"{total.deferred.format()} − contract asset {total.contract_asset.format()}",
                total.invoiced == total.revenue + total.deferred - total.contract_asset,
            ),
        )

    def _sum(self, amounts: Iterable[Money]) -> Money:
        return sum(amounts, Money(0, self.currency))


@dataclass(frozen=True, slots=True)
class Simulation:
    """What was simulated, by currency code, all over the same months; `horizon` is the day after the last."""

    horizon: date
    policies: Policies
    currencies: tuple[CurrencyFigures, ...]

    @property
    def ties(self) -> bool:
        """Whether the totals of every currency tie."""
        return all(tie.holds for currency in self.currencies for tie in currency.ties)


def horizon_of(until: date) -> date:
    """The end of the month that holds the last day before `until`: months are simulated as wholes."""
    return add_months((until - _ONE_DAY).replace(day=1), 1)


def simulate(
    contracts: Sequence[Contract],
    policies: Policies,
    until: date,
    usage: Mapping[str, UsageBook] | None = None,
) -> Simulation:
    """Plan `contracts` and add up their months before `until`, a whole month where it falls within one.

    `usage` is by contract id; a metered charge without it bills what it bills when nothing is used. Documents
    of contracts that say so are consolidated first. Revenue is recognized as `policies` say. Raises
    `InvalidTerms` for a contract that cannot be planned, `BillingError` for one that is given twice.
    """
    horizon = horizon_of(until)
    books = usage or {}
    planned: list[tuple[ContractTerms, BillingSchedule]] = []
    sums: dict[str, _Sums] = {}
    for versions in contracts:
        latest = versions[-1].terms
        book = books.get(latest.contract_id)
        planned.append((latest, schedule_of_versions(versions, policies, usage=book, until=horizon)))
        sums.setdefault(latest.currency, _Sums()).contracts += 1
    documents = consolidate(planned)
    for document in documents:
        sums[document.document.total.currency].add_document(document, horizon)
    earnings = Earnings.of(_revenue_lines(documents), policies)
    for line in earnings.lines.values():
        of_currency = sums[line.amount.currency]
        for month, moved in _movements(line, earnings, horizon):
            of_currency.add_movement(month, moved)
    moving = {currency: of_currency for currency, of_currency in sorted(sums.items()) if of_currency.months}
    first = min((month for of_currency in moving.values() for month in of_currency.months), default=horizon)
    return Simulation(
        horizon,
        policies,
        tuple(of_currency.figures(currency, first, horizon) for currency, of_currency in moving.items()),
    )


def _revenue_lines(documents: Sequence[CustomerDocument]) -> Iterator[RevenueLine]:
    for number, each in enumerate(documents):
        for place, line in enumerate(each.document.lines):
            yield RevenueLine(
                f"{number}/{place}", line.amount, each.document.issue_date, line.revenue, line.service_period
            )


def _movements(line: RevenueLine, earnings: Earnings, horizon: date) -> Iterator[tuple[date, Booked]]:
    """What the books move for a line in each month: nothing does before its first day or after its last."""
    period = line.service_period
    first, last = line.issue_date, line.issue_date
    if period is not None:
        first, last = min(first, period.start), max(last, period.end - _ONE_DAY)
    month, before = first.replace(day=1), Booked()
    while month <= last and month < horizon:
        following = add_months(month, 1)
        booked = earnings.by_invoice(line, following) + earnings.beyond_invoice(line, following)
        if booked != before:
            yield month, booked - before
        month, before = following, booked


@dataclass(slots=True)
class _Month:
    """Minor units that move in a month."""

    invoiced: int = 0
    tax: int = 0
    cash_due: int = 0
    booked: Booked = field(default_factory=Booked)


@dataclass(slots=True)
class _Sums:
    """What adds up to the figures of a currency."""

    contracts: int = 0
    invoices: int = 0
    credit_notes: int = 0
    due_later: int = 0
    months: dict[date, _Month] = field(default_factory=dict[date, _Month])

    def add_document(self, document: CustomerDocument, horizon: date) -> None:
        planned = document.document
        if planned.issue_date >= horizon:
            return
        if planned.kind is DocumentKind.CREDIT_NOTE:
            self.credit_notes += 1
        else:
            self.invoices += 1
        issued = self._month_of(planned.issue_date)
        issued.invoiced += planned.total.minor
        issued.tax += planned.tax.minor
        if planned.due_date >= horizon:
            self.due_later += planned.payable.minor
        else:
            self._month_of(planned.due_date).cash_due += planned.payable.minor

    def add_movement(self, month: date, moved: Booked) -> None:
        of_month = self._month_of(month)
        of_month.booked = of_month.booked + moved

    def figures(self, currency: str, first: date, horizon: date) -> CurrencyFigures:
        months: list[MonthFigures] = []
        balance = Booked()
        month = first
        while month < horizon:
            moved = self.months.get(month, _Month())
            balance = balance + moved.booked
            minors = (moved.invoiced, moved.tax, moved.cash_due, moved.booked.revenue)
            amounts = [
                Money(minor, currency) for minor in (*minors, balance.deferred, balance.contract_asset)
            ]
            months.append(MonthFigures(month, *amounts))
            month = add_months(month, 1)
        later = Money(self.due_later, currency)
        return CurrencyFigures(
            currency, tuple(months), self.contracts, self.invoices, self.credit_notes, later
        )

    def _month_of(self, day: date) -> _Month:
        return self.months.setdefault(day.replace(day=1), _Month())
