"""Cases about credit notes: terminations, partial notes, what is paid back.

Does not belong here: Kill Bill's repairs of billed items, which are lines of the next invoice (`amendments`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from integration_pipeline.billing.credits import (
    Credit,
    CreditNote,
    InvoicedLine,
    InvoicedTax,
    credit_note,
    credited_tax,
    invoiced_lines,
    split_refund,
    unused_credit,
)
from integration_pipeline.billing.cycles import Cycle, Step, Unit
from integration_pipeline.billing.discounts import Discount
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.tax import TaxRate, TaxTerms
from integration_pipeline.billing.totals import DocumentLine, DocumentTotals, line_amount, total_document
from integration_pipeline_tests.cases.document_notation import currency_of
from integration_pipeline_tests.cases.notation import Inputs, amount_of, number_of, step_of
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter

_A_MONDAY = date(2024, 1, 1)
"""Begins a week, a month, a quarter and a year: stands for a calendar period that a case does not date."""
_INVOICE_COUPONS = ("coupon_cents", "fixed_coupon_cents")
_CALENDAR_STEPS: Mapping[str, Step] = {
    "week": Step(1, Unit.WEEK),
    "month": Step(1, Unit.MONTH),
    "quarter": Step(3, Unit.MONTH),
    "year": Step(12, Unit.MONTH),
}


@adapter(
    "credit/termination",
    "credit/termination_uses_billed_plan_amount",
    "credit/rounding_components",
    "credit/refund_vs_credit_split",
    "credit/*",
)
def termination(case: Case) -> Mapping[str, Any]:
    """A note for the days of a paid period that a termination leaves unused."""
    inputs = Inputs.of(case)
    currency = currency_of(inputs)
    line = _fee(inputs, currency, case.policies)
    period = _period(inputs)
    terminated = _terminated(inputs, period)
    replaced = inputs.has("upgrade") and inputs.get("upgrade") is True
    credit = unused_credit(line, period, terminated, case.policies, replaced=replaced)
    note = credit_note([line], [credit], [], case.policies)
    figures: dict[str, object] = {
        "item_cents": note.amount.minor,
        "tax_cents": note.tax.minor,
        "total_cents": note.total.minor,
    }
    if inputs.has("paid_cents"):
        invoice_total = Money(inputs.whole("invoice_total_cents"), currency)
        paid = Money(inputs.whole("paid_cents"), currency)
        split = split_refund(note.total, line.total, invoice_total, paid, case.policies)
        figures |= {"refund_cents": split.refund.minor, "credit_cents": split.credit.minor}
    inputs.skip("invoice", "current_plan_cents", "fee_cents", "plan_cents", "currency")
    inputs.done()
    return figures


@adapter("credit/partial_notes_close_to_zero", "credit/document_tax_residual", "credit/*")
def partial_notes(case: Case) -> Mapping[str, Any]:
    """Several notes for one invoice, which together equal it: stated amounts of one line, or line by line."""
    inputs = Inputs.of(case)
    currency = currency_of(inputs)
    key = inputs.first_of("lines_cents", "invoice_cents", "fees_cents")
    amounts = [Money(int(number_of(item, key)), currency) for item in inputs.items(key)]
    names = [f"line {index}" for index, _ in enumerate(amounts)]
    percents = [number_of(item, "tax_percent") for item in inputs.items("tax_percent")]
    invoice = _invoice(names, amounts, percents, currency, case.policies)
    asked = [name for name in inputs.names if re.fullmatch(r"credit_\d+_cents", name)]
    if asked:
        wanted = [[Credit(names[0], Fraction(inputs.number(name)))] for name in asked]
    else:
        wanted = [[Credit(line.line_id, Fraction(line.amount.minor))] for line in invoice]
    inputs.skip("invoice_total_cents", "invoice_tax_cents", "currency")
    inputs.done()
    notes = _notes(invoice, wanted, case.policies)
    return {
        f"credit_{number}": {"net": note.net.minor, "tax": note.tax.minor, "total": note.total.minor}
        for number, note in enumerate(notes, start=1)
    }


@adapter("credit/partial_with_coupon", "credit/*")
def note_with_coupon(case: Case) -> Mapping[str, Any]:
    """A note for part of a fee that a coupon had lowered."""
    inputs = Inputs.of(case)
    currency = currency_of(inputs)
    fees, percents = inputs.inner("fees_cents"), inputs.inner("tax_percent")
    coupons = {
        found[1]: amount_of(inputs.get(name), name)
        for name in inputs.names
        if (found := re.fullmatch(r"coupon_on_(\w+)_cents", name))
    }
    lines = [
        line_amount(
            Decimal(1),
            amount_of(fees.get(name), "cents"),
            currency,
            case.policies,
            [Discount(amount=coupons[name])] if name in coupons else [],
        )
        for name in fees.names
    ]
    terms = [_taxed_at(percents.number(name)) for name in fees.names]
    totals = total_document(
        [
            DocumentLine(line.discounted.numerator, line.discounted.denominator, tax)
            for line, tax in zip(lines, terms, strict=True)
        ],
        currency,
        case.policies,
        [Discount(amount=amount_of(inputs.get(name), name)) for name in _INVOICE_COUPONS if inputs.has(name)],
    )
    invoice = invoiced_lines(fees.names, terms, totals, lines)
    wanted = [
        Credit(found[1], Fraction(inputs.number(name)))
        for name in inputs.names
        if (found := re.fullmatch(r"credit_(\w+)_cents", name))
    ]
    inputs.skip("currency")
    inputs.done()
    note = credit_note(invoice, wanted, [], case.policies)
    return {
        "invoice": {
            "net": totals.net.minor,
            "tax": totals.tax.minor,
            "total": totals.total.minor,
            "effective_rate": totals.effective_tax_percent,
        },
        "credit_note": {
            "item": note.amount.minor,
            "coupon_adjustment": note.discount.minor,
            "net": note.net.minor,
            "tax": note.tax.minor,
            "total": note.total.minor,
        },
    }


@adapter("credit/partial_multi_tax", "credit/two_partials_sum", "credit/*")
def notes_of_taxed_line(case: Case) -> Mapping[str, Any]:
    """Notes for parts of a line whose taxes are stated as amounts."""
    inputs = Inputs.of(case)
    currency = currency_of(inputs)
    if inputs.has("taxes"):
        taxes = inputs.inner("taxes")
        stated = {name: taxes.whole(name) for name in taxes.names}
    else:
        stated = {"tax": inputs.whole("tax_cents")}
    line = InvoicedLine(
        "line",
        Money(inputs.whole("line_cents"), currency),
        Money(0, currency),
        tuple(InvoicedTax(name, None, Money(tax, currency)) for name, tax in stated.items()),
    )
    key = inputs.first_of("credits_cents", "credited_cents")
    wanted = [[Credit("line", Fraction(number_of(item, key)))] for item in inputs.items(key)]
    inputs.skip("currency")
    inputs.done()
    notes = _notes([line], wanted, case.policies)
    return {
        **{name: notes[0].tax_named(name).minor for name in stated},
        "tax": notes[0].tax.minor,
        "total": notes[0].total.minor,
        "tax_per_credit": [note.tax.minor for note in notes],
        "sum": credited_tax(notes).minor,
    }


def _notes(
    invoice: Sequence[InvoicedLine], wanted: Sequence[Sequence[Credit]], policies: Policies
) -> list[CreditNote]:
    notes: list[CreditNote] = []
    for asked in wanted:
        notes = [*notes, credit_note(invoice, asked, notes, policies)]
    return notes


def _fee(inputs: Inputs, currency: str, policies: Policies) -> InvoicedLine:
    """The fee as it was billed, which is not what the plan costs today."""
    key = inputs.first_of("plan_cents_at_billing", "fee_cents", "plan_cents")
    amount = Money(inputs.whole(key), currency)
    percents = [inputs.number("tax_percent")] if inputs.has("tax_percent") else []
    return _invoice(["fee"], [amount], percents, currency, policies)[0]


def _invoice(
    names: Sequence[str],
    amounts: Sequence[Money],
    percents: Sequence[Decimal],
    currency: str,
    policies: Policies,
) -> tuple[InvoicedLine, ...]:
    """Lines taxed at one percentage, or each at its own."""
    if len(percents) not in (1, len(amounts)):
        raise NotExpressible(f"{len(percents)} tax percentages for {len(amounts)} lines")
    terms = [_taxed_at(percent) for percent in percents]
    if len(terms) < len(amounts):
        terms = [terms[0] for _ in amounts]
    lines = [DocumentLine(amount.minor, 1, tax) for amount, tax in zip(amounts, terms, strict=True)]
    totals: DocumentTotals = total_document(lines, currency, policies)
    return invoiced_lines(names, terms, totals)


def _taxed_at(percent: Decimal) -> TaxTerms:
    return TaxTerms(rates=(TaxRate(name="tax", percent=percent),))


def _period(inputs: Inputs) -> Period:
    """Stated by two dates, by an anniversary, as a calendar period, or the month of the termination."""
    if not inputs.has("period"):
        return Cycle(_A_MONDAY, _CALENDAR_STEPS["month"]).period_containing(inputs.day("terminated"))
    value = inputs.get("period")
    if isinstance(value, list):
        return inputs.period("period")
    text = value if isinstance(value, str) else ""
    if found := re.fullmatch(r"(.+) anniversary (\d{4}-\d{2}-\d{2})", text):
        start = date.fromisoformat(found[2])
        return Cycle(start, step_of(found[1], "period")).period_containing(start)
    if (found := re.fullmatch(r"calendar (\w+)", text)) and found[1] in _CALENDAR_STEPS:
        return Cycle(_A_MONDAY, _CALENDAR_STEPS[found[1]]).period_containing(_A_MONDAY)
    raise NotExpressible(f"period is {str(value)[:60]!r}")


def _terminated(inputs: Inputs, period: Period) -> date:
    return period.start if inputs.get("terminated") == "first day" else inputs.day("terminated")
