"""Period-end entries: what invoices deferred becomes revenue, month by month.

Belongs here: invoice lines as revenue sees them, what a ledger must release at a month's end, closed months.
Does not belong here: entries of the invoice itself (the ledger's), or allocation and modification of a
contract's price: a line is recognized as it was invoiced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from integration_pipeline.billing.errors import BillingError, InvalidTerms
from integration_pipeline.billing.invoices import LineKind, PlannedInvoice, RevenueTreatment
from integration_pipeline.billing.money import Money, round_ratio
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import ArrearsRevenue, ClosedPeriod, Policies
from integration_pipeline.billing.revenue.entries import ContractAccount, EntryLine
from integration_pipeline.billing.revenue.events import last_of_month
from integration_pipeline.billing.revenue.recognition import OverTimePlan


class ClosedMonths(BillingError):  # noqa: N818 - reads as the statement it makes
    """Revenue belongs to months that are closed, and the policy is not to catch it up later."""

    def __init__(self, key: str, amount: Money, first_open: date) -> None:
        super().__init__(
            f"line {key[:80]}: {amount.format()} of revenue belongs to months before {first_open}, which are "
            "closed; reopen them, or choose to catch up in the first open month"
        )


@dataclass(frozen=True, slots=True)
class RevenueLine:
    """A line of an issued or planned invoice or credit note; a credit has a negative amount.

    `key` is unique among the lines that are released together. `reverses` names the line that a credit takes
    back from the start of its own service period on: its revenue then mirrors what remains of that line.
    """

    key: str
    amount: Money
    issue_date: date
    treatment: RevenueTreatment
    service_period: Period | None = None
    reverses: str | None = None


def revenue_lines(invoices: Iterable[PlannedInvoice]) -> tuple[RevenueLine, ...]:
    """The lines of a contract's documents; keys are `2026-01-01/0/seats`: issue date, place, charge.

    A credit reverses the line of its charge that was issued last before it, of those whose service period
    holds the credit's.
    """
    lines: list[RevenueLine] = []
    charged: dict[str, list[RevenueLine]] = {}
    for invoice in sorted(invoices, key=lambda each: each.issue_date):
        for place, planned in enumerate(invoice.lines):
            of_charge = charged.setdefault(planned.charge_id, [])
            period = planned.service_period
            is_credit = planned.kind is LineKind.CREDIT
            line = RevenueLine(
                f"{invoice.issue_date}/{place}/{planned.charge_id}",
                planned.amount,
                invoice.issue_date,
                planned.revenue,
                period,
                line_over(period, of_charge) if is_credit and period else None,
            )
            lines.append(line)
            if not is_credit:
                of_charge.append(line)
    return tuple(lines)


def line_over(period: Period, lines: Sequence[RevenueLine]) -> str | None:
    """The key of the last of a charge's `lines`, in order of issue, whose service period holds `period`."""
    for line in reversed(lines):
        whole = line.service_period
        if whole is not None and whole.start <= period.start and period.end <= whole.end:
            return line.key
    return None


@dataclass(frozen=True, slots=True)
class Booked:
    """What stands in the books for a line, in minor units. Revenue and deferred revenue are credits.

    In every state: revenue + deferred − contract asset = what the line has billed so far.
    """

    revenue: int = 0
    deferred: int = 0
    contract_asset: int = 0

    def __add__(self, other: Booked) -> Booked:
        return Booked(
            self.revenue + other.revenue,
            self.deferred + other.deferred,
            self.contract_asset + other.contract_asset,
        )

    def __sub__(self, other: Booked) -> Booked:
        return Booked(
            self.revenue - other.revenue,
            self.deferred - other.deferred,
            self.contract_asset - other.contract_asset,
        )


_NOTHING = Booked()


@dataclass(frozen=True, slots=True)
class Books:
    """What a ledger knows: the sum of earlier releases by line key, the first day of the first open month."""

    released: Mapping[str, Booked]
    first_open: date


