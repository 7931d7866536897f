"""Cases about billing periods: on which days they open and close, and which of them are billed by a day."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from integration_pipeline.billing.cycles import Cycle, whole_steps
from integration_pipeline.billing.periods import BillingPeriod, Period
from integration_pipeline.billing.policies import MonthEnd, Policies
from integration_pipeline_tests.cases.notation import (
    STEPS,
    Inputs,
    answers,
    day_of,
    listed,
    listed_inclusive,
)
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter

_FAR = date(2999, 1, 1)
_DAY_OF_YEAR = re.compile(r"\d{2}-\d{2}(?!\d|-)")


@adapter("schedule/whole_periods_count", "schedule/*")
def whole_periods_count(case: Case) -> Mapping[str, Any]:
    """How many whole periods lie between two dates."""

    def read(inputs: Inputs) -> int:
        return whole_steps(inputs.day("start"), inputs.day("end"), inputs.step())

    return answers(case, read, "whole_periods")


@adapter("schedule/advance_n_periods", "schedule/*")
def advance_n_periods(case: Case) -> Mapping[str, Any]:
    """The day that is n periods later."""

    def read(inputs: Inputs) -> date:
        return Cycle(inputs.day("start"), inputs.step()).boundary(inputs.whole("n"))

    return answers(case, read, "date", "dates")


@adapter("schedule/first_billing_cycle_date", "schedule/*")
def first_billing_cycle_date(case: Case) -> Mapping[str, Any]:
    """The first boundary on or after the start, for every frequency that is asked for."""
    inputs = Inputs.of(case)
    start, day = inputs.day("start"), inputs.day_of_month("bill_cycle_day")
    frequencies = case.asked_within("first_billing_cycle_date")
    if not frequencies:
        boundary = _first_boundary(cycle_of(start, inputs, case.policies, day=day), start)
        inputs.done()
        return {"first_billing_cycle_date": boundary}
    inputs.done()
    return {
        "first_billing_cycle_date": {
            name: _first_boundary(_named_cycle(start, name, day, case.policies), start)
            for name in frequencies
        }
    }


@adapter("schedule/month_end_anchor", "schedule/*")
def month_end_anchor(case: Case) -> Mapping[str, Any]:
    """The end of the first billed period, where a month lacks the anchor's day."""
    inputs = Inputs.of(case)
    start = inputs.day("start")
    cycle = cycle_of(start, inputs, case.policies)
    inputs.skip("target_date")
    inputs.done()
    return {"first_period_end": next(cycle.periods(start, _FAR)).service.end}


@adapter("schedule/month_end_alignment", "schedule/*")
def month_end_alignment(case: Case) -> Mapping[str, Any]:
    """The last day of the first period after a start on a month's last day, aligned to either end."""
    inputs = Inputs.of(case)
    stated = inputs.text("start")
    if _DAY_OF_YEAR.match(stated):
        # The day of any year that has the stated length.
        stated = f"{'2024' if 'leap' in stated and 'non' not in stated else '2023'}-{stated}"
    start = day_of(stated, "start")
    step = inputs.step()
    inputs.done()
    ways = {
        "align_to_start_of_month": MonthEnd.KEEPS_DAY,
        "align_to_end_of_month": MonthEnd.LAST_DAY,
    }
    if unknown := set(case.asked) - set(ways):
        raise NotExpressible(f"asked for {', '.join(sorted(unknown))}")
    return {
        name: f"ends {_last_day(Cycle(start, step, ways[name]).period_containing(start)):%m-%d}"
        for name in case.asked
    }


@adapter("schedule/month_end_anniversary", "schedule/monthlylastday_periods", "schedule/*")
def periods(case: Case) -> Mapping[str, Any]:
    """The billing periods of a contract: all of them, or as many as are asked for where it has no end."""
    inputs = Inputs.of(case)
    start = inputs.day("start")
    rule = inputs.text(inputs.first_of("rule", "period"))
    cycle = (
        Cycle(start, STEPS[rule], anchor_day=1)
        if rule == "monthlylastday"
        else cycle_of(start, inputs, case.policies)
    )
    end = inputs.end("end") if inputs.has("end") else _FAR
    inputs.skip("end", "mode", "billing")
    inputs.done()
    key, show = (
        ("periods_inclusive", listed_inclusive) if "periods_inclusive" in case.asked else ("periods", listed)
    )
    count = None if end < _FAR else case.how_many(key)
    found = [
        period.service for _, period in zip(range(count or 10_000), cycle.periods(start, end), strict=False)
    ]
    return {key: show(found)}


