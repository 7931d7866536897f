"""Cases about days that were billed and then not served: pauses, terminations, replaced plans."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from integration_pipeline.billing.credits import Credit, InvoicedLine, credit_note, unused_share
from integration_pipeline.billing.money import Money, round_to_minor
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.pricing import PerUnitPrice, rate
from integration_pipeline_tests.cases.contracts import (
    Terms,
    amendment,
    bill,
    charge,
    currency_of,
    first,
    frequency_of,
    step_between,
)
from integration_pipeline_tests.cases.notation import Inputs, day_of, pair_of
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter


@adapter(
    "credit/pause_to_period_end",
    "credit/pause_across_periods",
    "credit/pause_start_of_period",
    "credit/pause_middle",
    "credit/two_pauses",
    "credit/cancel",
    "credit/pause*",
    "plan_change/monthly_to_annual_kept_part",
    "plan_change/monthly_to_annual_credit",
)
def repaired(case: Case) -> Mapping[str, Any]:
    """What is credited of billed periods that are not served to their end, and what stays billed."""
    inputs = Inputs.of(case)
    billed = [_billed(inner) for inner in inputs.each_in("billed")]
    changes = _changes(inputs, billed[0][0])
    inputs.done()
    prices = {price for _, price in billed}
    if len(prices) > 1:
        raise NotExpressible("billed: several prices of one item")
    price = prices.pop()
    start, end = billed[0][0].start, billed[-1][0].end
    items = [charge("item", price, frequency_of(step_between(billed[0][0])))]
    asked = set(case.asked)
    figures: dict[str, Any] = {}
    if asked & {"credit", "credits"}:
        credited = bill(case, start, items, end=end, amendments=tuple(changes)).credits()
        figures |= {"credit": first(credited), "credits": credited}
    if asked & {"kept", "kept_amount"}:
        # What stays is what a contract costs whose changes were known before it was billed.
        known = [{**change, "booked": start} for change in changes]
        kept = [line.amount for line in bill(case, start, items, end=end, amendments=tuple(known)).lines()]
        figures |= {"kept": kept if case.is_list("kept") else first(kept), "kept_amount": first(kept)}
    return figures


@adapter("credit/cancel*")
def cancelled_after_adjustment(case: Case) -> Mapping[str, Any]:
    """What is credited of a period that is cancelled after part of its line was credited by hand."""
    inputs = Inputs.of(case)
    period, price = _billed(inputs.inner("billed"))
    adjusted, cancelled = inputs.amount("item_adjustment"), inputs.day("cancelled_on")
    inputs.done()
    policies, currency = case.policies, currency_of(case)
    line = InvoicedLine("item", round_to_minor(price, currency), Money(0, currency))
    by_hand = Credit("item", Fraction((-round_to_minor(adjusted, currency)).minor))
    unused = rate(
        PerUnitPrice(unit_price=price), unused_share(period, cancelled, policies), currency, policies
    )
    earlier = credit_note([line], [by_hand], [], policies)
    wanted = Credit("item", Fraction(unused.numerator, unused.denominator))
    note = credit_note([line], [wanted], [earlier], policies)
    return {"credit": -note.amount if note.lines else None}


@adapter("credit/change_on_start_date_after_payment")
def replaced_after_payment(case: Case) -> Mapping[str, Any]:
    """A plan that replaces a paid one from its first day: the paid invoice stays, the next one nets both."""
    inputs = Inputs.of(case)
    paid, then = inputs.inner("paid"), inputs.inner("replaced_by")
    start, changed = paid.day("from"), then.day("from")
    old, new = paid.amount("amount"), then.amount("rate")
    for part in (paid, then, inputs):
        part.done()
    change = {"change": "replace", "charge_id": "old", "charge": charge("new", new)}
    billed = bill(
        case,
        start,
        [charge("old", old)],
        term_months=1,
        amendments=(amendment(changed, change, billed_from=start),),
    )
    original, correction = billed.invoices()
    balance = original.total - round_to_minor(old, original.total.currency)
    return {"original_invoice_balance": balance, "new_invoice_balance": correction.total}


@adapter("credit/netted_on_next_invoice")
def netted_on_next_invoice(case: Case) -> Mapping[str, Any]:
    """The unused rest of a cancelled add-on on the invoice of a new charge."""
    inputs = Inputs.of(case)
    new, add_on = inputs.amount("new_charge"), inputs.inner("cancelled_add_on")
    cycle = Period(add_on.day("billed_from"), add_on.end("billed_to"))
    rate, cancelled = add_on.amount("rate"), add_on.day("cancel")
    add_on.done()
    inputs.done()
    billed = bill(
        case,
        cycle.start,
        [charge("add-on", rate, frequency_of(step_between(cycle)))],
        end=cycle.end,
        amendments=(
            amendment(
                cancelled,
                {"change": "add", "charge": charge("new", new, "one_time")},
                {"change": "remove", "charge_id": "add-on"},
                billed_from=cycle.start,
            ),
        ),
    )
    issued = billed.documents(cancelled)
    return {"invoice_total": billed.total(cancelled), "items": len(issued[0].lines) if issued else 0}


@adapter("arrears/cancel_mid_period", "cancel/*")
def cancelled_within_period(case: Case) -> Mapping[str, Any]:
    """What a period costs that ends before its time, billed after service or known before it is billed."""
    inputs = Inputs.of(case)
    period, price = _period(inputs), inputs.amount(inputs.first_of("amount", "rate"))
    cancelled = inputs.day(inputs.first_of("cancelled", "cancelled_on"))
    timing = "arrears" if inputs.has("mode") and "arrears" in inputs.text("mode") else "advance"
    inputs.skip("mode")
    inputs.done()
    billed = bill(
        case,
        period.start,
        [charge("item", price, frequency_of(step_between(period)), timing=timing)],
        end=period.end,
        amendments=(
            {**amendment(cancelled, {"change": "terminate"}), "booked": min(period.start, cancelled)},
        ),
    )
    return {"amount": billed.amount()}


@adapter("proration/short_interval", "proration/*")
def short_interval(case: Case) -> Mapping[str, Any]:
    """A charge that is served for some days within one billing period."""
    inputs = Inputs.of(case)
    period, price = _period(inputs), inputs.amount("rate")
    start, end = inputs.day("active_from"), inputs.end("active_to")
    inputs.done()
    billed = bill(
        case,
        start,
        [charge("item", price, frequency_of(step_between(period)))],
        end=end,
        anchor={"kind": "co_term", "date": period.start},
    )
    return {"amount": billed.amount()}


def _billed(inputs: Inputs) -> tuple[Period, Decimal]:
    period = Period(inputs.day("from"), inputs.end("to"))
    price = inputs.amount(inputs.first_of("rate", "amount"))
    inputs.skip("period")
    inputs.done()
    return period, price


def _period(inputs: Inputs) -> Period:
    if inputs.has("period"):
        return inputs.period("period")
    return Period(inputs.day("period_from"), inputs.end("period_to"))


def _changes(inputs: Inputs, billed: Period) -> list[Terms]:
    """Pauses and terminations, each known only after the period was billed."""
    changes: list[Terms] = []
    if inputs.has("paused_from"):
        until = inputs.day("paused_to") if inputs.has("paused_to") else None
        changes.append(_pause(inputs.day("paused_from"), until, billed))
    if inputs.has("pauses"):
        for pause in inputs.items("pauses"):
            start, end = (day_of(day, "pauses") for day in pair_of(pause, "pauses"))
            changes.append(_pause(start, end, billed))
    ends = [inputs.day(key) for key in ("cancelled_on", "switched_on") if inputs.has(key)]
    changes.extend(amendment(end, {"change": "terminate"}, billed_from=billed.start) for end in ends)
    if not changes:
        raise NotExpressible("no pause, cancellation or switch is stated")
    return changes


def _pause(start: date, until: date | None, billed: Period) -> Terms:
    return amendment(start, {"change": "pause", "until": until}, billed_from=billed.start)
