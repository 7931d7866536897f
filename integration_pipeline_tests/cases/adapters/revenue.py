"""Cases about when one amount is revenue, and about dividing a price among promises."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

from integration_pipeline.billing.money import Money, round_to_minor
from integration_pipeline.billing.periods import Period, add_months
from integration_pipeline.billing.policies import Policies, PriceAllocation, RevenueGranularity, RevenueSplit
from integration_pipeline.billing.revenue.allocation import allocate_price, stated_total
from integration_pipeline.billing.revenue.balances import contract_balances
from integration_pipeline.billing.revenue.curves import ServiceSpan
from integration_pipeline.billing.revenue.events import (
    ContractEvent,
    EventKind,
    revenue_events,
)
from integration_pipeline.billing.revenue.obligations import (
    OverTime,
    PointInTime,
    Promise,
    Recognition,
    plan_of,
    standalone_price,
)
from integration_pipeline.billing.revenue.recognition import progress_amounts
from integration_pipeline.billing.revenue.repricing import price_segments
from integration_pipeline_tests.cases.notation import Inputs, amount_of, day_of, mapping_of, number_of
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter

_AMOUNTS = ("amount", "price", "total")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T")
_ALL_MONTHS = re.compile(r"[A-Z][a-z]{2}\.\.[A-Z][a-z]{2}")
_MEASURES: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("by millisecond", {"revenue": RevenueGranularity.INSTANT}),
    ("by day", {"revenue": RevenueGranularity.DAY}),
    (
        "first and last",
        {
            "revenue": RevenueGranularity.EVEN_MIDDLE_MONTHS,
            "revenue_split": RevenueSplit.MIDDLE_TAKES_REST,
        },
    ),
    ("by month", {"revenue": RevenueGranularity.EVEN_MONTHS_CUT}),
    ("days", {"revenue": RevenueGranularity.DAY}),
    ("months", {"revenue": RevenueGranularity.TENTHS_OF_MONTHS}),
)
"""What the words of `granularity` (Stripe) and `method` (ERPNext) choose; the first that is found counts."""


def conventions_of(case: Case) -> Policies:
    """The case's policies, with the clause of its convention that only allocation knows."""
    if "residual to the largest" in case.convention:
        return replace(case.policies, price_allocation=PriceAllocation.REST_TO_LARGEST)
    return case.policies


def _measured(case: Case) -> Policies:
    """The case's policies, with the measure of time that it names beside them."""
    policies = case.policies
    for key in ("granularity", "method"):
        words = str(case.inputs.get(key, "")).lower()
        choices = next((chosen for phrase, chosen in _MEASURES if phrase in words), None)
        if words and choices is None:
            raise NotExpressible(f"{key} is {words[:60]!r}, a measure of revenue nobody has named")
        policies = replace(policies, **(choices or {}))
    return policies


def asked_of(case: Case, figures: Mapping[str, object]) -> Mapping[str, Any]:
    """`figures` with money in cents if the case speaks of cents; refused if something else is asked."""
    unknown = [key for key in case.asked if key not in figures]
    if unknown:
        raise NotExpressible(f"asked for {', '.join(unknown)}, which these inputs do not answer")
    return cast("Mapping[str, Any]", _in_cents(figures)) if in_cents(case) else figures


def in_cents(case: Case) -> bool:
    """Whether the figures of a case are whole cents."""
    return "cents" in " ".join([*case.inputs, *case.asked, str(case.inputs.get("original", ""))])


def _in_cents(figure: object) -> object:
    match figure:
        case Money():
            return figure.minor
        case Mapping():
            return {key: _in_cents(each) for key, each in cast("Mapping[str, object]", figure).items()}
        case list():
            return [_in_cents(each) for each in cast("list[object]", figure)]
        case _:
            return figure


def money(value: object, key: str, currency: str = "USD") -> Money:
    """An amount: in cents if its key says so, else in currency units."""
    return round_to_minor(amount_of(value, key), currency)