@dataclass(frozen=True, slots=True)
class ReleaseEntry:
    """What `month_end` books for one line beyond its invoice; `moved` adds to earlier releases.

    `catch_up` is the part of its revenue that belongs to months closed before.
    """

    key: str
    month_end: date
    currency: str
    moved: Booked
    catch_up: Money
    due: Money = field(compare=False)
    line: RevenueLine = field(repr=False, compare=False)

    @property
    def lines(self) -> tuple[EntryLine, ...]:
        """Debits, then credits; they add up to zero. Deferred revenue is the contract liability."""
        sides = (
            (ContractAccount.CONTRACT_LIABILITY, -self.moved.deferred),
            (ContractAccount.CONTRACT_ASSET, self.moved.contract_asset),
            (ContractAccount.REVENUE, -self.moved.revenue),
        )
        lines = (EntryLine(account, Money(minor, self.currency)) for account, minor in sides if minor)
        return tuple(sorted(lines, key=lambda line: not line.is_debit))

    @property
    def formula(self) -> str:
        """`100.00 USD over 2026-01-01..2027-01-01, 16.16 USD earned until 2026-02-28: 7.67 USD`."""
        over = f" over {self.line.service_period}" if self.line.service_period else ""
        text = (
            f"{self.line.amount.format()}{over}, {self.due.format()} earned until {self.month_end}: "
            f"{Money(self.moved.revenue, self.currency).format()} released"
        )
        return f"{text}, of it {self.catch_up.format()} for closed months" if self.catch_up else text


def release_entries(
    lines: Iterable[RevenueLine], month_end: date, policies: Policies, books: Books | None = None
) -> tuple[ReleaseEntry, ...]:
    """What must be booked at `month_end` so that revenue, deferred revenue and contract asset are right.

    Without `books`, every earlier month is taken to have been released in time. With them, whatever is
    missing is caught up, so a second run of the same month books nothing. In a month that is closed nothing
    is booked; revenue that belongs there is booked in the first open month, or `ClosedMonths` is raised, by
    `policies.closed_period`. Lines without movement have no entry. Raises `InvalidTerms` if `month_end` is
    no month's last day, a key is used twice or a reversed line is missing.
    """
    if month_end != last_of_month(month_end):
        raise InvalidTerms([("month_end", f"{month_end} is not the last day of a month")])
    earnings = Earnings.of(lines, policies)
    return tuple(_releases(earnings, month_end, books))


def _releases(earnings: Earnings, month_end: date, books: Books | None) -> Iterator[ReleaseEntry]:
    after = month_end + timedelta(days=1)
    closed = books is not None and month_end < books.first_open
    refuses = earnings.policies.closed_period is ClosedPeriod.REFUSE
    if closed and not refuses:
        return
    for line in earnings.lines.values():
        if books is None:
            before = earnings.beyond_invoice(line, month_end.replace(day=1))
        else:
            before = books.released.get(line.key, _NOTHING)
        moved = earnings.beyond_invoice(line, after) - before
        if moved == _NOTHING:
            continue
        currency = line.amount.currency
        catch_up = Money(0, currency)
        if books is not None:
            catch_up = Money(earnings.overdue(line, books.first_open, before, moved), currency)
            if refuses and (closed or catch_up):
                raise ClosedMonths(line.key, catch_up or Money(moved.revenue, currency), books.first_open)
        due = Money(earnings.recognized(line, after), currency)
        yield ReleaseEntry(line.key, month_end, currency, moved, catch_up, due, line)


