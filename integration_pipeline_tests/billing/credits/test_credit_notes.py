"""Credit notes for parts of an invoice, which together equal it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_pipeline.billing.credits import (
    Credit,
    CreditNote,
    InvoicedLine,
    InvoicedTax,
    credit_note,
    credited_tax,
    split_refund,
    unused_credit,
    unused_part,
)
from integration_pipeline.billing.errors import BillingError
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import DEFAULT, CancellationDay, CreditTax, Policies

RECOMPUTED = replace(DEFAULT, credit_tax=CreditTax.RECOMPUTED)
OCTOBER = Period(date(2022, 10, 1), date(2022, 11, 1))


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def line(name: str, amount: int, tax: int, *, discount: int = 0, percent: str | None = None) -> InvoicedLine:
    rate = None if percent is None else Decimal(percent)
    return InvoicedLine(name, eur(amount), eur(discount), (InvoicedTax("VAT", rate, eur(tax)),))


def notes_for(
    invoice: list[InvoicedLine], amounts: list[tuple[str, int]], policies: Policies
) -> list[CreditNote]:
    notes: list[CreditNote] = []
    for name, amount in amounts:
        notes.append(credit_note(invoice, [Credit(name, Fraction(amount))], notes, policies))
    return notes


def test_the_last_note_takes_the_residual_of_the_tax() -> None:
    invoice = [line("a", 6833, 1367, percent="20"), line("b", 6833, 1366, percent="20")]
    notes = notes_for(invoice, [("b", 6833), ("a", 6833)], RECOMPUTED)
    assert [note.tax.minor for note in notes] == [1367, 1366]
    assert sum(note.total.minor for note in notes) == 16399


def test_the_note_that_completes_a_line_takes_the_residual_of_its_tax() -> None:
    notes = notes_for([line("a", 300, 100)], [("a", 100)] * 3, DEFAULT)
    assert [note.tax.minor for note in notes] == [33, 33, 34]


def test_prorated_tax_is_the_share_of_what_was_invoiced() -> None:
    taxes = (InvoicedTax("VAT", None, eur(1501)), InvoicedTax("City", None, eur(500)))
    invoice = [InvoicedLine("a", eur(10_000), eur(0), taxes)]
    notes = notes_for(invoice, [("a", 4000), ("a", 6000)], DEFAULT)
    assert [note.tax.minor for note in notes] == [800, 1201]
    assert notes[0].tax_named("City") == eur(200)
    assert credited_tax(notes) == eur(2001)


def test_a_credit_takes_its_share_of_the_discount_along() -> None:
    invoice = [line("a", 39_900, 2980, discount=25_000, percent="20")]
    (note,) = notes_for(invoice, [("a", 26_260)], RECOMPUTED)
    assert (note.discount.minor, note.net.minor, note.tax.minor) == (16_454, 9_806, 1_961)
    assert note.total == eur(11_767)


@pytest.mark.parametrize(("earlier", "left"), [(200, 348), (1000, 200), (1200, 0)])
def test_a_credit_is_at_most_what_is_left_of_its_line(earlier: int, left: int) -> None:
    invoice = [line("a", 1200, 0)]
    first, second = notes_for(invoice, [("a", earlier), ("a", 348)], DEFAULT)
    assert first.amount == eur(earlier)
    assert second.amount == eur(left)


def test_nothing_left_to_credit_is_a_note_without_lines() -> None:
    assert notes_for([line("a", 1200, 0)], [("a", 1200), ("a", 1)], DEFAULT)[1].lines == ()


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ([Credit("b", Fraction(1))], "line 'b' was not invoiced"),
        ([Credit("a", Fraction(-1))], "line 'a': a credit of -1 is negative"),
        ([Credit("a", Fraction(1))] * 2, "line 'a' is credited twice"),
    ],
)
def test_a_credit_that_cannot_be_given_names_its_line(asked: list[Credit], problem: str) -> None:
    with pytest.raises(BillingError, match=problem):
        credit_note([line("a", 100, 0)], asked, [], DEFAULT)


@pytest.mark.parametrize(
    ("policy", "replaced", "unused_days"),
    [
        (CancellationDay.NOT_BILLED, False, 17),
        (CancellationDay.BILLED, True, 16),
        (CancellationDay.BILLED_UNLESS_REPLACED, False, 16),
        (CancellationDay.BILLED_UNLESS_REPLACED, True, 17),
    ],
)
def test_the_day_of_termination_is_used_or_not_by_policy(
    policy: CancellationDay, replaced: bool, unused_days: int
) -> None:
    policies = replace(DEFAULT, cancellation_day=policy)
    part = unused_part(OCTOBER, date(2022, 10, 15), policies, replaced=replaced)
    assert part is not None
    assert part.days == unused_days


def test_nothing_is_unused_after_the_period() -> None:
    assert unused_part(OCTOBER, date(2022, 11, 1), DEFAULT) is None
    assert unused_credit(line("a", 3100, 0), OCTOBER, date(2022, 11, 1), DEFAULT).amount == 0


def test_an_unused_share_is_credited_from_what_was_billed() -> None:
    assert unused_credit(line("a", 3100, 620), OCTOBER, date(2022, 10, 16), DEFAULT).amount == 1600


@pytest.mark.parametrize(("paid", "refund"), [(7440, 1920), (930, 0), (5000, 700), (0, 0)])
def test_what_was_paid_beyond_the_used_part_is_paid_back(paid: int, refund: int) -> None:
    split = split_refund(eur(1920), eur(3720), eur(7440), eur(paid), DEFAULT)
    assert split.refund == eur(refund)
    assert split.refund + split.credit == eur(1920)


def test_an_invoice_of_nothing_has_nothing_to_pay_back() -> None:
    with pytest.raises(BillingError, match="cannot have been paid"):
        split_refund(eur(0), eur(0), eur(0), eur(0), DEFAULT)


@given(
    st.integers(1, 10**6),
    st.integers(0, 10**5),
    st.integers(0, 10**5),
    st.lists(st.integers(1, 10**5), max_size=4),
    st.sampled_from(CreditTax),
)
@settings(max_examples=60, deadline=None)
def test_notes_for_a_whole_invoice_equal_it(
    amount: int, tax: int, other_tax: int, parts: list[int], how: CreditTax
) -> None:
    taxes = (InvoicedTax("VAT", Decimal(20), eur(tax)), InvoicedTax("City", None, eur(other_tax)))
    invoiced = InvoicedLine("a", eur(amount), eur(amount // 3), taxes)
    wanted = [*((("a", part)) for part in parts), ("a", amount)]
    notes = notes_for([invoiced], wanted, replace(DEFAULT, credit_tax=how))
    assert sum(note.amount.minor for note in notes) == invoiced.amount.minor
    assert sum(note.discount.minor for note in notes) == invoiced.discount.minor
    assert sum(note.tax.minor for note in notes) == tax + other_tax
    assert sum(note.total.minor for note in notes) == invoiced.total.minor
    assert all(part.amount.minor >= 0 for note in notes for item in note.lines for part in item.taxes)