@adapter("revenue/*")
def one_amount_over_time(case: Case) -> Mapping[str, Any]:
    """The months of an amount that is earned over a period, or at a point in time."""
    inputs = Inputs.of(case)
    currency = inputs.text("currency") if inputs.has("currency") else "USD"
    key = inputs.first_of("cents", *(f"{name}_cents" for name in _AMOUNTS), *_AMOUNTS)
    total = money(inputs.get(key), key, currency)
    inputs.skip("method", "granularity", "currency")
    shown = inputs.whole("months_shown") if inputs.has("months_shown") else None
    recognition = _recognition(inputs, case)
    plan = plan_of(total, recognition, _measured(case))
    inputs.done()
    months = plan.months()
    amounts = [each.amount for each in months][:shown]
    events = revenue_events(plan)
    billed = ContractEvent(months[0].month, EventKind.BILLING, total)
    figures: dict[str, object] = {key: amounts for key in case.asked if _ALL_MONTHS.fullmatch(key)}
    figures |= dict.fromkeys(
        ("monthly_cents", "monthly", "months", "revenue", "recognized", "cents"), amounts
    )
    balances = contract_balances([billed, *events])[:shown]
    figures["deferred_change"] = [each.contract_liability_change for each in balances]
    figures["deferred"] = figures["deferred_balance"] = [each.contract_liability for each in balances]
    figures["rows"] = len([each for each in months if each.amount])
    if len(set(amounts)) == 1:
        figures["each"] = amounts[0]
    if isinstance(recognition, PointInTime):
        figures |= dict.fromkeys(("amount", "cents", "recognized", "revenue"), total)
        figures["month"] = f"{recognition.day:%Y-%m}"
    for each in months:
        figures[f"{each.month:%b}"] = figures[f"{each.month:%Y-%m}"] = each.amount
        for day in case.asked:
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", day) and day.startswith(f"{each.month:%Y-%m}"):
                figures[day] = each.amount
    return asked_of(case, figures)


def _recognition(inputs: Inputs, case: Case) -> Recognition:
    if point := next((key for key in ("point_in_time", "date", "recognized_on") if inputs.has(key)), None):
        return PointInTime(inputs.day(point))
    if inputs.has("period"):
        return OverTime(inputs.period("period"))
    start = inputs.first_of("service_start", "start", "from")
    end = {"service_start": "service_end", "start": "end", "from": "to"}[start]
    if _INSTANT.match(str(case.inputs[start])):
        return OverTime(ServiceSpan(_instant(inputs.text(start)), _instant(inputs.text(end))))
    first = inputs.day(start)
    if inputs.has(end):
        return OverTime(Period(first, inputs.end(end)))
    if inputs.has("months"):
        return OverTime(Period(first, add_months(first, inputs.whole("months"))))
    length = {"revenue/annual": 12, "revenue/yearly": 12, "revenue/quarterly": 3, "revenue/monthly": 1}
    if case.feature in length:
        return OverTime(Period(first, add_months(first, length[case.feature])))
    raise NotExpressible(f"{end} is not stated")


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise NotExpressible(f"{text[:40]!r} is not an instant") from None


@adapter("revenue/*")
def by_progress(case: Case) -> Mapping[str, Any]:
    """What each measurement of progress recognizes."""
    inputs = Inputs.of(case)
    key = inputs.first_of(*_AMOUNTS, *(f"{name}_cents" for name in _AMOUNTS))
    total = money(inputs.get(key), key)
    shares = [Fraction(number_of(each, "progress")) for each in inputs.items("progress")]
    inputs.done()
    return asked_of(case, {"recognized": list(progress_amounts(total, shares, case.policies.rounding))})


@adapter("revenue/*", "allocation/order_independent_tie")
def divided_price(case: Case) -> Mapping[str, Any]:
    """A price divided by standalone prices, stated by name or as a list."""
    inputs = Inputs.of(case)
    key = inputs.first_of("price_cents", "price", "cents", "amount", "amount_cents")
    price = money(inputs.get(key), key)
    weights_key = inputs.first_of("ssp_cents", "ssp", "weights")
    stated = mapping_of(inputs.get("stated") if inputs.has("stated") else {}, "stated")
    weights = inputs.items(weights_key)
    if isinstance(case.inputs[weights_key], list):
        by_name = {str(place): value for place, value in enumerate(weights)}
    else:
        by_name = mapping_of(weights[0], weights_key)
    promises = [
        Promise(
            name,
            _sequence(name, at),
            Fraction(amount_of(value, weights_key)),
            stated_price=money(stated[name], "stated") if name in stated else None,
        )
        for at, (name, value) in enumerate(by_name.items())
    ]
    inputs.done()
    allocation = allocate_price(price, promises, conventions_of(case))
    amounts = list(allocation.amounts.values())
    figures: dict[str, object] = {"cents": amounts, "allocated": amounts, "allocation": amounts}
    figures["discount"] = allocation.discount
    figures["ratio"] = [part.ratio() for part in allocation.parts]
    return asked_of(case, figures | allocation.amounts)


def _sequence(name: str, place: int) -> int:
    """The number that a name such as `seq7` states, else its place."""
    stated = re.search(r"\d+$", name)
    return int(stated[0]) if stated else place


