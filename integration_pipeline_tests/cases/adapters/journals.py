"""Cases about contract balances at month ends, and journal entries."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any

from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.revenue.allocation import allocate_price
from integration_pipeline.billing.revenue.balances import MonthBalances, contract_balances
from integration_pipeline.billing.revenue.entries import contract_entries
from integration_pipeline.billing.revenue.events import (
    ContractEvent,
    EventKind,
    in_order,
    last_of_month,
    revenue_events,
)
from integration_pipeline.billing.revenue.obligations import OverTime, Promise
from integration_pipeline_tests.cases.adapters.revenue import asked_of, conventions_of, money
from integration_pipeline_tests.cases.notation import Inputs, amount_of, day_of, mapping_of
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_KINDS = {
    "month_end_revenue": EventKind.REVENUE,
    "revenue": EventKind.REVENUE,
    "right": EventKind.RIGHT,
    "rights": EventKind.RIGHT,
    "unconditional_right": EventKind.RIGHT,
    "billed": EventKind.BILLING,
    "billing": EventKind.BILLING,
    "invoice": EventKind.INVOICE,
    "invoiced": EventKind.INVOICE,
    "cash": EventKind.CASH,
}
_COLUMNS: Mapping[str, Callable[[MonthBalances], object]] = {
    "month": lambda row: f"{row.month:%Y-%m}",
    "revenue": lambda row: row.revenue,
    "billed_ar": lambda row: row.billed_receivable,
    "unbilled_ar": lambda row: row.unbilled_receivable,
    "contract_asset": lambda row: row.contract_asset,
    "contract_liability": lambda row: row.contract_liability,
}


@adapter("revenue/contract_balances*", "revenue/*")
def balances(case: Case) -> Mapping[str, Any]:
    """The balances of a contract, in the columns that the expected rows name."""
    events = contract_events(case)
    rows = contract_balances(events)
    figures = {key: [_row(each, key) for each in rows] for key in case.asked if key.startswith("rows (")}
    return asked_of(case, figures)


def _row(row: MonthBalances, key: str) -> list[object]:
    names = [name.strip() for name in key.partition("(")[2].rstrip(")").split(",")]
    if unknown := [name for name in names if name not in _COLUMNS]:
        raise NotExpressible(f"rows with columns {', '.join(unknown)} are not known")
    return [_COLUMNS[name](row) for name in names]


@adapter("journal/*")
def entries(case: Case) -> Mapping[str, Any]:
    """The lines booked on the days that are asked for."""
    day = None
    if "contract" in case.inputs:
        inputs = Inputs.of(case)
        events = contract_events(_named_contract(case, inputs.text("contract")))
        day = inputs.day("date")
        inputs.done()
    else:
        events = contract_events(case)
    booked = contract_entries(events)
    figures: dict[str, object] = {}
    for key in case.asked:
        found = _DATE.search(key)
        on = day_of(found[0], key) if found else day
        if on is None or not (found or key.startswith("entry")):
            continue
        lines = [line for entry in booked if entry.day == on for line in entry.lines]
        figures[key] = [[line.label, line.magnitude] for line in lines]
    return asked_of(case, figures)


@adapter("journal/*")
def order_within_a_day(case: Case) -> Mapping[str, Any]:
    """In which order events without amounts are booked."""
    events: list[ContractEvent] = []
    inputs = Inputs.of(case)
    for key in case.inputs:
        if key not in _KINDS:
            raise NotExpressible(f"{key} is no event of a contract")
        events.append(ContractEvent(inputs.day(key), _KINDS[key], Money(0, "USD")))
    return asked_of(case, {"order": [event.kind.value for event in in_order(reversed(events))]})


def _named_contract(case: Case, name: str) -> Case:
    """The case whose source names the contract; its figures are stated nowhere else."""
    named = [each for each in case.siblings if name in each.source and "contract" not in each.inputs]
    if len(named) != 1:
        raise NotExpressible(f"{len(named)} cases of this file state the contract {name[:60]!r}")
    return named[0]


def contract_events(case: Case) -> list[ContractEvent]:
    """Everything that happens to the contract of a case, its revenue as stated or from its price."""
    inputs = Inputs.of(case)
    events: list[ContractEvent] = []
    owed: list[Money] = []
    if "price" in case.inputs:
        events += _revenue_of_price(inputs, case)
    for key in case.inputs:
        kind = _KINDS.get(key.partition(" (")[0])
        if kind is None:
            continue
        pairs = _pairs(inputs.get(key), key, owed)
        if kind in (EventKind.RIGHT, EventKind.BILLING):
            owed = [amount for _, amount in pairs]
        for day, amount in pairs:
            booked = last_of_month(day) if kind is EventKind.REVENUE else day
            events.append(ContractEvent(booked, kind, amount))
    inputs.done()
    return events


def _pairs(value: object, key: str, owed: list[Money]) -> list[tuple[Any, Money]]:
    """Days with amounts; days alone belong to the amounts owed, one after the other."""
    entries: list[Any] = list(value) if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownArgumentType] - JSON
    if len(entries) == 2 and isinstance(entries[0], str) and not _DATE.match(str(entries[1])):
        entries = [entries]
    if all(isinstance(entry, list) for entry in entries):
        return [(day_of(day, key), money(amount, key)) for day, amount in entries]
    if len(entries) != len(owed):
        raise NotExpressible(f"{key} states {len(entries)} days for {len(owed)} amounts")
    return [(day_of(day, key), amount) for day, amount in zip(entries, owed, strict=True)]


def _revenue_of_price(inputs: Inputs, case: Case) -> list[ContractEvent]:
    price = money(inputs.get("price"), "price")
    policies = conventions_of(case)
    if inputs.has("ssp"):
        stated = mapping_of(inputs.get("ssp"), "ssp")
        promises = [_promise(text, at, value) for at, (text, value) in enumerate(stated.items())]
    else:
        promises = [Promise("", 0, Fraction(1), OverTime(inputs.period("service")))]
    events: list[ContractEvent] = []
    for obligation in allocate_price(price, promises, policies).obligations():
        events += revenue_events(obligation.plan(policies), obligation.key or None)
    return events


def _promise(text: str, place: int, price: object) -> Promise:
    """`saas 2027-07-01..2028-06-30` or `training 2027-07-10..11`, both days served."""
    name, _, span = text.partition(" ")
    first, _, last = span.partition("..")
    if last and len(last) < len(first):
        last = first[: -len(last)] + last
    start, end = day_of(first, text), day_of(last or first, text)
    period = Period(start, end + timedelta(days=1))
    return Promise(name, place, Fraction(amount_of(price, "ssp")), OverTime(period))
