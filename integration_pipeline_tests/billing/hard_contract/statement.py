"""The hard contract as text: documents with every formula, revenue by month, journal, trial balances.

Belongs here: the layout of the golden files. Does not belong here: any amount that is not computed elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from integration_pipeline.billing.invoices import BillingSchedule, PlannedInvoice, PlannedLine
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.revenue.reconciliation import reconcile
from integration_pipeline.billing.revenue.releases import release_entries, revenue_lines
from integration_pipeline.billing.schedule.taxation import tax_groups
from integration_pipeline.rules.document import AccountRole
from integration_pipeline_tests.billing.hard_contract.books import Books, books_of, month_ends, turnover

REVENUE_HEADING = "REVENUE BY MONTH"


def statement_of(schedule: BillingSchedule) -> str:
    """Everything there is to say about the schedule, to be read from top to bottom."""
    books = books_of(schedule)
    lines = [
        *_opening(schedule),
        *(line for invoice in schedule.invoices for line in _document(invoice, schedule)),
        *_revenue(schedule, books),
        *_journal(books),
        *_trial_balances(schedule, books),
    ]
    return "\n".join(lines) + "\n"


def _opening(schedule: BillingSchedule) -> Iterator[str]:
    tax = sum((invoice.tax for invoice in schedule.invoices), Money(0, schedule.currency))
    yield f"CONTRACT {schedule.contract_id} IN {schedule.currency}, conventions {schedule.policies.version}"
    yield ""
    yield f"{len(schedule.invoices)} documents, {len(schedule.lines)} lines"
    yield f"net {schedule.total.format()} + tax {tax.format()} = payable {(schedule.total + tax).format()}"
    yield ""


def _document(invoice: PlannedInvoice, schedule: BillingSchedule) -> Iterator[str]:
    yield f"{invoice.kind.upper()} of {invoice.issue_date}, due {invoice.due_date}"
    yield ""
    for line in invoice.lines:
        yield from _line(line)
    yield f"  {'net':<58}{invoice.total.format():>18}"
    for group in tax_groups(invoice.lines, schedule.currency, schedule.policies):
        yield f"  {group.rate.name:<58}{group.tax.format():>18}"
        yield f"      {group.formula}"
    yield f"  {'payable':<58}{invoice.payable.format():>18}"
    yield ""


def _line(line: PlannedLine) -> Iterator[str]:
    explanation = line.explanation
    yield f"  {f'{line.description}, {line.service_period}':<58}{line.amount.format():>18}"
    yield f"      {line.kind}: {explanation.rule}"
    yield f"      {explanation.formula}"
    if explanation.rounding is not None:
        yield f"      rounding: {explanation.rounding}"
    yield f"      terms: {', '.join(f'{item.name} {item.value}' for item in explanation.inputs)}"
    taxes = [f"{tax.name} {tax.percent:f} % {tax.amount.format()}" for tax in line.taxes]
    yield f"      its share of the document's tax: {', '.join(taxes)}"
    yield f"      revenue: {line.revenue}"
    yield ""


def _revenue(schedule: BillingSchedule, books: Books) -> Iterator[str]:
    """What each month earned of services invoiced before and by its invoices, and what stays deferred."""
    lines = revenue_lines(schedule.invoices)
    released = [
        entry for day in month_ends(schedule) for entry in release_entries(lines, day, schedule.policies)
    ]
    code = books.accounts[AccountRole.REVENUE].code
    yield f"{REVENUE_HEADING} (amounts in {schedule.currency})"
    yield ""
    yield f"  {'month':<10}{'by service':>15}{'by invoice':>15}{'revenue':>15}{'deferred at end':>18}"
    for month_end in month_ends(schedule):
        earned = sum(entry.moved.revenue for entry in released if entry.month_end == month_end)
        of_month = [entry for entry in books.entries if _month(entry.day) == _month(month_end)]
        revenue = -turnover(of_month, code)
        deferred = -books.balance(AccountRole.DEFERRED_REVENUE, month_end)
        figures = (earned, revenue - earned, revenue)
        shown = "".join(f"{_figure(minor, schedule.currency):>15}" for minor in figures)
        yield f"  {_month(month_end):<10}{shown}{_figure(deferred, schedule.currency):>18}"
    yield ""
    for month_end in month_ends(schedule):
        after = date.fromordinal(month_end.toordinal() + 1)
        tied = reconcile(lines, released, after, schedule.policies)[schedule.currency]
        yield f"  {month_end}  {tied.formula}"
    yield ""


def _journal(books: Books) -> Iterator[str]:
    names = {account.code: account.name for account in books.accounts.values()}
    yield f"JOURNAL (amounts in {books.currency})"
    yield ""
    for entry in books.entries:
        yield f"  {entry.day}  {entry.why}"
        for line in entry.lines:
            side, minor = ("Dr", line.debit_minor) if line.debit_minor else ("Cr", line.credit_minor)
            indent = "" if side == "Dr" else "    "
            account = f"{indent}{side} {line.account} {names[line.account]}"
            yield f"      {account:<54}{_figure(minor, books.currency):>18}"
        yield ""


def _trial_balances(schedule: BillingSchedule, books: Books) -> Iterator[str]:
    """Debit less credit by account; the last column is their sum."""
    accounts = [books.accounts[role] for role in _SHOWN]
    yield f"TRIAL BALANCE AT EVERY MONTH'S END (debit less credit, amounts in {books.currency})"
    yield ""
    yield f"  {'':<12}{''.join(f'{account.name:>22}' for account in accounts)}{'sum':>8}"
    for month_end in month_ends(schedule):
        balances = books.balances(month_end)
        shown = "".join(f"{_figure(balances[account.code], books.currency):>22}" for account in accounts)
        yield f"  {month_end!s:<12}{shown}{_figure(balances.total(), books.currency):>8}"


_SHOWN = (
    AccountRole.RECEIVABLE,
    AccountRole.TAX_PAYABLE,
    AccountRole.DEFERRED_REVENUE,
    AccountRole.REVENUE,
)


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _figure(minor: int, currency: str) -> str:
    return Money(minor, currency).format().removesuffix(f" {currency}")
