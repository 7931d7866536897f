"""Cases about contracts that change while they are billed: plans, seats, pauses, terminations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from integration_pipeline.billing.cycles import Cycle
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period
from integration_pipeline_tests.cases.contracts import (
    Bill,
    Terms,
    amendment,
    bill,
    charge,
    first,
    frequency_of,
    step_between,
)
from integration_pipeline_tests.cases.notation import (
    Inputs,
    amount_of,
    day_of,
    step_of,
)
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter

_PLAN = re.compile(r"to plan (\d{1,3})$")
_CYCLE_DAYS = ("period_days", "interval")


@adapter("plan_change/*", "upgrade/*", "downgrade/*")
def plan_change_in_cycle(case: Case) -> Mapping[str, Any]:
    """Another price within a billing period: what is credited and what is charged for the rest of it."""
    inputs = Inputs.of(case)
    cycle = _cycle(inputs)
    changed = inputs.day(inputs.first_of("changed", "change"))
    old, new = _old_and_new(inputs)
    inputs.skip(*_CYCLE_DAYS)
    inputs.done()
    return _figures(case, *_replaced(case, cycle, changed, old, new))


@adapter("plan_change/half_period", "plan_change/*")
def plan_change_at_a_share(case: Case) -> Mapping[str, Any]:
    """Another price where only the share that is left is stated: as so many days of so many."""
    inputs = Inputs.of(case)
    share = re.fullmatch(r"(\d{1,4})/(\d{1,4})", inputs.text("remaining"))
    if share is None:
        raise NotExpressible("remaining is not written as a share such as 1/2")
    left, of = int(share[1]), int(share[2])
    old, new = _old_and_new(inputs)
    inputs.done()
    opened = date(2026, 1, 1)
    cycle = Period(opened, opened + timedelta(days=of))
    return _figures(case, *_replaced(case, cycle, cycle.end - timedelta(days=left), old, new))


@adapter("plan_change/interval_change_resets_cycle", "plan_change/*")
def interval_change(case: Case) -> Mapping[str, Any]:
    """Another billing frequency within a billing period: the rest is credited, a new period opens."""
    inputs = Inputs.of(case)
    cycle = _cycle(inputs)
    changed = inputs.day("changed")
    names = inputs.text("change").partition(",")[0].split(" to ")
    old_step, new_step = (step_of(name, "change") for name in names)
    old, new = _old_and_new(inputs)
    inputs.done()
    replaced = charge("new", new, frequency_of(new_step))
    billed = bill(
        case,
        cycle.start,
        [charge("old", old, frequency_of(old_step))],
        end=max(cycle.end, Cycle(changed, new_step).boundary(1)),
        amendments=(_replacing(replaced, changed, cycle),),
    )
    opened = [line.service_period for line in billed.lines("new")]
    return {
        **_figures(case, billed, changed),
        "new_cycle_start": opened[0].start if opened and opened[0] else None,
    }


@adapter("plan_change/four_changes_in_one_cycle", "plan_change/*")
def several_changes(case: Case) -> Mapping[str, Any]:
    """Several plans, one after the other, within a billing period."""
    inputs = Inputs.of(case)
    cycle = inputs.period("cycle")
    prices = [amount_of(price, "plans_cents") for price in inputs.some("plans_cents")]
    changes = [str(change) for change in inputs.some("changes")]
    inputs.done()
    frequency = frequency_of(step_between(cycle))
    days = [day_of(change, "changes") for change in changes]
    amendments: list[Terms] = []
    for change, day in zip(changes, days, strict=True):
        plan = _PLAN.search(change)
        if plan is None or not 1 <= int(plan[1]) <= len(prices):
            raise NotExpressible(f"changes: {change[:60]!r} names none of the {len(prices)} plans")
        price: Terms = {"change": "price", "charge_id": "plan", "unit_price": prices[int(plan[1]) - 1]}
        amendments.append(amendment(day, price, billed_from=cycle.start))
    billed = bill(
        case,
        cycle.start,
        [charge("plan", prices[0], frequency)],
        end=cycle.end,
        amendments=tuple(amendments),
    )
    entries = [[*_unsigned(billed.credits(day)), *billed.charges(day)] for day in days]
    return {"entries (credit, debit)": [[_cents(amount) for amount in entry] for entry in entries]}


@adapter("plan_change/mixed_components", "plan_change/*")
def mixed_components(case: Case) -> Mapping[str, Any]:
    """One component changes its price, one is added, one removed, on the same day."""
    inputs = Inputs.of(case)
    cycle = _cycle(inputs)
    day = inputs.day("change")
    changed = inputs.inner("changed")
    old, new = changed.amount("old"), changed.amount("new")
    changed.done()
    added, removed = inputs.amount("added"), inputs.amount("removed")
    inputs.skip(*_CYCLE_DAYS)
    inputs.done()
    frequency = frequency_of(step_between(cycle))
    billed = bill(
        case,
        cycle.start,
        [charge("changed", old, frequency), charge("removed", removed, frequency)],
        end=cycle.end,
        amendments=(
            amendment(
                day,
                {"change": "price", "charge_id": "changed", "unit_price": new},
                {"change": "add", "charge": charge("added", added, frequency)},
                {"change": "remove", "charge_id": "removed"},
                billed_from=cycle.start,
            ),
        ),
    )
    return _figures(case, billed, day)


@adapter("quantity/seats_now_plan_change_next_cycle", "quantity/*")
def seats_now_price_later(case: Case) -> Mapping[str, Any]:
    """More or fewer seats at once, at the old price; another price from the next billing period on."""
    inputs = Inputs.of(case)
    cycle, changed = inputs.period("cycle"), inputs.day("changed")
    old = inputs.amount("old_price_per_seat")
    new = amount_of(inputs.get("new_price_per_seat_cents_next_cycle"), "new_price_cents")
    seats, then = inputs.number("old_seats"), inputs.number("new_seats")
    inputs.done()
    step = step_between(cycle)
    more_or_fewer: Terms = {"change": "quantity", "charge_id": "seats", "quantity": then}
    billed = bill(
        case,
        cycle.start,
        [charge("seats", old, frequency_of(step), quantity=seats)],
        end=Cycle(cycle.start, step).boundary(2),
        amendments=(
            amendment(changed, more_or_fewer, billed_from=cycle.start),
            amendment(cycle.end, {"change": "price", "charge_id": "seats", "unit_price": new}),
        ),
    )
    net = billed.total(changed)
    return {
        "proration_cents": _unsigned([net])[0],
        "direction": "credit" if net.minor < 0 else "debit",
        "next_cycle_amount_cents": billed.total(cycle.end),
    }


@adapter("quantity/multi_instance_add_on", "quantity/*")
def instances_added(case: Case) -> Mapping[str, Any]:
    """Several instances of an add-on from a day within a billing period on."""
    inputs = Inputs.of(case)
    cycle, day = _cycle(inputs), inputs.day("change")
    price, instances = inputs.amount("unit_price"), inputs.number("instances")
    inputs.skip(*_CYCLE_DAYS)
    inputs.done()
    frequency = frequency_of(step_between(cycle))
    added = charge("add-on", price, frequency, quantity=instances)
    billed = bill(
        case,
        cycle.start,
        [charge("base", Decimal(0), frequency)],
        end=cycle.end,
        amendments=(amendment(day, {"change": "add", "charge": added}, billed_from=cycle.start),),
    )
    lines = billed.lines("add-on")
    shown = lines[0].quantity if lines else Decimal(0)
    return {"amount_cents": billed.amount("add-on"), "display_quantity": shown}


@adapter("one_off/*")
def one_time_charge(case: Case) -> Mapping[str, Any]:
    """A one-time charge that is added within a billing period."""
    inputs = Inputs.of(case)
    cycle, day = _cycle(inputs), inputs.day("change")
    rate, quantity = inputs.amount("one_time_rate"), inputs.number("quantity")
    inputs.skip(*_CYCLE_DAYS)
    inputs.done()
    added = charge("one-off", rate, "one_time", quantity=quantity)
    billed = bill(
        case,
        cycle.start,
        [charge("base", Decimal(0), frequency_of(step_between(cycle)))],
        end=cycle.end,
        amendments=(amendment(day, {"change": "add", "charge": added}, billed_from=cycle.start),),
    )
    return {"net_cents": billed.total(day), "amount_cents": billed.total(day)}


def _cycle(inputs: Inputs) -> Period:
    """The current billing period, by any of its names."""
    key = inputs.first_of("period", "cycle", "cycle_start")
    if key != "cycle_start":
        return inputs.period(key)
    return Period(inputs.day("cycle_start"), inputs.end(inputs.first_of("cycle_end", "old_cycle_end")))


def _old_and_new(inputs: Inputs) -> tuple[Decimal, Decimal]:
    if inputs.has("old_fee") or inputs.has("old_fee_cents"):
        return inputs.amount("old_fee"), inputs.amount("new_fee")
    return inputs.amount("old"), inputs.amount("new")


def _replaced(
    case: Case, cycle: Period, changed: date, old: Decimal, new: Decimal
) -> tuple[Bill, date, Period]:
    """A contract over two billing periods, so that a change on the last boundary still lies within it."""
    step = step_between(cycle)
    frequency = frequency_of(step)
    replaced = charge("new", new, frequency)
    billed = bill(
        case,
        cycle.start,
        [charge("old", old, frequency)],
        end=Cycle(cycle.start, step).boundary(2),
        amendments=(_replacing(replaced, changed, cycle),),
    )
    return billed, max(changed, cycle.start + timedelta(days=1)), cycle


def _replacing(new: Terms, changed: date, cycle: Period) -> Terms:
    return amendment(
        changed, {"change": "replace", "charge_id": "old", "charge": new}, billed_from=cycle.start
    )


def _figures(case: Case, billed: Bill, day: date, cycle: Period | None = None) -> dict[str, Any]:
    """Credit, charge and net of the change's invoice; nothing where it only opens the next period.

    Systems that write a debit beside a credit write both without a sign.
    """
    within = cycle is None or day < cycle.end
    zero = Money(0, billed.schedule.currency)
    credit = first(billed.credits(day)) or zero if within else zero
    charged = first(billed.charges(day)) or zero if within else zero
    shown = _unsigned([credit])[0] if {"debit", "debit_cents"} & set(case.asked) else credit
    net = billed.total(day) if within else zero
    issued = billed.documents(day)
    return {
        "credit_cents": shown,
        "credit": shown,
        "debit_cents": charged,
        "debit": charged,
        "charge_cents": charged,
        "charge": charged,
        "net_cents": net,
        "net": net,
        "lines": len(issued[0].lines) if within and issued else 0,
    }


def _unsigned(amounts: Sequence[Money]) -> list[Money]:
    return [-amount if amount.minor < 0 else amount for amount in amounts]


def _cents(amount: Money) -> int:
    return amount.minor
