"""Cases about whole invoices of a contract: stubs, phases and trials, a second run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from integration_pipeline.billing.cycles import Cycle, Step
from integration_pipeline.billing.discounts import Discount, apply_discounts
from integration_pipeline.billing.invoices import PlannedLine
from integration_pipeline.billing.money import Money, minor_unit_exponent
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.proration import share_of_periods
from integration_pipeline.billing.usage.included import use_included
from integration_pipeline_tests.cases.contracts import Terms, amendment, bill, charge, frequency_of, on_day
from integration_pipeline_tests.cases.notation import STEPS, Inputs, day_of, step_of
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter

_CALENDAR: Terms = {"kind": "calendar"}
_MONTHLY_PRICE = re.compile(r"(\d+(?:\.\d+)?)/month(?: ([a-z-]+), bill cycle day (\d+))?")


@adapter("proration/leading_stub_invoice", "proration/*")
def leading_stub(case: Case) -> Mapping[str, Any]:
    """Everything a contract has invoiced by a target date."""
    inputs = Inputs.of(case)
    start, target = inputs.day("start"), inputs.day("target_date")
    step, anchor = inputs.step(), _anchor(inputs)
    plan = charge("plan", inputs.amount("rate"), frequency_of(step))
    inputs.done()
    # The contract ends with the period that is open on the target date, so its total is the balance.
    cycle = Cycle(start, step, case.policies.month_end, anchor.get("day"))
    billed = bill(case, start, [plan], anchor=anchor, end=cycle.period_containing(target).end)
    return {"items": len(billed.lines()), "balance": billed.schedule.total}


@adapter("idempotency/*")
def rerun(case: Case) -> Mapping[str, Any]:
    """What a second run bills that the first has not."""
    inputs = Inputs.of(case)
    start = inputs.day("start")
    first, second = inputs.day("first_run_target"), inputs.day("second_run_target")
    plan = charge("plan", inputs.amount("rate"), frequency_of(inputs.step()))
    anchor = _anchor(inputs)
    inputs.skip("existing_invoices")
    inputs.done()
    billed = bill(case, start, [plan], anchor=anchor).invoices(first)
    again = bill(case, start, [plan], anchor=anchor).invoices(second)
    known = {invoice.content_hash() for invoice in billed}
    new = [invoice.total for invoice in again if invoice.content_hash() not in known]
    return {"second_invoice": new[0] if new else None, "new_invoices": len(new)}


@adapter("proration/fixed_30_leading", "proration/*")
def leading_stubs(case: Case) -> Mapping[str, Any]:
    """The first amounts of contracts that start on several days."""
    inputs = Inputs.of(case)
    price, anchor = inputs.amount("rate"), _anchor(inputs)
    starts = [day_of(start, "starts") for start in inputs.some("starts")]
    inputs.done()
    first = [bill(case, start, [charge("plan", price)], anchor=anchor).amount() for start in starts]
    return {"amounts": first}


@adapter("proration/quarterly_first_stub_month_first", "proration/*")
def calendar_stub(case: Case) -> Mapping[str, Any]:
    """A first period cut by the calendar, of a price that is stated per month."""
    inputs = Inputs.of(case)
    price, period = inputs.amount("monthly_price"), inputs.period("invoice_period")
    name = inputs.text("billing").partition(",")[0]
    if "calendar" not in inputs.text("billing") or name not in STEPS:
        raise NotExpressible(f"billing is {inputs.text('billing')!r}, not a calendar aligned period")
    inputs.done()
    plan = charge("plan", price, frequency_of(STEPS[name]), quantity=STEPS[name].months)
    billed = bill(case, period.start, [plan], anchor=_CALENDAR, end=period.end)
    return {"amount": billed.total(period.start)}


@adapter("proration/day_of_period_anchor", "proration/*")
def anchored_units(case: Case) -> Mapping[str, Any]:
    """A contract in months from one anchor day to the next, as units of a month and as money."""
    inputs = Inputs.of(case)
    price = _monthly_price(inputs.text("price"))
    period = Period(inputs.day("from"), inputs.end("to"))
    day = inputs.day_of_month("anchor_day")
    inputs.skip("allow_partial")
    inputs.done()
    billed = bill(case, period.start, [charge("plan", price)], anchor=on_day(day), end=period.end)
    cycle = Cycle(period.start, STEPS["monthly"], anchor_day=day)
    parts = tuple(cycle.periods(period.start, period.end))
    return {
        "units": share_of_periods(parts, case.policies),
        "first_partial": share_of_periods(parts[:1], case.policies),
        "total": billed.schedule.total,
    }


@adapter("schedule/month_end_anchor_arrears", "schedule/*")
def month_end_in_arrears(case: Case) -> Mapping[str, Any]:
    """A base charge and a later add-on on the same month-end anchor."""
    inputs = Inputs.of(case)
    start, anchor = inputs.day("start"), _anchor(inputs)
    timing = "arrears" if "arrears" in inputs.text("mode") else "advance"
    base = charge("base", inputs.amount("base_rate"), timing=timing)
    later = inputs.inner("late_add_on")
    add_on = charge("add-on", later.amount("rate"), timing=timing, start=later.day("start"))
    later.done()
    inputs.done()
    billed = bill(case, start, [base, add_on], anchor=anchor)
    return {
        "base_periods": [_row(line) for line in billed.lines("base")[: case.how_many("base_periods")]],
        "add_on_item": _row(billed.lines("add-on")[0]),
    }


@adapter("quantity/change_on_invoice_date", "quantity/*")
def quantity_on_a_boundary(case: Case) -> Mapping[str, Any]:
    """Another quantity from the day on which a period opens."""
    inputs = Inputs.of(case)
    start, effective = inputs.day("start"), inputs.day("effective")
    seats = charge("seats", inputs.amount("unit_price"), quantity=inputs.number("quantity"))
    change: Terms = {"change": "quantity", "charge_id": "seats", "quantity": inputs.number("new_quantity")}
    inputs.done()
    billed = bill(case, start, [seats], amendments=(amendment(effective, change, billed_from=start),))
    return {"invoices": [_row(line) for line in billed.lines()[: case.how_many("invoices")]]}


@adapter("ramp/three_month_discount_phase", "ramp/*")
def discount_phase(case: Case) -> Mapping[str, Any]:
    """Some months at a lower price, then the full one."""
    inputs = Inputs.of(case)
    start, anchor = inputs.day("start"), _anchor(inputs)
    phase = {"months": inputs.whole("discount_months"), "unit_price": inputs.amount("discount_rate")}
    plan = charge("plan", inputs.amount("evergreen_rate"), phases=(phase,))
    inputs.skip("timezone")
    inputs.done()
    billed = bill(case, start, [plan], anchor=anchor)
    return {"invoices": [_row(line) for line in billed.lines()[: case.how_many("invoices")]]}


@adapter("ramp/trial_discount_evergreen", "ramp/*", "trial/*")
def trial_discount_evergreen(case: Case) -> Mapping[str, Any]:
    """Free days, then months at a lower price, then the full one; billed on a day of the month."""
    inputs = Inputs.of(case)
    start, anchor = inputs.day("creation"), _anchor(inputs)
    discount, evergreen = inputs.inner("discount"), inputs.inner("evergreen")
    phases = (
        {"name": "trial", "days": inputs.whole("trial_days"), "free": True},
        {
            "name": "discount",
            "start": discount.day("from"),
            "months": discount.whole("months"),
            "unit_price": discount.amount("rate"),
        },
    )
    plan = charge("plan", evergreen.amount("rate"), phases=phases)
    evergreen.skip("from")
    for part in (discount, evergreen, inputs):
        part.done()
    billed = bill(case, start, [plan], anchor=anchor)
    first, second = billed.lines()[:2]
    figures: dict[str, Any] = {
        "trial_invoice": billed.total(start),
        "first_discount_invoice": {"from": _row(first)[0], "amount": first.amount},
        "second": {"from": _row(second)[0], "amount": second.amount},
    }
    for name in case.asked:
        if name.startswith("invoice_at_"):
            # One run for everything that was not invoiced since the second invoice.
            figures[name] = {"items": len(billed.lines(until=day_of(name, name))[2:])}
    return figures


@adapter("ramp/stub_and_price_step", "ramp/*")
def stub_and_price_step(case: Case) -> Mapping[str, Any]:
    """A discounted price per month, billed for several months, that rises within a period."""
    inputs = Inputs.of(case)
    price, step, day = _priced_cycle(inputs.text("price"))
    term, percent = inputs.period("term"), inputs.number("discount_percent")
    phases = tuple(
        {"start": day_of(name, name), "unit_price": _monthly_price(inputs.text(name))}
        for name in inputs.names
        if name.startswith("price_from_")
    )
    inputs.done()
    [key] = case.asked
    plan = charge("plan", price, frequency_of(step), quantity=step.months, phases=phases)
    lines = bill(case, term.start, [plan], anchor=on_day(day), end=term.end).lines()
    return {key: [_with_discount(line, percent, case.policies) for line in lines][: case.how_many(key)]}


@adapter("trial/from_month_start", "trial/explicit_end_inclusive", "trial/*")
def trial_shown_and_taken_back(case: Case) -> Mapping[str, Any]:
    """Free days that are shown as a charge and its reversal, then the rest of the calendar month."""
    inputs = Inputs.of(case)
    start, price = inputs.day("start"), inputs.amount("plan")
    trial = Period(start, inputs.end("trial_end") if inputs.has("trial_end") else _days_after(inputs, start))
    figures = _trial_usage(inputs, trial, case.policies)
    inputs.done()
    phase = {"name": "trial", "end": trial.end, "free": True}
    # What the free days would have cost is what a contract over just these days costs.
    shown = bill(case, start, [charge("plan", price)], anchor=_CALENDAR, end=trial.end).amount()
    rest, following = bill(case, start, [charge("plan", price, phases=(phase,))], anchor=_CALENDAR).charges()[
        :2
    ]
    return {**figures, "trial": [shown, -shown], "after_trial": rest, "next_month": following}


def _row(line: PlannedLine) -> list[Any]:
    """A line as first day, end and amount."""
    if line.service_period is None:
        raise NotExpressible(f"{line.charge_id} has no service period")
    return [line.service_period.start, line.service_period.end, line.amount]


def _with_discount(line: PlannedLine, percent: Decimal, policies: Policies) -> list[Any]:
    """A line as first and last day, its amount, and a discount that is a line of its own."""
    first, end, amount = _row(line)
    currency = line.amount.currency
    discount = Discount(percent=percent)
    places = minor_unit_exponent(currency)
    [taken] = apply_discounts(line.amount.minor, 1, [discount], currency, policies, places).taken
    off = Fraction(taken.numerator, taken.denominator)
    return [first, end - timedelta(days=1), amount, -Money(off.numerator, currency)]


def _anchor(inputs: Inputs) -> Terms:
    """Billing periods on the bill cycle day; without one they open with the charge."""
    return (
        on_day(inputs.day_of_month("bill_cycle_day"))
        if inputs.has("bill_cycle_day")
        else {"kind": "charge_start"}
    )


def _monthly_price(stated: str) -> Decimal:
    """`90/month`, whatever is said behind it."""
    found = _MONTHLY_PRICE.match(stated)
    if found is None:
        raise NotExpressible(f"the price is {stated[:60]!r}, not one per month")
    return Decimal(found[1])


def _priced_cycle(stated: str) -> tuple[Decimal, Step, int]:
    """`100/month semi-annual, bill cycle day 10`: price of a month, billing period, its day of the month."""
    found = _MONTHLY_PRICE.fullmatch(stated)
    if found is None or found[2] is None:
        raise NotExpressible(f"the price is {stated[:60]!r}, not one per month for a billing period and day")
    return Decimal(found[1]), step_of(found[2], "price"), int(found[3])


def _days_after(inputs: Inputs, start: date) -> date:
    return start + timedelta(days=inputs.whole("trial_days"))


def _trial_usage(inputs: Inputs, trial: Period, policies: Policies) -> dict[str, Any]:
    """Units beyond those that a trial includes: its allowance is its own, and not prorated."""
    if not inputs.has("used_in_trial"):
        return {}
    included = inputs.number("included_units_in_trial")
    used = use_included(inputs.number("used_in_trial"), included, trial, trial, policies)
    return {"billable_trial_units": used.billable}