@adapter("revenue/*")
def divided_by_list_prices(case: Case) -> Mapping[str, Any]:
    """Standalone prices as a percentage of list prices, in several currencies, and what allocation moved."""
    inputs = Inputs.of(case)
    promises: list[Promise] = []
    for at, each in enumerate(inputs.items("lines")):
        line = Inputs(mapping_of(each, "lines"))
        percent = line.number(line.first_of("ssp_percent", "fair_value_percent"))
        rate = line.number("fx") if line.has("fx") else Decimal(1)
        listed = number_of(line.text("list").partition(" ")[0], "list")
        name = line.text("item") if line.has("item") else str(at)
        stated = money(line.get("sell"), "sell") if line.has("sell") else None
        line.done()
        promises.append(Promise(name, at, standalone_price(listed, percent, rate), stated_price=stated))
    has_prices = all(promise.stated_price for promise in promises)
    if inputs.has("price"):
        price = money(inputs.get("price"), "price")
    else:
        # Ratios do not depend on a price, and only they are asked where none is stated.
        price = stated_total(promises) if has_prices else Money(0, "USD")
    inputs.done()
    allocation = allocate_price(price, promises, conventions_of(case))
    figures: dict[str, object] = {
        "ratio": [part.ratio() for part in allocation.parts],
        "total": allocation.standalone_total,
    }
    figures["ssp"] = figures["fair_value"] = [promise.standalone_price for promise in promises]
    if price:
        figures["allocated"] = [part.amount for part in allocation.parts]
        figures["discount"] = allocation.discount
    if has_prices:
        figures["carve"] = [part.carve for part in allocation.parts]
    return asked_of(case, figures)


@adapter("revenue/*")
def upgrade_within_a_month(case: Case) -> Mapping[str, Any]:
    """`90 from 04-01` replaced by `120 from 04-21`: what the old price has earned by then."""
    inputs = Inputs.of(case)
    old, start = _price_from(inputs.text("old"))
    new, changed = _price_from(inputs.text("new"))
    period = Period(start, start + timedelta(days=inputs.whole("days")))
    inputs.done()
    before, after = Period(start, changed), Period(changed, period.end)
    recognized = plan_of(old, OverTime(period), conventions_of(case)).until(changed)
    return asked_of(
        case,
        {
            "old_recognized": f"{_plain(recognized)} ({before.days} days)",
            "new_days": after.days,
            "old_days": before.days,
            "new_recognized": f"{_plain(_rest(new, period, changed, case))} ({after.days} days)",
        },
    )


def _rest(price: Money, period: Period, changed: date, case: Case) -> Money:
    months = price_segments(period, price, [(changed, price)], conventions_of(case))
    return months[-1].amount


def _price_from(text: str) -> tuple[Money, date]:
    """`90 from 04-01`; the year is not stated and days of a month do not depend on it outside February."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/month)? from (?:(\d{4})-)?(\d{2}-\d{2})", text.strip())
    if found is None:
        raise NotExpressible(f"{text[:60]!r} is no price from a day")
    return money(found[1], "price"), day_of(f"{found[2] or 2026}-{found[3]}", "from")


def _plain(amount: Money) -> str:
    """As a document writes whole units: `60`, not `60.00`."""
    units = Decimal(amount.minor).scaleb(-2).normalize()
    return f"{units:f}"


@adapter("revenue/*")
def price_increase(case: Case) -> Mapping[str, Any]:
    """`100/month 2019-01-01..2019-12-31`, from a day on at another price: a line ends, a new one begins."""
    inputs = Inputs.of(case)
    found = re.fullmatch(
        r"(\d+(?:\.\d+)?)/(month|quarter|year) (\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})",
        inputs.text("price"),
    )
    if found is None:
        raise NotExpressible("price is no price per month with a period")
    period = Period(day_of(found[3], "price"), day_of(found[4], "price") + timedelta(days=1))
    changes: list[tuple[date, Money]] = []
    for key in case.inputs:
        if change := re.fullmatch(r"from_(?:(\d{4})-)?(\d{2}-\d{2})", key):
            amount, _, unit = inputs.text(key).partition("/")
            if unit != found[2]:
                raise NotExpressible(f"{key} is per {unit}, the price per {found[2]}")
            changes.append((day_of(f"{change[1] or period.start.year}-{change[2]}", key), money(amount, key)))
    inputs.done()
    months = {"month": 1, "quarter": 3, "year": 12}[found[2]]
    lines = price_segments(period, money(found[1], "price"), changes, conventions_of(case), months)
    return asked_of(
        case,
        {
            "segments": [
                [each.period.start, each.period.end - timedelta(days=1), each.amount] for each in lines
            ]
        },
    )
