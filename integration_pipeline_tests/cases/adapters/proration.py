"""Cases about the share of a period's price that a part of it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from integration_pipeline.billing.cycles import Cycle
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import DayCount, Policies
from integration_pipeline.billing.proration import fixed_month_days, share_of_period, share_of_periods
from integration_pipeline_tests.cases.adapters.schedules import billed_by_target, cycle_of
from integration_pipeline_tests.cases.notation import STEPS, Inputs, answers, day_of, step_of
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter


@adapter("proration/actual_days", "proration/fixed_30_days", "proration/*")
def stub_share(case: Case) -> Mapping[str, Any]:
    """The share of a stub that opens or closes a contract, or of both where both are asked for."""

    def read(inputs: Inputs) -> object:
        part = Period(inputs.day("from"), inputs.day("to"))
        step = inputs.step()
        policies = _with_fixed_days(inputs, case.policies)
        position = inputs.text("position") if inputs.has("position") else "after_last_bcd"
        inputs.skip("position")
        fulls: list[Period] = []
        if "after_last" in position:
            fulls.append(Cycle(part.start, step).period_containing(part.start))
        if "before_first" in position:
            cycle = Cycle(part.end, step)
            fulls.append(Period(cycle.boundary(-1), part.end))
        if not fulls:
            raise NotExpressible(f"position is {position!r}")
        shares = {share_of_period(part, full, policies) for full in fulls}
        return shares.pop() if len(shares) == 1 else sorted(shares)

    return answers(case, read, "fraction", "fractions")


@adapter("proration/fixed_days_numerator")
def fixed_days_numerator(case: Case) -> Mapping[str, Any]:
    """Days between two dates where every month is of one length."""

    def read(inputs: Inputs) -> int:
        return fixed_month_days(Period(inputs.day("from"), inputs.day("to")), inputs.whole("fixed_days"))

    return (
        answers(case, read, "days", "days")
        if "cases" not in case.inputs
        else answers(case, read, "day", "days")
    )


@adapter("proration/billing_cycles_in_advance", "proration/billing_cycles_in_arrears")
def billing_cycles(case: Case) -> Mapping[str, Any]:
    """How many billing periods are billed by a target date, each by its share."""
    inputs = Inputs.of(case)
    billed = list(billed_by_target(inputs, case.policies, in_arrears=case.feature.endswith("arrears")))
    inputs.done()
    exact = replace(case.policies, fraction_places=None)
    stubs = [share_of_period(period.service, period.full, exact) for period in billed if period.is_stub]
    whole = [period for period in billed if not period.is_stub]
    leading = stubs[:1] if billed and billed[0].is_stub else []
    trailing = stubs[1:] if leading else stubs
    return {
        "cycles": share_of_periods(billed, case.policies),
        "terms": [*leading, *([len(whole)] if whole else []), *trailing],
    }


@adapter("proration/coefficient", "proration/factor", "proration/*")
def coefficient(case: Case) -> Mapping[str, Any]:
    """The share of a stated period, or of a calendar month."""
    inputs = Inputs.of(case)
    if inputs.has("partial"):
        part, full = inputs.period("partial"), inputs.period("full")
    else:
        part = Period(inputs.day("from"), inputs.end("to"))
        full = _stated_month(inputs.text("period"))
    inputs.done()
    share = share_of_period(part, full, case.policies)
    return dict.fromkeys(("coefficient", "factor", "fraction"), share)


@adapter("proration/first_year_stub", "proration/*")
def first_stub(case: Case) -> Mapping[str, Any]:
    """The first period of a contract that starts between two anchors, and its share."""
    inputs = Inputs.of(case)
    start = inputs.day("start")
    period = next(cycle_of(start, inputs, case.policies).periods(start, date(2999, 1, 1)))
    inputs.done()
    return {
        "advance": [period.service.start, period.service.end],
        "factor": share_of_period(period.service, period.full, case.policies),
    }


@adapter("proration/day_count")
def day_counts(case: Case) -> Mapping[str, Any]:
    """The share of one calendar month under every day count that is asked for."""
    inputs = Inputs.of(case)
    part = Period(inputs.day("from"), inputs.end("to"))
    inputs.done()
    full = Cycle(part.start, STEPS["monthly"], anchor_day=1).period_containing(part.start)
    counts = {
        "actual": DayCount.ACTUAL,
        "actual_over_30": DayCount.ACTUAL_OVER_30,
        "strict_30_360": DayCount.THIRTY_360,
        "actual_365": DayCount.ACTUAL_365,
    }
    if unknown := set(case.asked) - set(counts):
        raise NotExpressible(f"asked for the day count {', '.join(sorted(unknown))}")
    return {
        name: share_of_period(part, full, replace(case.policies, day_count=counts[name]))
        for name in case.asked
    }


@adapter("proration/compute_prorated")
def compute_prorated(case: Case) -> Mapping[str, Any]:
    """The share of one invoice: pre-paid periods open at their start, post-paid ones close on `next`."""
    inputs = Inputs.of(case)
    rule, prepaid = inputs.text("rule"), inputs.text("type") == "pre-paid"
    first, limit = _first_day(inputs, prepaid=prepaid), _limit(inputs)
    on_last_day = rule == "monthlylastday"
    step, anchor = step_of(rule, "rule"), 1 if on_last_day else None
    if prepaid:
        full = Cycle(first, step, anchor_day=anchor).period_containing(first)
    else:
        # The last day of a month belongs to it; any other next invoice date opens the period after.
        closed = inputs.end("next") if on_last_day else inputs.day("next")
        cycle = Cycle(closed, step, anchor_day=anchor)
        full = Period(cycle.boundary(cycle.boundary_before(closed) - 1), closed)
    inputs.skip("next")
    inputs.done()
    part = Period(first, full.end if limit is None else min(limit, full.end))
    share = share_of_period(part, full, case.policies)
    return {"fraction": share, "exact": share}


def _first_day(inputs: Inputs, *, prepaid: bool) -> date:
    """From the period's start, the day after what was invoiced, the contract's start, or the invoice date."""
    if inputs.has("period"):
        return day_of(inputs.some("period")[0], "period")
    if inputs.has("last_invoiced"):
        inputs.skip("start")
        return inputs.end("last_invoiced")
    if inputs.has("start"):
        return inputs.day("start")
    if prepaid:
        return inputs.day("next")
    raise NotExpressible("neither period, last_invoiced nor start is stated")


def _limit(inputs: Inputs) -> date | None:
    """The end of the contract, if it is stated."""
    limit = inputs.end("end") if inputs.has("end") else None
    inputs.skip("end")
    return limit


def _stated_month(stated: str) -> Period:
    first = day_of(f"{stated[:7]}-01", "period")
    return Cycle(first, STEPS["monthly"]).period_containing(first)


def _with_fixed_days(inputs: Inputs, policies: Policies) -> Policies:
    if not inputs.has("fixed_days"):
        return policies
    return replace(policies, day_count=DayCount.FIXED_MONTH, fixed_month_days=inputs.whole("fixed_days"))
