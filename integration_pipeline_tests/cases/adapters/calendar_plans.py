"""Cases of plans on the calendar or an anniversary, whose first and last day are both served (Lago)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from integration_pipeline.billing.civil import civil_day
from integration_pipeline.billing.cycles import Cycle
from integration_pipeline.billing.invoices import DocumentKind, PlannedInvoice
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.pricing import PerUnitPrice, rate
from integration_pipeline.billing.proration import share_of_period
from integration_pipeline_tests.cases.contracts import (
    Bill,
    Terms,
    amendment,
    bill,
    charge,
    currency_of,
    frequency_of,
    opening_on,
    step_between,
)
from integration_pipeline_tests.cases.notation import (
    Inputs,
    amount_of,
    day_of,
    end_of,
    step_of,
)
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter

_CALENDAR: Terms = {"kind": "calendar"}
_A_MONDAY = date(2022, 6, 20)
"""For cases that say how many days there are, and not which."""
_TWO_DATES = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})")
_HOUR_OF = {"early": 1, "late": 23}


@adapter("proration/calendar_subscription_fee", "proration/anniversary_subscription_fee", "trial/*")
def subscription_fee(case: Case) -> Mapping[str, Any]:
    """The first fee of a plan that starts within a period, perhaps with free days first."""
    inputs = Inputs.of(case)
    price, phases = inputs.amount("plan"), _trial(inputs)
    anchor = _anchor(inputs, default="anniversary" if "anniversary" in case.feature else "calendar")
    if inputs.has("start"):
        start, frequency = inputs.day("start"), frequency_of(inputs.step())
    else:
        start, frequency, anchor = _A_MONDAY, _length(inputs), opening_on(_A_MONDAY)
    inputs.skip("mode")
    inputs.done()
    billed = bill(
        case,
        start,
        [charge("plan", price, frequency, phases=phases)],
        anchor=anchor,
    )
    return {"amount_cents": billed.total(start)}


@adapter("cancel/arrears_day_of_termination_counted", "cancel/*")
def days_of_a_period(case: Case) -> Mapping[str, Any]:
    """What some days of a period cost in arrears, the day of termination among them."""
    inputs = Inputs.of(case)
    price, frequency, days = inputs.amount("plan"), _length(inputs), inputs.whole("billed_days")
    inputs.skip("mode")
    inputs.done()
    start, last = _A_MONDAY, _A_MONDAY + timedelta(days=days - 1)
    plan = charge("plan", price, frequency, timing="arrears")
    ended = amendment(last, {"change": "terminate"})
    billed = bill(case, start, [plan], amendments=(ended,))
    return {"amount_cents": billed.amount()}


@adapter(
    "upgrade/day_of_upgrade_not_counted_for_old_plan",
    "upgrade/terminated_fee_uses_whole_period_denominator",
    "trial/with_upgrade",
    "proration/calendar_quarter_start_mid",
    "upgrade/*",
    "trial/*",
    "cancel/*",
)
def terminated_in_arrears(case: Case) -> Mapping[str, Any]:
    """The last fee of a plan that ends, or is replaced, within a period; paid after service."""
    inputs = Inputs.of(case)
    price, period, phases = inputs.amount("plan"), _stated_period(inputs), _trial(inputs)
    start = inputs.day("started") if inputs.has("started") else period.start
    last = inputs.day(inputs.first_of("terminated", "terminated_period_end"))
    replaced = (
        inputs.has("followed_by_new_subscription") and inputs.get("followed_by_new_subscription") is True
    )
    inputs.skip("mode", "followed_by_new_subscription")
    inputs.done()
    frequency = frequency_of(step_between(period))
    plan = charge("plan", price, frequency, timing="arrears", phases=phases)
    change: Terms = (
        {"change": "replace", "charge_id": "plan", "charge": charge("next plan", price, frequency)}
        if replaced
        else {"change": "terminate"}
    )
    billed = bill(
        case,
        start,
        [plan],
        anchor=opening_on(period.start),
        amendments=(amendment(last, change),),
    )
    lines = billed.lines("plan")
    if len(lines) != 1 or lines[0].service_period is None:
        raise NotExpressible(f"the plan is billed by {len(lines)} lines, and one fee is asked for")
    share = share_of_period(lines[0].service_period, period, case.policies)
    exact = rate(PerUnitPrice(unit_price=price), share, currency_of(case), case.policies)
    return {"amount_cents": lines[0].amount, "precise": Fraction(exact.numerator, exact.denominator)}


@adapter("upgrade/fixed_charges_in_advance", "upgrade/*")
def fixed_charges_upgraded(case: Case) -> Mapping[str, Any]:
    """Add-ons that another plan changes within a month; each is billed, and netted, by itself."""
    inputs = Inputs.of(case)
    old, new = _prices(inputs, "old_charges_cents"), _prices(inputs, "new_charges_cents")
    start, upgraded = inputs.day("calendar_start"), inputs.day("upgrade")
    inputs.done()
    month = Cycle(date(start.year, 1, 1), step_of("monthly", "period"))
    second = month.period_containing(start).end
    bills = {name: _add_on(case, start, upgraded, old.get(name), new.get(name)) for name in {**old, **new}}
    figures: dict[str, Any] = {
        "first_invoice_cents": [bills[name].total(start) for name in old],
        "august_invoice_cents": [bills[name].total(second) for name in old],
        "upgrade_invoice_cents": [bills[name].total(upgraded) for name in new],
    }
    for name in case.asked:
        if fee := re.fullmatch(r"old_subscription_fee_cents \((\d+)/month arrears\)", name):
            figures[name] = _replaced_subscription(case, start, upgraded, amount_of(fee[1], "cents"))
    return figures


@adapter("downgrade/deferred_to_period_end", "downgrade/*")
def deferred_downgrade(case: Case) -> Mapping[str, Any]:
    """A cheaper plan that is asked for within a paid period: from when it holds, and its first fee."""
    inputs = Inputs.of(case)
    if not inputs.has("start"):
        raise NotExpressible(
            "the day the contract started is not stated, so the anniversary that ends the new plan's first "
            "period is not known"
        )
    start, requested = inputs.day("start"), inputs.day("requested")
    old, new = (_plan(inputs.inner(key), key) for key in ("old", "new"))
    inputs.done()
    change: Terms = {"change": "replace", "charge_id": "old", "charge": new}
    billed = bill(case, start, [old], amendments=(amendment(requested, change),))
    [line] = billed.lines("new")[:1]
    if line.service_period is None:
        raise NotExpressible("the new plan has no service period")
    period = line.service_period
    return {
        "effective": period.start,
        "period": [period.start, period.end - timedelta(days=1)],
        "new_fee_cents": line.amount,
    }


@adapter(
    "proration/first_invoice_in_advance",
    "cancel/in_advance_anniversary",
    "timezone/negative_offset",
    "timezone/*",
)
def paid_in_advance(case: Case) -> Mapping[str, Any]:
    """A plan paid in advance, taxed; and the credit note for the days after it is terminated."""
    inputs = Inputs.of(case)
    price = inputs.amount(
        inputs.first_of("subscription", "plan", "subscription_cents", "plan_cents").removesuffix("_cents")
    )
    tax = {"rates": [{"name": "tax", "percent": inputs.number("tax_percent")}]}
    start = _local_start(inputs)
    anchor = _anchor(inputs, default="calendar")
    frequency = frequency_of(inputs.step()) if inputs.has("period") else "monthly"
    # A credit note without a stated termination: the only day that such a case knows is the first one.
    ended = inputs.day("terminated") if inputs.has("terminated") else start
    inputs.done()
    amendments = ()
    if any("credit_note" in name for name in case.asked):
        amendments = (amendment(ended, {"change": "terminate"}, billed_from=start),)
    billed = bill(
        case,
        start,
        [charge("plan", price, frequency)],
        anchor=anchor,
        tax=tax,
        amendments=amendments,
    )
    invoice = next((each for each in billed.schedule.invoices if each.kind is DocumentKind.INVOICE), None)
    if invoice is None:
        raise NotExpressible("the plan costs nothing, so there is no invoice")
    notes = [each for each in billed.schedule.invoices if each.kind is DocumentKind.CREDIT_NOTE]
    figures: dict[str, Any] = {"total_cents": invoice.payable, "invoice_total_cents": invoice.payable}
    if notes:
        figures |= {"credit_note_total_cents": -notes[0].payable, "credit_note": _note_in_cents(notes[0])}
    return figures


def _note_in_cents(note: PlannedInvoice) -> dict[str, int]:
    """A credit note's figures without their sign, as a document that says credit shows them."""
    net, tax, total = -note.total, -note.tax, -note.payable
    return {"net": net.minor, "tax": tax.minor, "total": total.minor}


