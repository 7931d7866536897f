from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.accounting.documents import (
    ClaimedDocument,
    DocumentKind,
    DocumentLine,
    DocumentTax,
)
from integration_pipeline.accounting.postgres_ledger.journal import JournalLine, journal_lines
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.billing.money import Money
from integration_pipeline.rules.document import read_rule_set

ACCOUNTS = read_rule_set().accounts
RECEIVABLE, TAX, DEFERRED, REVENUE = "1100", "2200", "2400", "4000"


def document(
    *amounts: tuple[int, RevenueTreatment],
    kind: DocumentKind = DocumentKind.INVOICE,
    total: int | None = None,
    taxes: tuple[int, ...] = (),
) -> ClaimedDocument:
    lines = tuple(DocumentLine("Seats", Money(minor, "USD"), revenue, {}) for minor, revenue in amounts)
    return ClaimedDocument(
        intent_id=1,
        fencing_token=1,
        entity="us",
        kind=kind,
        document_key="hubspot:1/2026-01-01/invoice/1",
        document_reference="D1",
        customer_id=1,
        customer_name="Acme",
        deal_key="hubspot:1",
        issue_date=date(2026, 1, 1),
        due_date=date(2026, 1, 31),
        purchase_order=None,
        reverses_number=None,
        total=Money(sum(minor for minor, _ in amounts) + sum(taxes) if total is None else total, "USD"),
        lines=lines,
        taxes=tuple(DocumentTax("VAT", Decimal(19), Money(0, "USD"), Money(minor, "USD")) for minor in taxes),
    )


NOW, LATER = RevenueTreatment.ON_INVOICE, RevenueTreatment.DEFERRED


def entry(claimed: ClaimedDocument) -> list[tuple[str, int, int]]:
    return [(line.account, line.debit_minor, line.credit_minor) for line in journal_lines(claimed, ACCOUNTS)]


def test_an_invoice_debits_the_receivable_and_credits_revenue() -> None:
    assert entry(document((500, NOW), (700, NOW))) == [(RECEIVABLE, 1_200, 0), (REVENUE, 0, 1_200)]


def test_what_is_served_later_is_deferred() -> None:
    assert entry(document((500, NOW), (700, LATER))) == [
        (RECEIVABLE, 1_200, 0),
        (DEFERRED, 0, 700),
        (REVENUE, 0, 500),
    ]


def test_a_credit_note_mirrors_the_invoice() -> None:
    amounts = ((500, NOW), (700, LATER), (-100, NOW))
    invoice = journal_lines(document(*amounts), ACCOUNTS)
    note = journal_lines(document(*amounts, kind=DocumentKind.CREDIT_NOTE), ACCOUNTS)

    assert note == tuple(JournalLine(line.account, line.credit_minor, line.debit_minor) for line in invoice)


def test_tax_is_owed_to_the_state_and_by_the_customer() -> None:
    assert entry(document((500, NOW), (700, LATER), taxes=(60, 120))) == [
        (RECEIVABLE, 1_380, 0),
        (DEFERRED, 0, 700),
        (REVENUE, 0, 500),
        (TAX, 0, 180),
    ]


def test_tax_withheld_by_the_customer_lowers_what_is_owed_to_the_state() -> None:
    assert entry(document((500, NOW), taxes=(-50,))) == [
        (RECEIVABLE, 450, 0),
        (REVENUE, 0, 500),
        (TAX, 50, 0),
    ]


def test_a_line_against_the_others_lowers_its_own_account_only() -> None:
    assert entry(document((500, NOW), (-200, LATER))) == [
        (RECEIVABLE, 300, 0),
        (DEFERRED, 200, 0),
        (REVENUE, 0, 500),
    ]


def test_an_account_whose_lines_cancel_out_is_left_out() -> None:
    assert entry(document((500, NOW), (200, LATER), (-200, LATER))) == [
        (RECEIVABLE, 500, 0),
        (REVENUE, 0, 500),
    ]


@pytest.mark.parametrize("total", [1_199, 1_201, 0, -1_200])
def test_lines_that_do_not_add_up_are_refused_with_the_document_and_its_total(total: int) -> None:
    with pytest.raises(ValueError, match="hubspot:1/2026-01-01/invoice/1: lines and taxes do not add up to"):
        entry(document((500, NOW), (700, LATER), total=total))


amounts = st.tuples(st.integers(-(10**15), 10**15), st.sampled_from([NOW, LATER]))


@given(st.lists(amounts, min_size=1, max_size=20), st.sampled_from(list(DocumentKind)))
def test_an_entry_always_balances_with_one_positive_side_a_line(
    drawn: list[tuple[int, RevenueTreatment]], kind: DocumentKind
) -> None:
    lines = journal_lines(document(*drawn, kind=kind), ACCOUNTS)
    if sum(minor for minor, _ in drawn) == 0:
        lines = tuple(line for line in lines if line.account != RECEIVABLE)

    assert sum(line.debit_minor - line.credit_minor for line in lines) == 0
    assert all((line.debit_minor > 0) != (line.credit_minor > 0) for line in lines)
    assert max(Counter(line.account for line in lines).values(), default=1) == 1