@adapter("schedule/advance_period", "schedule/*")
def advance_period(case: Case) -> Mapping[str, Any]:
    """The period that opens on an invoice date: the first of a contract may be a stub."""

    def read(inputs: Inputs) -> list[date]:
        opened = inputs.day("invoice_date")
        cycle = cycle_of(opened, inputs, case.policies, day=inputs.day_of_month("anchor_day"))
        period = next(cycle.periods(opened, _FAR))
        if not inputs.get("first") and period.is_stub:
            raise NotExpressible(f"{opened} is no boundary of {cycle}, though not the first period")
        return [period.service.start, period.service.end]

    return answers(case, read, "period", "periods")


@adapter("schedule/elapsed_cycles", "schedule/*")
def elapsed_cycles(case: Case) -> Mapping[str, Any]:
    """How many billing periods are over at a day, a first stub included."""

    def read(inputs: Inputs) -> int:
        start, at = inputs.day("start"), inputs.day("at")
        cycle = cycle_of(start, inputs, case.policies, day=inputs.day_of_month("anchor_day"))
        return len([period for period in cycle.periods(start, at) if period.full.end <= at])

    return answers(case, read, "elapsed")


@adapter("schedule/period_containing_date", "schedule/*")
def period_containing_date(case: Case) -> Mapping[str, Any]:
    """The billing period in which a day lies."""
    inputs = Inputs.of(case)
    start = inputs.day("start")
    cycle = cycle_of(start, inputs, case.policies)
    found = [cycle.period_containing(day_of(day, "at")) for day in inputs.some("at")]
    inputs.done()
    return {"periods": listed(found), "period": listed(found)[0]}


@adapter("billing/in_advance_periods", "billing/in_arrears_periods")
def billed_periods(case: Case) -> Mapping[str, Any]:
    """The periods that are billed by a target date: in advance when they open, in arrears when they close."""
    inputs = Inputs.of(case)
    found = [
        period.service
        for period in billed_by_target(
            inputs, case.policies, in_arrears=case.feature.endswith("arrears_periods")
        )
    ]
    inputs.done()
    return {"periods": listed(found)}


def billed_by_target(inputs: Inputs, policies: Policies, *, in_arrears: bool) -> Iterator[BillingPeriod]:
    """The billing periods of a charge that are due on `target_date`."""
    start, target = inputs.day("start"), inputs.day("target_date")
    end = inputs.end("end") if inputs.has("end") else _FAR
    inputs.skip("end")
    for period in cycle_of(start, inputs, policies).periods(start, end):
        if (period.service.end if in_arrears else period.service.start) > target:
            return
        yield period


def cycle_of(start: date, inputs: Inputs, policies: Policies, *, day: int | None = None) -> Cycle:
    """The billing cycle of a contract from `start`, on the day of the month that the inputs state."""
    if day is None and (inputs.has("bill_cycle_day") or inputs.has("anchor_day")):
        day = inputs.day_of_month(inputs.first_of("bill_cycle_day", "anchor_day"))
    return Cycle(start, inputs.step(), policies.month_end, day)


def _named_cycle(start: date, frequency: str, day: int, policies: Policies) -> Cycle:
    if frequency not in STEPS:
        raise NotExpressible(f"asked for the billing period {frequency}, which nobody has named")
    return Cycle(start, STEPS[frequency], policies.month_end, day)


def _first_boundary(cycle: Cycle, start: date) -> date:
    period = next(cycle.periods(start, _FAR))
    return period.service.end if period.is_stub else period.service.start


def _last_day(period: Period) -> date:
    return period.end - timedelta(days=1)