def _local_start(inputs: Inputs) -> date:
    """The first day of service: stated, or the day that clocks showed where the customer is."""
    if not inputs.has("start_utc"):
        return inputs.day("start")
    stated = inputs.text("start_utc")
    day = day_of(stated, "start_utc")
    hour = next((hour for word, hour in _HOUR_OF.items() if word in stated), 0)
    clock = re.search(r"T(\d{2}):(\d{2})", stated)
    instant = (
        datetime(day.year, day.month, day.day, int(clock[1]), int(clock[2]), tzinfo=UTC)
        if clock
        else datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    )
    return civil_day(instant, inputs.text("timezone"))


def _stated_period(inputs: Inputs) -> Period:
    """Two dates in a list, or in a text such as `quarterly anniversary 2024-04-15..2024-07-14 (91 days)`."""
    stated = inputs.get("period")
    if isinstance(stated, str):
        found = _TWO_DATES.search(stated)
        if found is None:
            raise NotExpressible(f"period is {stated[:60]!r}, which names no dates")
        return Period(day_of(found[1], "period"), end_of(found[2], "period", inclusive=True))
    return inputs.period("period")


def _length(inputs: Inputs) -> Terms:
    """A billing period of known length, where nothing says on which day it opens."""
    step = inputs.step()
    if inputs.has("period_days"):
        return {"every": inputs.whole("period_days"), "unit": "day"}
    if step.months:
        raise NotExpressible(
            f"neither a date nor period_days says how long the {inputs.text('period')} period is"
        )
    return frequency_of(step)


