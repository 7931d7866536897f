"""Cases about usage: levels held for a part of the period, and units that a plan includes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from integration_pipeline.billing.cycles import Cycle
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period, add_months
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.pricing import GraduatedPrice, PerUnitPrice, rate
from integration_pipeline.billing.totals import DocumentLine, total_document
from integration_pipeline.billing.usage.aggregation import Carried, aggregate
from integration_pipeline.billing.usage.events import UsageEvent
from integration_pipeline.billing.usage.holding import HeldUnits, held_units, prorated_units
from integration_pipeline.billing.usage.included import use_included
from integration_pipeline.billing.usage.metrics import Aggregation, Metric
from integration_pipeline.billing.usage.prorated_tiers import prorated_graduated_price
from integration_pipeline_tests.cases.contracts import bill, charge
from integration_pipeline_tests.cases.notation import STEPS, Inputs, day_of, end_of, mapping_of, number_of
from integration_pipeline_tests.cases.price_notation import answer_each, price_of
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter

_CURRENCY = "USD"
"""Cases of tiers name no currency; all of them are of two decimals."""

_ZONE = "UTC"
"""Events of cases are given by civil days."""

_VALUE = "value"
_OPERATIONS = {"add": Decimal(1), "remove": Decimal(-1)}


@adapter("tiers/graduated_prorated")
def graduated_of_prorated_units(case: Case) -> Mapping[str, Any]:
    """Changes of a level whose prorated units are given beside the full ones."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        price = _graduated(case, inputs)
        full = [number_of(item, "events") for item in inputs.items("events")]
        prorated = [number_of(item, "events_prorated") for item in inputs.items("events_prorated")]
        if len(full) != len(prorated):
            raise NotExpressible(f"{len(full)} events, but {len(prorated)} of them prorated")
        held = [HeldUnits.of_prorated(units, part) for units, part in zip(full, prorated, strict=True)]
        amount = _charged(price, held, case.policies)
        return {
            **dict.fromkeys(("amount", "total", "amount_cents", "total_cents", "invoice_cents"), amount),
            "prorated_units": prorated_units(held),
        }

    return answer_each(case, read)


