"""Cases about the invoice of a minimum commitment: usage in arrears, true-up, tax, credit of a paid plan."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from integration_pipeline.billing.credits import (
    credit_note,
    invoiced_lines,
    unused_credit,
    unused_part,
)
from integration_pipeline.billing.cycles import Cycle
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.pricing import ExactPrice, FlatPrice, draw_down, rate, true_up
from integration_pipeline.billing.proration import share_of_period
from integration_pipeline.billing.tax import NO_TAX, TaxRate, TaxTerms
from integration_pipeline.billing.totals import DocumentLine, total_document
from integration_pipeline_tests.cases.notation import STEPS, Inputs, amount_of
from integration_pipeline_tests.cases.price_notation import answer_each
from integration_pipeline_tests.cases.registry import Case, adapter

_CURRENCY = "USD"


@adapter("minimum/*")
def minimum_of_charges(case: Case) -> Mapping[str, Any]:
    """Amounts of usage that share one minimum, on an invoice with tax, in a month that may end early."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        key = inputs.first_of("usage_cents", "usage")
        usage = [_flat(amount_of(item, key), case.policies) for item in inputs.items(key)]
        minimum = inputs.amount("charge_minimum")
        full, terminated = None, None
        if inputs.has("terminated"):
            terminated = inputs.day("terminated")
            full = Cycle(terminated, STEPS["monthly"], anchor_day=1).period_containing(terminated)
        unused = None if full is None or terminated is None else unused_part(full, terminated, case.policies)
        share = Fraction(1)
        if full is not None and unused is not None:
            share = share_of_period(Period(full.start, unused.start), full, case.policies)
        filled = true_up(usage, minimum, _CURRENCY, case.policies, share=share)

        tax = _tax(inputs)
        fees = [DocumentLine(filled.total.minor, tax=tax)]
        invoice = total_document(fees, _CURRENCY, case.policies)
        credit = Money(0, _CURRENCY)
        if inputs.has("subscription_cents") and full is not None and terminated is not None:
            paid = _flat(inputs.amount("subscription"), case.policies)
            line = DocumentLine(paid.numerator, paid.denominator, tax)
            before = total_document([line], _CURRENCY, case.policies)
            lines = invoiced_lines(["subscription"], [tax], before)
            asked = unused_credit(lines[0], full, terminated, case.policies)
            credit = credit_note(lines, [asked], [], case.policies).total
        (applied,) = draw_down(credit, [invoice.total])
        return {
            "true_up_cents": filled.amount,
            "invoice": {
                "fees": invoice.net.minor,
                "tax": invoice.tax.minor,
                "credit_note_applied": applied.covered.minor,
                "total": applied.overage.minor,
            },
        }

    return answer_each(case, read)


def _flat(amount: Decimal, policies: Policies) -> ExactPrice:
    return rate(FlatPrice(amount=amount), 1, _CURRENCY, policies)


def _tax(inputs: Inputs) -> TaxTerms:
    percent = inputs.optional("tax_percent")
    return NO_TAX if percent is None else TaxTerms(rates=(TaxRate(name="tax", percent=percent),))