def _anchor(inputs: Inputs, default: str) -> Terms:
    billing = inputs.text("billing") if inputs.has("billing") else default
    if billing not in ("calendar", "anniversary"):
        raise NotExpressible(f"billing is {billing!r}, neither calendar nor anniversary")
    return _CALENDAR if billing == "calendar" else {"kind": "charge_start"}


def _trial(inputs: Inputs) -> tuple[Terms, ...]:
    days = inputs.whole("trial_days") if inputs.has("trial_days") else 0
    inputs.skip("trial_days")
    return ({"name": "trial", "days": days, "free": True},) if days else ()


def _prices(inputs: Inputs, key: str) -> dict[str, Decimal]:
    prices = inputs.inner(key)
    return {name: amount_of(prices.get(name), key) for name in prices.names}


def _plan(inputs: Inputs, name: str) -> Terms:
    frequency = inputs.text("period").split()[0]
    plan = charge(name, inputs.amount("plan"), frequency_of(step_of(frequency, "period")))
    inputs.done()
    return plan


def _add_on(case: Case, start: date, upgraded: date, old: Decimal | None, new: Decimal | None) -> Bill:
    """One add-on as a contract of its own, in which a price of zero stands for not being part of a plan."""
    changed: Terms = {"change": "price", "charge_id": "add-on", "unit_price": new or Decimal(0)}
    return bill(
        case,
        start,
        [charge("add-on", old or Decimal(0))],
        anchor=_CALENDAR,
        amendments=(amendment(upgraded, changed),),
    )


def _replaced_subscription(case: Case, start: date, upgraded: date, price: Decimal) -> object:
    """The last fee, in arrears, of a subscription that another replaces."""
    change: Terms = {"change": "replace", "charge_id": "old", "charge": charge("new", price)}
    billed = bill(
        case,
        start,
        [charge("old", price, timing="arrears")],
        anchor=_CALENDAR,
        amendments=(amendment(upgraded, change),),
    )
    return billed.lines("old")[-1].amount
