"""Cases about discounts: stacking, distribution, and prices that change under a discount; and allocation.

Does not belong here: discounts beside tax on a document (`tax`), or free units (`pricing`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from integration_pipeline.billing.discounts import (
    Discount,
    discounted_change,
    distribute,
    less_discount,
)
from integration_pipeline.billing.money import Money, allocate_units, cumulative_split, minor_unit_exponent
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.proration import share_of_period
from integration_pipeline.billing.totals import DocumentLine, line_amount, total_document
from integration_pipeline_tests.cases.document_notation import currency_of, in_cents, shown
from integration_pipeline_tests.cases.notation import Inputs, amount_of, number_of
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter


@adapter("discount/*")
def stacked(case: Case) -> Mapping[str, Any]:
    """What several discounts take off a subtotal, with what is left."""
    inputs = Inputs.of(case)
    currency = currency_of(inputs)
    key = inputs.first_of("subtotal_cents", "subtotal")
    subtotal = _money(inputs.get(key), key, currency)
    discounts: list[Discount] = []
    for name in inputs.names:
        if name in ("percent", "percents"):
            discounts += [Discount(percent=number_of(item, name)) for item in inputs.items(name)]
        elif name in ("fixed", "amount", "amounts", "fixed_cents"):
            discounts += [Discount(amount=amount_of(item, name)) for item in inputs.items(name)]
    inputs.skip("currency")
    inputs.done()
    totals = total_document([DocumentLine(subtotal.minor)], currency, case.policies, discounts)
    figures: dict[str, Money] = {
        "discount": totals.discount,
        "total": totals.total,
        "remaining": totals.net,
        "net": totals.net,
    }
    return shown(_asked(case, figures), cents=in_cents(case.inputs))


@adapter("discount/distribution", "discount/distribution_remainder", "discount/*")
def distributed(case: Case) -> Mapping[str, Any]:
    """A discount of a known size, shared out over lines."""
    inputs = Inputs.of(case)
    currency = currency_of(inputs)
    key = inputs.first_of("lines_cents", "lines")
    amounts = [_money(item, key, currency) for item in inputs.items(key)]
    discount_key = inputs.first_of("discount_cents", "discount")
    discount = _money(inputs.get(discount_key), discount_key, currency)
    inputs.skip("currency")
    inputs.done()
    off = Discount(amount=amount_of(inputs.get(discount_key), discount_key))
    shares = list(distribute(discount, amounts))
    figures: dict[str, object] = {
        "lines_after": list(less_discount(amounts, [off], case.policies)),
        "shares": shares,
        "discount_per_line": shares,
    }
    return shown(_asked(case, figures), cents=in_cents(case.inputs))


@adapter("discount/change_with_proration", "discount/*")
def changed_plan(case: Case) -> Mapping[str, Any]:
    """The rest of a period under an old and a new discounted price."""
    inputs = Inputs.of(case)
    currency = currency_of(inputs)
    cycle = inputs.period("cycle")
    changed = inputs.day("changed")
    rest = share_of_period(Period(changed, cycle.end), cycle, case.policies)
    figures: dict[str, Money] = {}
    for name, figure in (("old", "credit"), ("new", "debit")):
        key = inputs.first_of(f"{name}_cents", name)
        price = _money(inputs.get(key), key, currency)
        discounts = _worded(inputs.get(f"{name}_discount"), f"{name}_discount")
        (net,) = less_discount([price], discounts, case.policies)
        figures[figure] = _part(net, rest, case.policies)
    inputs.skip("currency")
    inputs.done()
    return shown(_asked(case, figures), cents=in_cents(case.inputs))


@adapter("discount/percent_per_component", "discount/*")
def changed_components(case: Case) -> Mapping[str, Any]:
    """Components of a plan under one discount: the rest of the period of the old and of the new ones."""
    inputs = Inputs.of(case)
    currency = currency_of(inputs)
    rest = Fraction(inputs.number("fraction"))
    discounts = _stated(inputs)
    figures: dict[str, object] = {}
    for name, figure in (("old", "credit"), ("new", "debit")):
        parts = inputs.inner(name)
        amounts = [_money(parts.get(part), "cents", currency) for part in parts.names]
        nets = less_discount(amounts, discounts, case.policies)
        rests = [_part(net, rest, case.policies) for net in nets]
        figures[figure] = dict(zip(parts.names, rests, strict=True))
    inputs.skip("currency")
    inputs.done()
    return shown(_asked(case, figures), cents=True)


@adapter("discount/fixed_with_seat_change", "discount/*")
def changed_seats(case: Case) -> Mapping[str, Any]:
    """A fee and seats under one discount: what more seats cost for the rest of the period."""
    inputs = Inputs.of(case)
    currency = currency_of(inputs)
    fee = _money(inputs.get("fixed"), "cents", currency)
    price = amount_of(inputs.get("seat_price"), "cents")
    before, after = (
        [fee, line_amount(number_of(seats, "seats"), price, currency, case.policies).amount]
        for seats in inputs.items("seats")
    )
    rest = Fraction(inputs.number("fraction"))
    changes = discounted_change(before, after, _stated(inputs), case.policies)
    inputs.skip("currency")
    inputs.done()
    fixed, seat = (_part(change, rest, case.policies) for change in changes)
    figures: dict[str, Money] = {"seat_debit": seat, "fixed_debit": fixed}
    if seat.minor < 0:
        figures = {"seat_credit": -seat, "fixed_credit": -fixed}
    return shown(_asked(case, figures), cents=True)


@adapter("allocation/*")
def allocated(case: Case) -> Mapping[str, Any]:
    """An amount divided by weights, in minor units of a currency or at the decimals of a custom one."""
    inputs = Inputs.of(case)
    places = _places(inputs.text("currency")) if inputs.has("currency") else 2
    units = inputs.number("amount").scaleb(places)
    if units != units.to_integral_value():
        raise NotExpressible(f"the amount has more than {places} decimals")
    weights = inputs.inner("weights")
    parts = allocate_units(int(units), [weights.number(name) for name in weights.names])
    inputs.done()
    shares = zip(weights.names, parts, strict=True)
    return {name: Decimal(part).scaleb(-places) for name, part in shares if part}


def _places(currency: str) -> int:
    if found := re.search(r"(\d+) decimals", currency):
        return int(found[1])
    return minor_unit_exponent(currency)


def _asked(case: Case, figures: Mapping[str, object]) -> dict[str, object]:
    """The figures that are asked for, whether their names say cents or not."""
    missing = [name for name in case.asked if name.removesuffix("_cents") not in figures]
    if missing:
        raise NotExpressible(f"no figure is known as {', '.join(missing)}")
    return {name: figures[name.removesuffix("_cents")] for name in case.asked}


def _stated(inputs: Inputs) -> list[Discount]:
    if inputs.has("percent"):
        return [Discount(percent=inputs.number("percent"))]
    key = inputs.first_of("discount_cents", "discount", "fixed_discount_cents")
    return [Discount(amount=amount_of(inputs.get(key), key))]


def _worded(value: object, key: str) -> list[Discount]:
    """`25 %`, `25.00 fixed`, or nothing."""
    if value is None:
        return []
    if found := re.fullmatch(r"(\d+(?:\.\d+)?) ?%", str(value)):
        return [Discount(percent=Decimal(found[1]))]
    if found := re.fullmatch(r"(\d+(?:\.\d+)?) fixed", str(value)):
        return [Discount(amount=Decimal(found[1]))]
    raise NotExpressible(f"{key} is {value!r}, neither a percentage nor a fixed amount")


def _money(value: object, key: str, currency: str) -> Money:
    minor = amount_of(value, key).scaleb(minor_unit_exponent(currency))
    if minor != minor.to_integral_value():
        raise NotExpressible(f"{key} is {value}, finer than a minor unit of {currency}")
    return Money(int(minor), currency)


def _part(amount: Money, share: Fraction, policies: Policies) -> Money:
    """The engine's split of an amount at one cut: what it comes to up to there."""
    in_units = Fraction(amount.minor, 10 ** minor_unit_exponent(amount.currency))
    (part,) = cumulative_split(in_units, (share,), amount.currency, policies.rounding)
    return part