@adapter("tiers/graduated_prorated_*", "usage/recurring_*")
def graduated_of_dated_changes(case: Case) -> Mapping[str, Any]:
    """Changes of a level on days of a period, charged after each of them and on the period's invoice."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        price = _graduated(case, inputs)
        full = _period(inputs.items("period"))
        service = _served(inputs, full)
        level = _Level.read(inputs)
        after_each = [
            _charged(price, level.held(upto, service, full, case.policies), case.policies)
            for upto in range(len(level.events) + 1)
        ]
        before, invoiced = after_each[0], after_each[-1]
        return {
            **dict.fromkeys(("cents_before_event", "cents_before_events", "cents_before"), before),
            **dict.fromkeys(("cumulative_cents_after_each", "cents_after_each"), after_each[1:]),
            **dict.fromkeys(
                ("cents_after_event", "cents_after_events", "cents_after", "invoice_cents"), invoiced
            ),
            **dict.fromkeys(("amount_cents", "total_cents", "amount", "total"), invoiced),
            "units": aggregate(level.metric, level.events, service, _ZONE, level.opening).quantity,
        }

    return answer_each(case, read)


@adapter("usage/included_*", "usage/within_*")
def plan_with_included_units(case: Case) -> Mapping[str, Any]:
    """A plan that starts within a month, and units used beyond those it includes, billed with the next."""
    inputs = Inputs.of(case)
    plan, start, used = inputs.amount("plan"), inputs.day("start"), inputs.number("used")
    included = inputs.number(inputs.first_of("included_units_per_month", "included_units"))
    month = Cycle(start, STEPS["monthly"], anchor_day=1).period_containing(start)
    service = Period(start, month.end)
    use = use_included(used, included, service, month, case.policies)
    billed = bill(case, start, [charge("plan", plan)], anchor={"kind": "calendar"}, term_months=3)
    next_plan = billed.total(month.end)
    overage = Money(0, next_plan.currency)
    if inputs.has("unit_price"):
        price = PerUnitPrice(unit_price=inputs.amount("unit_price"))
        beyond = rate(price, use.billable, next_plan.currency, case.policies)
        overage = beyond.rounded(case.policies.rounding)
    elif use.billable:
        raise NotExpressible("units lie beyond those included, and unit_price is not stated")
    inputs.done()
    second = total_document(
        [DocumentLine(next_plan.minor), DocumentLine(overage.minor)], next_plan.currency, case.policies
    )
    return {
        "included_units": use.included,
        "overage_units": use.billable,
        "overage": overage,
        "first_document": billed.total(start),
        "second_document": second.total,
    }


@dataclass(frozen=True, slots=True)
class _Level:
    """A recurring metric with the events of one period, and what it carried over into it."""

    metric: Metric
    events: Sequence[UsageEvent]
    opening: Carried

    @staticmethod
    def read(inputs: Inputs) -> _Level:
        entries = [_event(entry, index) for index, entry in enumerate(inputs.items("events"))]
        counts_values = any(_VALUE in event.properties for event in entries)
        carried = inputs.get("carried_units") if inputs.has("carried_units") else 0
        if counts_values:
            metric = Metric(
                metric="units", aggregation=Aggregation.UNIQUE_COUNT, property=_VALUE, recurring=True
            )
            values = cast("Sequence[object]", carried) if isinstance(carried, list) else ()
            if not values and carried:
                raise NotExpressible("carried_units does not name the values that are counted")
            return _Level(metric, entries, Carried(values=frozenset(str(value) for value in values)))
        opening = Carried(number_of(carried, "carried_units"))
        return _Level(Metric(metric="units", recurring=True), entries, opening)

    def held(self, upto: int, service: Period, full: Period, policies: Policies) -> Sequence[HeldUnits]:
        """What is held once the first `upto` events are known."""
        known = self.events[:upto]
        return held_units(self.metric, known, service, full, _ZONE, policies, self.opening)


def _charged(price: GraduatedPrice, held: Sequence[HeldUnits], policies: Policies) -> Money:
    return prorated_graduated_price(price, held, _CURRENCY, policies).rounded(policies.rounding)


def _graduated(case: Case, inputs: Inputs) -> GraduatedPrice:
    price = price_of(case, inputs)
    if isinstance(price, GraduatedPrice):
        return price
    raise NotExpressible(f"a {price.model} price of units held for a part of the period")


def _event(entry: object, index: int) -> UsageEvent:
    """`[day, units]`, `[day, "add", value]`, or an object with these names."""
    if isinstance(entry, list):
        fields = cast("list[object]", entry)
        names = ("date", "units") if len(fields) == 2 else ("date", "operation", _VALUE)
        if len(fields) not in (2, 3):
            raise NotExpressible(f"an event of {len(fields)} fields: {str(fields)[:60]}")
        entry = dict(zip(names, fields, strict=True))
    stated = Inputs(mapping_of(entry, "events"))
    day = stated.day(stated.first_of("date", "day", "on"))
    properties: dict[str, str] = {}
    if any(stated.has(name) for name in ("operation", "operation_type")):
        operation = stated.text(stated.first_of("operation", "operation_type"))
        if operation not in _OPERATIONS:
            raise NotExpressible(f"the operation of an event is {operation[:60]!r}")
        quantity = _OPERATIONS[operation]
        properties[_VALUE] = str(stated.get(_VALUE))
    else:
        quantity = stated.number(stated.first_of("units", "quantity", "amount"))
    stated.done()
    # Events of one day keep their order by the number in their name.
    instant = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return UsageEvent(
        event_id=f"{index:09d}",
        customer="customer",
        metric="units",
        occurred_at=instant,
        received_at=instant,
        quantity=quantity,
        properties=properties,
    )


def _period(stated: Sequence[object]) -> Period:
    """A billing period between two dates: half-open if that makes whole months, else with its last day."""
    if len(stated) != 2:
        raise NotExpressible(f"period is {str(list(stated))[:60]}, not two dates")
    first, last = (day_of(item, "period") for item in stated)
    if first >= last:
        raise NotExpressible(f"period ends on {last}, before it is over")
    months = (1, 2, 3, 6, 12)
    is_half_open = any(add_months(first, number) == last for number in months)
    return Period(first, last if is_half_open else end_of(stated[1], "period", inclusive=True))


def _served(inputs: Inputs, full: Period) -> Period:
    """The part of the period between a start and a last day, where these are stated."""
    start, end = full.start, full.end
    if inputs.has("started"):
        start = max(start, inputs.day("started"))
    for key in ("terminated", "terminated_on"):
        if inputs.has(key):
            end = min(end, end_of(inputs.get(key), key, inclusive=True))
    if start >= end:
        raise NotExpressible(f"nothing is served of the period {full}")
    return Period(start, end)
