"""Cases about periods that are counted in seconds, as instants have them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from integration_pipeline.billing.civil import start_of_day
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.pricing import PerUnitPrice, rate
from integration_pipeline.billing.pricing.exact import difference
from integration_pipeline.billing.proration import elapsed_share
from integration_pipeline.billing.usage.aggregation import aggregate
from integration_pipeline.billing.usage.events import load_events
from integration_pipeline.billing.usage.metrics import Aggregation, Metric
from integration_pipeline_tests.cases.contracts import currency_of
from integration_pipeline_tests.cases.notation import Inputs, day_of, number_of
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter

_YEAR_3000 = 32_503_680_000
_SEATS = Metric(metric="seats", aggregation=Aggregation.WEIGHTED_SUM)


@adapter("proration/second_resolution", "proration/*")
def second_resolution(case: Case) -> Mapping[str, Any]:
    """The credit for the rest of a period, and what another plan costs for it."""
    inputs = Inputs.of(case)
    start, end, changed = (_instant(inputs, key) for key in ("period_start", "period_end", "proration_date"))
    price = inputs.amount("plan")
    new = inputs.amount("new_plan") if inputs.has("new_plan_cents") or inputs.has("new_plan") else None
    inputs.done()
    rest = elapsed_share(changed, end, start, end)
    return {"credit_cents": -_priced(case, price, rest), "charge_cents": new and _priced(case, new, rest)}


@adapter("plan_change/*", "upgrade/*", "downgrade/*")
def plan_changed(case: Case) -> Mapping[str, Any]:
    """Another price from an instant within a cycle on: credit and charge for the seconds that are left."""
    inputs = Inputs.of(case)
    key = inputs.first_of("cycle", "period", "cycle_start")
    if key == "cycle_start":
        start, end = _instant(inputs, key), _instant(inputs, "cycle_end")
    else:
        start, end = (_instant_of(item, key) for item in inputs.pair(key))
    changed = _instant(inputs, inputs.first_of("changed", "change"))
    old, new = inputs.amount("old"), inputs.amount("new")
    inputs.skip("interval")
    inputs.done()
    rest = elapsed_share(changed, end, start, end)
    return {"credit_cents": _priced(case, old, rest), "debit_cents": _priced(case, new, rest)}


@adapter("cancel/*")
def cancelled(case: Case) -> Mapping[str, Any]:
    """What a period costs that ends at an instant within it."""
    inputs = Inputs.of(case)
    start, end = (_instant_of(item, "period") for item in inputs.pair("period"))
    share = elapsed_share(start, _instant(inputs, "cancelled"), start, end)
    price = inputs.amount("amount")
    inputs.skip("mode")
    inputs.done()
    return {"amount": _priced(case, price, share), "amount_cents": _priced(case, price, share)}


@adapter("quantity/units_decrease_credit", "quantity/*")
def units_changed(case: Case) -> Mapping[str, Any]:
    """More or fewer units from an instant on: what the difference costs for the rest of the cycle."""
    inputs = Inputs.of(case)
    price, cycle, changed = inputs.amount("unit"), inputs.period("cycle"), _instant(inputs, "changed")
    before, after = (number_of(units, "units") for units in inputs.pair("units"))
    inputs.done()
    model, currency, policies = PerUnitPrice(unit_price=price), currency_of(case), case.policies
    was, now = (
        rate(model, _held_for_the_rest(units, changed, cycle), currency, policies)
        for units in (before, after)
    )
    more, less = (difference(*pair).rounded(policies.rounding) for pair in ((now, was), (was, now)))
    return {"credit_cents": less, "charge_cents": more, "debit_cents": more}


def _held_for_the_rest(units: Decimal, since: datetime, cycle: Period) -> Fraction:
    """Units that are held from an instant on, weighted by the seconds that are left of the cycle."""
    instant = since.isoformat()
    held = load_events(
        [
            {
                "event_id": "held",
                "customer": "customer",
                "metric": _SEATS.metric,
                "occurred_at": instant,
                "received_at": instant,
                "quantity": units,
            }
        ]
    )
    return aggregate(_SEATS, held, cycle, "UTC").quantity


def _priced(case: Case, price: Decimal, share: Fraction) -> Money:
    """A share of a price, rated as that quantity of it."""
    policies = case.policies
    return rate(PerUnitPrice(unit_price=price), share, currency_of(case), policies).rounded(policies.rounding)


def _instant(inputs: Inputs, key: str) -> datetime:
    return _instant_of(inputs.get(key), key)


def _instant_of(stated: object, key: str) -> datetime:
    """Seconds since 1970, an ISO instant, or a day that stands for its midnight in UTC."""
    if isinstance(stated, int) and 0 < stated < _YEAR_3000:
        return datetime.fromtimestamp(stated, UTC)
    if isinstance(stated, str) and "T" in stated:
        try:
            instant = datetime.fromisoformat(stated)
        except ValueError:
            raise NotExpressible(f"{key} is {stated[:60]!r}, not an instant") from None
        return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return start_of_day(day_of(stated, key), "UTC")