@dataclass(frozen=True, slots=True)
class Earnings:
    """What lines have earned by a day, always the days before it; amounts in minor units."""

    lines: Mapping[str, RevenueLine]
    policies: Policies

    @staticmethod
    def of(lines: Iterable[RevenueLine], policies: Policies) -> Earnings:
        """Raises `InvalidTerms` if a key is used twice, or a line reverses what is not there or itself."""
        by_key: dict[str, RevenueLine] = {}
        problems: list[tuple[str, str]] = []
        for line in lines:
            if line.key in by_key:
                problems.append(
                    ("key", f"{line.key[:80]!r} names two lines; revenue is released once a line")
                )
            by_key[line.key] = line
        problems += [
            (
                "reverses",
                f"{line.reverses[:80]!r}, which {line.key[:80]!r} takes back, is not among the lines",
            )
            for line in by_key.values()
            if line.reverses is not None and line.reverses not in by_key
        ]
        problems += [
            ("reverses", f"{line.key[:80]!r} takes itself back, by way of what it reverses")
            for line in by_key.values()
            if _takes_itself_back(line, by_key)
        ]
        if problems:
            raise InvalidTerms(problems)
        return Earnings(by_key, policies)

    def billed(self, line: RevenueLine, day: date) -> int:
        """What the line has billed before `day`."""
        return line.amount.minor if line.issue_date < day else 0

    def by_invoice(self, line: RevenueLine, day: date) -> Booked:
        """What the invoice's own entry has booked before `day`."""
        billed = self.billed(line, day)
        if line.treatment is RevenueTreatment.DEFERRED:
            return Booked(deferred=billed)
        return Booked(revenue=billed)

    def recognized(self, line: RevenueLine, day: date) -> int:
        """What is revenue before `day`.

        A line with its service still to come is earned by the service, one in arrears by its invoice or by
        the service (`policies.arrears_revenue`). Nothing but the latter is revenue before it is invoiced.
        """
        as_served = self.policies.arrears_revenue is ArrearsRevenue.AS_SERVED
        if line.service_period is None or (line.treatment is RevenueTreatment.ON_INVOICE and not as_served):
            return self.billed(line, day)
        if line.issue_date >= day and not as_served:
            return 0
        return self.served(line, line.service_period, day)

    def served(self, line: RevenueLine, period: Period, day: date) -> int:
        """What the service given before `day` has earned, invoiced or not.

        A credit that reverses a line takes back, of that line's revenue, what falls on its own period, in
        the proportion of the two: a credit of all that remains leaves exactly nothing in every month. Where
        the two were rounded on different cuts and differ by a minor unit, that unit is earned at once.
        """
        if day <= period.start:
            return 0
        reversed_line = self.lines[line.reverses] if line.reverses is not None else None
        if reversed_line is not None and reversed_line.reverses is not None and _mirrors(line, reversed_line):
            # A credit taken back in full: as that was rounded, or the two would differ meanwhile.
            return -self.served(reversed_line, period, day)
        if reversed_line is not None and reversed_line.service_period is not None:
            plan = OverTimePlan(reversed_line.amount, reversed_line.service_period, self.policies)
            start = plan.until(period.start).minor
            whole = plan.until(period.end).minor - start
            earned = plan.until(min(day, period.end)).minor - start
            left_over = line.amount.minor + whole
            if abs(left_over) <= 1:
                return left_over - earned
            if whole:
                sign = -1 if whole < 0 else 1
                return round_ratio(sign * line.amount.minor * earned, sign * whole, self.policies.rounding)
        return OverTimePlan(line.amount, period, self.policies).until(day).minor

    def beyond_invoice(self, line: RevenueLine, day: date) -> Booked:
        """What releases must have booked before `day` in all, beside the invoice."""
        recognized, billed = self.recognized(line, day), self.billed(line, day)
        ahead = billed - recognized
        # Billed ahead of revenue is deferred, revenue ahead of billing an asset; for a credit mirrored.
        deferred = ahead if (ahead < 0) == (line.amount.minor < 0) else 0
        return Booked(recognized, deferred, deferred - ahead) - self.by_invoice(line, day)

    def overdue(self, line: RevenueLine, first_open: date, before: Booked, moved: Booked) -> int:
        """What of the revenue `moved` belongs to days before `first_open`."""
        belongs = self.recognized(line, first_open)
        if line.treatment is RevenueTreatment.DEFERRED and line.service_period is not None:
            # Also if the invoice came late: the service was given in months that are closed by now.
            belongs = self.served(line, line.service_period, first_open)
        missing = belongs - self.by_invoice(line, first_open).revenue - before.revenue
        if moved.revenue < 0:
            return max(min(missing, 0), moved.revenue)
        return min(max(missing, 0), moved.revenue)


def _mirrors(line: RevenueLine, reversed_line: RevenueLine) -> bool:
    return line.service_period == reversed_line.service_period and line.amount == -reversed_line.amount


def _takes_itself_back(line: RevenueLine, by_key: Mapping[str, RevenueLine]) -> bool:
    seen = {line.key}
    key = line.reverses
    while key is not None and key in by_key:
        if key in seen:
            return True
        seen.add(key)
        key = by_key[key].reverses
    return False
