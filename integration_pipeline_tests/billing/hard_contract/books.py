"""The hard contract in the books: an entry for every document, a release for every month.

Belongs here: running the ledger's posting rules and revenue's releases over one schedule. Does not belong
here: these rules themselves, or words (`statement`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from integration_pipeline.accounting.documents import (
    ClaimedDocument,
    DocumentKind,
    DocumentLine,
    DocumentTax,
)
from integration_pipeline.accounting.postgres_ledger.journal import JournalLine, journal_lines
from integration_pipeline.billing.invoices import BillingSchedule, PlannedInvoice
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import add_months
from integration_pipeline.billing.revenue.entries import ContractAccount
from integration_pipeline.billing.revenue.events import last_of_month
from integration_pipeline.billing.revenue.releases import ReleaseEntry, release_entries, revenue_lines
from integration_pipeline.rules.document import Account, AccountRole, read_rule_set

ROLE_OF = {
    ContractAccount.CONTRACT_LIABILITY: AccountRole.DEFERRED_REVENUE,
    ContractAccount.REVENUE: AccountRole.REVENUE,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal entry; `why` is what it was made from, for people."""

    day: date
    why: str
    lines: tuple[JournalLine, ...]


@dataclass(frozen=True, slots=True)
class Books:
    """All entries by day, documents before releases, and what they come to."""

    currency: str
    accounts: dict[AccountRole, Account]
    entries: tuple[Entry, ...]

    def balances(self, day: date) -> Counter[str]:
        """Debit less credit by account, in minor units, of everything up to and on `day`."""
        balances: Counter[str] = Counter()
        for entry in self.entries:
            if entry.day <= day:
                for line in entry.lines:
                    balances[line.account] += line.debit_minor - line.credit_minor
        return balances

    def balance(self, role: AccountRole, day: date) -> int:
        """As `balances`, of one account."""
        return self.balances(day)[self.accounts[role].code]


def books_of(schedule: BillingSchedule) -> Books:
    """The entries under the chart of accounts of the rule set that comes with the package."""
    accounts = dict(read_rule_set().accounts)
    entries = [
        Entry(
            invoice.issue_date,
            f"{invoice.kind} of {invoice.issue_date}",
            journal_lines(_claimed(invoice, schedule), accounts),
        )
        for invoice in schedule.invoices
    ]
    for month_end in month_ends(schedule):
        entries += [
            Entry(month_end, f"release of {release.key}: {release.formula}", _sides(release, accounts))
            for release in release_entries(revenue_lines(schedule.invoices), month_end, schedule.policies)
        ]
    return Books(schedule.currency, accounts, tuple(sorted(entries, key=lambda entry: entry.day)))


def month_ends(schedule: BillingSchedule) -> Iterator[date]:
    """The last day of every month from the first document to the last, or to the last day served."""
    days = [line.service_period.end for line in schedule.lines if line.service_period is not None]
    last = max(*days, schedule.invoices[-1].issue_date)
    month_end = last_of_month(schedule.invoices[0].issue_date)
    while month_end < last_of_month(last):
        yield month_end
        month_end = last_of_month(add_months(month_end.replace(day=1), 1))
    yield month_end


def _claimed(invoice: PlannedInvoice, schedule: BillingSchedule) -> ClaimedDocument:
    """A planned document as a poster hands it to the ledger."""
    return ClaimedDocument(
        intent_id=1,
        fencing_token=1,
        entity="montreal",
        kind=DocumentKind(invoice.kind.value),
        document_key=f"{schedule.contract_id}/{invoice.issue_date}",
        document_reference=schedule.contract_id,
        customer_id=1,
        customer_name="Northern Lights Mapping",
        deal_key=schedule.contract_id,
        issue_date=invoice.issue_date,
        due_date=invoice.due_date,
        purchase_order=None,
        reverses_number=None,
        total=invoice.payable,
        lines=tuple(DocumentLine(line.description, line.amount, line.revenue, {}) for line in invoice.lines),
        taxes=tuple(DocumentTax(tax.name, tax.percent, tax.base, tax.amount) for tax in invoice.taxes),
    )


def _sides(release: ReleaseEntry, accounts: dict[AccountRole, Account]) -> tuple[JournalLine, ...]:
    return tuple(
        JournalLine(accounts[ROLE_OF[line.account]].code, *_debit_and_credit(line.amount))
        for line in release.lines
    )


def _debit_and_credit(amount: Money) -> tuple[int, int]:
    return max(amount.minor, 0), max(-amount.minor, 0)


def turnover(entries: Sequence[Entry], account: str) -> int:
    """Debit less credit of one account, in minor units."""
    return sum(
        line.debit_minor - line.credit_minor
        for entry in entries
        for line in entry.lines
        if line.account == account
    )
