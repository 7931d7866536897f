"""Cases about modifications of a contract under ASC 606."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import MixedModification, Policies
from integration_pipeline.billing.revenue.modifications import (
    add_separate_contract,
    modify,
    treatment_of,
    updated_price,
)
from integration_pipeline.billing.revenue.modified import ModifiedContract, ModifiedPromise, Treatment
from integration_pipeline.billing.revenue.obligations import (
    ByProgress,
    Obligation,
    OverTime,
    PointInTime,
    Promise,
    Recognition,
)
from integration_pipeline_tests.cases.adapters.revenue import asked_of, conventions_of, money
from integration_pipeline_tests.cases.notation import Inputs, amount_of, day_of, end_of, mapping_of
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter

_METHODS = {
    "prospective": Treatment.PROSPECTIVE,
    "catch_up": Treatment.CATCH_UP,
    "cumulative_catch_up": Treatment.CATCH_UP,
    "cumulative catch-up": Treatment.CATCH_UP,
}


@adapter("revenue/modification*")
def recognized_figures_given(case: Case) -> Mapping[str, Any]:
    """What was recognized is stated per obligation, and what each sells for on its own."""
    inputs = Inputs.of(case)
    price = money(inputs.get("new_price"), "new_price")
    stated = inputs.get("recognized")
    # A single figure is the whole contract's.
    recognized = {"contract": stated} if isinstance(stated, str | int) else mapping_of(stated, "recognized")
    inputs.skip("original_price")
    treatment = _treatment(inputs, case)
    # Without a day nothing depends on one: no obligation says when it is earned.
    day = inputs.day("as_of") + timedelta(days=1) if inputs.has("as_of") else date(2026, 1, 1)
    promises = [
        ModifiedPromise(promise, money(recognized.get(promise.key, 0), "recognized"))
        for promise in _promises(inputs, list(recognized))
    ]
    inputs.done()
    try:
        contract = modify(price, promises, day, conventions_of(case), treatment)
    except InvalidTerms:
        return asked_of(case, {"error": True})
    allocation = contract.allocation.amounts if contract.allocation else {}
    return asked_of(
        case, _figures(contract) | {"error": False, "catch_up": contract.catch_up, "allocation": allocation}
    )


def _treatment(inputs: Inputs, case: Case) -> Treatment:
    method = inputs.text("method") if inputs.has("method") else case.feature.partition("modification_")[2]
    if method not in _METHODS:
        raise NotExpressible(f"{method[:60]!r} is no treatment of a modification")
    return _METHODS[method]


def _promises(inputs: Inputs, names: list[str]) -> list[Promise]:
    if inputs.has("obligations"):
        promises: list[Promise] = []
        for at, each in enumerate(inputs.items("obligations")):
            stated = Inputs(mapping_of(each, "obligations"), inclusive_ends=True)
            promises.append(
                Promise(stated.text("key"), at, Fraction(stated.amount("ssp")), _recognition(stated))
            )
            stated.done()
        return promises
    key = next(
        (key for key in ("remaining_obligations_ssp", "obligations_ssp", "ssp") if inputs.has(key)), None
    )
    prices = mapping_of(inputs.get(key), key) if key else dict.fromkeys(names, 1)
    return [
        Promise(name, at, Fraction(amount_of(value, key or "ssp")))
        for at, (name, value) in enumerate(prices.items())
    ]


def _recognition(stated: Inputs) -> Recognition:
    for key in ("point_in_time", "date"):
        if stated.has(key):
            return PointInTime(stated.day(key))
    if stated.has("start"):
        return OverTime(Period(stated.day("start"), stated.end("end")))
    return ByProgress()


@adapter("revenue/modification*")
def one_obligation_restated(case: Case) -> Mapping[str, Any]:
    """A contract of one service in cents, to a new total or by added consideration."""
    inputs = Inputs.of(case)
    original = inputs.inner("original") if inputs.has("original") else inputs
    cents = original.first_of("cents", "original_cents")
    obligation = _obligation("original", 0, original, cents)
    if original is not inputs:
        original.done()
    day = inputs.day("modified")
    if inputs.has("new_total_cents"):
        price = money(inputs.get("new_total_cents"), "new_total_cents")
    else:
        added = inputs.get("added_consideration_cents")
        price = updated_price([obligation], money(added, "added_consideration_cents"))
    distinct = _flag(inputs, "remaining_goods_distinct")
    inputs.done()
    policies = conventions_of(case)
    promise = ModifiedPromise.of(obligation, day, policies, distinct=distinct, standalone_price=Fraction(1))
    contract = modify(price, [promise], day, policies)
    return asked_of(case, _figures(contract) | _asked_by_date(case, contract, _period(obligation)))


@adapter("revenue/modification*")
def goods_added(case: Case) -> Mapping[str, Any]:
    """Distinct goods added to a service: a contract of their own at standalone price, else spread forward."""
    inputs = Inputs.of(case)
    original = inputs.inner("original")
    kept = _obligation("original", 0, original, "cents")
    original.done()
    name = next((key for key in case.inputs if key.startswith("added_") and not key.endswith("_cents")), None)
    if name is None:
        raise NotExpressible("nothing is added")
    stated = inputs.inner(name)
    standalone = money(stated.get("ssp_cents"), "ssp_cents")
    added = replace(_obligation("added", 1, stated, "cents"), standalone_price=Fraction(stated.amount("ssp")))
    stated.done()
    day = inputs.day("modified")
    distinct = _flag(inputs, "remaining_goods_distinct") if inputs.has("remaining_goods_distinct") else True
    inputs.done()
    policies = conventions_of(case)
    treatment = treatment_of([distinct], added.amount, standalone, added_distinct=distinct)
    if treatment is Treatment.SEPARATE_CONTRACT:
        contract = add_separate_contract([kept], [added], day, policies)
    elif kept.recognition != OverTime(Period(_period(kept).start, _period(added).end)):
        raise NotExpressible(
            "what is added ends on another day, and the standalone price of the rest is not stated"
        )
    else:
        # More of the same service until the same end: one series, whose whole rest is spread forward.
        price = updated_price([kept], added.amount)
        promise = ModifiedPromise.of(kept, day, policies, distinct=distinct, standalone_price=Fraction(1))
        contract = modify(price, [promise], day, policies, treatment)
    span = Period(_period(kept).start, max(_period(kept).end, _period(added).end))
    figures = _figures(contract) | _asked_by_date(case, contract, span)
    if treatment is Treatment.SEPARATE_CONTRACT:
        alone = add_separate_contract([added], [], day, policies)
        figures["added_monthly_cents"] = list(alone.months(_period(added)).values())
    return asked_of(case, figures)


@adapter("revenue/modification*")
def partly_distinct(case: Case) -> Mapping[str, Any]:
    """Several obligations, one not distinct, and one added, with standalone prices of whole and rest."""
    inputs = Inputs.of(case)
    day = inputs.day("modified")
    original = inputs.inner("original")
    whole = _by_head(inputs, "ssp_total_cents")
    rest = _by_head(inputs, "ssp_remaining_cents") if inputs.has("ssp_remaining_cents") else {}
    policies = _mixed_policies(inputs, conventions_of(case))
    obligations: list[Obligation] = []
    promises: list[ModifiedPromise] = []
    for at, (name, (remark, value)) in enumerate(whole.items()):
        price = Fraction(amount_of(value, "cents"))
        remaining = Fraction(amount_of(rest[name][1], "cents")) if name in rest else None
        distinct = "not distinct" not in remark
        if original.has(name):
            stated = Inputs(mapping_of(original.get(name), name), inclusive_ends=True)
            obligation = replace(_obligation(name, at, stated, "cents"), standalone_price=price)
            stated.done()
            obligations.append(obligation)
            promises.append(
                ModifiedPromise.of(
                    obligation, day, policies, distinct=distinct, remaining_standalone_price=remaining
                )
            )
        else:
            promise = Promise(name, at, price, _recognition_in(remark))
            promises.append(ModifiedPromise(promise, money(0, "cents"), distinct, remaining))
    original.done()
    added = money(inputs.get("added_consideration_cents"), "added_consideration_cents")
    inputs.done()
    contract = modify(updated_price(obligations, added), promises, day, policies)
    ends = [_last_day(each.promise.recognition) for each in promises]
    first = min(_first_day(each.recognition) for each in obligations)
    figures = _figures(contract) | _asked_by_date(case, contract, Period(first, max(ends)))
    restated = next((each.lifetime for each in contract.obligations if each.catch_up), None)
    return asked_of(case, figures | {"entitlement_basis": restated})


def _mixed_policies(inputs: Inputs, policies: Policies) -> Policies:
    words = inputs.text("policy") if inputs.has("policy") else ""
    for phrase, choice in (
        ("remaining price", MixedModification.REMAINING_PRICE),
        ("total price", MixedModification.TOTAL_PRICE),
    ):
        if phrase in words:
            return replace(policies, mixed_modification=choice)
    raise NotExpressible(f"policy is {words[:60]!r}")


def _by_head(inputs: Inputs, key: str) -> dict[str, tuple[str, object]]:
    """`{"support (added, 2028-11-01)": 4}` as `{"support": ("added, 2028-11-01", 4)}`."""
    heads: dict[str, tuple[str, object]] = {}
    for text, value in mapping_of(inputs.get(key), key).items():
        name, _, remark = text.partition(" (")
        heads[name] = (remark.rstrip(")"), value)
    return heads


def _recognition_in(remark: str) -> Recognition:
    days = re.findall(r"\d{4}-\d{2}-\d{2}", remark)
    if len(days) == 2:
        return OverTime(Period(day_of(days[0], "added"), end_of(days[1], "added", inclusive=True)))
    return PointInTime(day_of(remark, "added"))


def _obligation(key: str, sequence: int, stated: Inputs, cents: str) -> Obligation:
    amount = money(stated.get(cents), cents)
    return Obligation(key, sequence, amount, Fraction(1), _recognition(stated))


def _period(obligation: Obligation) -> Period:
    match obligation.recognition:
        case OverTime(Period() as period):
            return period
        case _:
            raise NotExpressible(f"{obligation.key} is not earned over a period")


def _first_day(recognition: Recognition) -> date:
    match recognition:
        case OverTime(Period() as period):
            return period.start
        case PointInTime(day):
            return day
        case _:
            raise NotExpressible("an obligation is earned neither over time nor on a day")


def _last_day(recognition: Recognition) -> date:
    """The first day after an obligation."""
    match recognition:
        case OverTime(Period() as period):
            return period.end
        case _:
            return _first_day(recognition) + timedelta(days=1)


def _flag(inputs: Inputs, key: str) -> bool:
    value = inputs.get(key)
    if isinstance(value, bool):
        return value
    raise NotExpressible(f"{key} is {str(value)[:40]!r}, not true or false")


def _figures(contract: ModifiedContract) -> dict[str, object]:
    lifetime = contract.lifetime
    figures: dict[str, object] = {
        "treatment": contract.treatment.value,
        "remaining_price": contract.remaining_price,
        "historical": contract.historical,
        "catch_up": contract.total_catch_up,
        "future": contract.future,
        **dict.fromkeys(("plan_total", "lifetime_revenue", "scheduled_total"), lifetime),
        **dict.fromkeys(("updated_total", "new_total"), contract.price),
    }
    if contract.allocation:
        figures["allocation"] = list(contract.allocation.amounts.values())
    return figures


def _asked_by_date(case: Case, contract: ModifiedContract, span: Period) -> dict[str, object]:
    """Figures of some time: `historical_to_2027-06-30`, `combined_2027`, the sign of a month, or all of them.

    `span` runs from the contract's first day to its last.
    """
    figures: dict[str, object] = {}
    for key in case.asked:
        if found := re.fullmatch(r"(?:historical|recognized|revenue)_to_(\d{4}-\d{2}-\d{2})", key):
            figures[key] = contract.until(end_of(found[1], key, inclusive=True))
        elif found := re.fullmatch(r"(?:combined|revenue)_(\d{4})", key):
            year = int(found[1])
            figures[key] = contract.within(Period(date(year, 1, 1), date(year + 1, 1, 1)))
        elif found := re.fullmatch(r"month_(\d{4}-\d{2})", key):
            month = day_of(f"{found[1]}-01", key)
            figures[key] = _sign(contract.months(Period(month, month + timedelta(days=1)))[month])
        elif key in ("future_monthly_cents", "remaining_monthly_cents", "monthly_cents"):
            opened = span.start if key == "monthly_cents" else contract.day
            figures[key] = list(contract.months(Period(opened, span.end)).values())
    return figures


def _sign(amount: Money) -> str:
    """Months are stated by their sign in words."""
    return "negative" if amount.minor < 0 else "positive" if amount.minor else "zero"
