"""Posting rules: which accounts a document debits and credits.

Belongs here: the accounting of an invoice, a credit note and a month's revenue as pure arithmetic. Does not
belong here: numbers, hashes and storing (`target`, `releases`), how much a month has earned (billing).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from integration_pipeline.accounting.documents import ClaimedDocument, DocumentKind
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.rules.document import Account, AccountRole


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One side of an entry in minor units of the entry's currency; exactly one of the two is positive."""

    account: str
    debit_minor: int
    credit_minor: int


def journal_lines(
    document: ClaimedDocument, accounts: Mapping[AccountRole, Account]
) -> tuple[JournalLine, ...]:
    """An invoice's entry: receivable against revenue, deferred revenue and tax; a credit note mirrors it.

    Raises `ValueError` if lines and taxes do not add up to the total.
    """
    by_role: Counter[AccountRole] = Counter()
    for line in document.lines:
        by_role[_income_role(line.revenue)] += line.amount.minor
    for tax in document.taxes:
        by_role[AccountRole.TAX_PAYABLE] += tax.amount.minor
    if sum(by_role.values()) != document.total.minor:
        raise ValueError(
            f"{document.document_key}: lines and taxes do not add up to {document.total.format()}"
        )
    direction = 1 if document.kind is DocumentKind.INVOICE else -1
    sides = [(AccountRole.RECEIVABLE, direction * document.total.minor)]
    sides += [(role, -direction * by_role[role]) for role in sorted(by_role) if by_role[role]]
    return tuple(_side(accounts[role].code, minor) for role, minor in sides)


def release_lines(
    earned_minor: int, taken_back_minor: int, accounts: Mapping[AccountRole, Account]
) -> tuple[JournalLine, ...]:
    """A month's entry: deferred revenue against revenue, and what was taken back the other way round.

    Both amounts are positive or zero, in minor units. They are not netted, so that the entry shows both.
    """
    deferred, revenue = (accounts[role].code for role in (AccountRole.DEFERRED_REVENUE, AccountRole.REVENUE))
    sides = (
        (deferred, earned_minor),
        (revenue, -earned_minor),
        (revenue, taken_back_minor),
        (deferred, -taken_back_minor),
    )
    return tuple(_side(account, minor) for account, minor in sides if minor)


def _income_role(treatment: RevenueTreatment) -> AccountRole:
    match treatment:
        case RevenueTreatment.ON_INVOICE:
            return AccountRole.REVENUE
        case RevenueTreatment.DEFERRED:
            return AccountRole.DEFERRED_REVENUE


def _side(account: str, debit_minor: int) -> JournalLine:
    return JournalLine(account, max(debit_minor, 0), max(-debit_minor, 0))
