"""Generated contracts: ramps, discounts, stubs, pauses and amendments, as terms documents.

Belongs here: hypothesis strategies, and what a day of a generated contract costs by definition. Does not
belong here: what must hold for them (the tests that draw from here).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from integration_pipeline.billing.versions import TermsVersion

FREQUENCIES: list[Any] = [
    "weekly",
    "monthly",
    "quarterly",
    "semiannual",
    "annual",
    {"every": 45, "unit": "day"},
    {"every": 2, "unit": "month"},
]
ANCHORS: list[dict[str, Any]] = [
    {"kind": "charge_start"},
    {"kind": "contract_start"},
    {"kind": "calendar"},
    {"kind": "day_of_month", "day": 31},
    {"kind": "day_of_month", "day": 10},
    {"kind": "co_term", "date": "2020-02-29"},
]


def quantities() -> st.SearchStrategy[str]:
    """Whole and broken numbers of units, rarely none."""
    return st.decimals(0, 900, places=2).map(str) | st.integers(1, 200).map(str)


def prices() -> st.SearchStrategy[str]:
    """Unit prices large enough that hardly a day rounds to nothing."""
    return st.decimals(40, 9000, places=3).map(str)


@st.composite
def phases(draw: st.DrawFn, length: int) -> list[dict[str, Any]]:
    """Phases that follow one another, some with a gap, within `length` days."""
    cuts = sorted(draw(st.lists(st.integers(0, length - 1), max_size=4, unique=True)))
    drawn: list[dict[str, Any]] = []
    for position, cut in enumerate(cuts):
        room = (cuts[position + 1] if position + 1 < len(cuts) else length) - cut
        phase: dict[str, Any] = {"after_days": cut}
        if draw(st.booleans()):
            phase["days"] = draw(st.integers(1, room))
        phase |= draw(
            st.fixed_dictionaries(
                {}, optional={"quantity": quantities(), "discount_percent": st.just("12.5")}
            )
        )
        phase |= draw(st.sampled_from([{}, {"free": True}]) | st.fixed_dictionaries({"unit_price": prices()}))
        drawn.append(phase)
    return drawn


@st.composite
def charges(draw: st.DrawFn, charge_id: str, length: int) -> dict[str, Any]:
    """A recurring charge over the whole contract."""
    charge: dict[str, Any] = {
        "charge_id": charge_id,
        "description": draw(st.sampled_from(["Seats", "プラン", "Données"])),
        "quantity": draw(quantities()),
        "unit_price": draw(prices()),
        "frequency": draw(st.sampled_from(FREQUENCIES)),
        "timing": draw(st.sampled_from(["advance", "arrears"])),
        "phases": draw(phases(length)),
    }
    if draw(st.booleans()):
        charge["discount_percent"] = draw(st.sampled_from(["15", "33.333", "100"]))
    if draw(st.booleans()):
        charge["discounts"] = [{"percent": "15", "first_days": draw(st.integers(1, length))}]
    return charge


@st.composite
def amendments(draw: st.DrawFn, start: date, length: int, names: list[str]) -> list[dict[str, Any]]:
    """Changes of quantity, price and terms on any days, booked early, late or on the day."""
    drawn: list[dict[str, Any]] = []
    for number in range(draw(st.integers(0, 3))):
        effective = start + timedelta(days=draw(st.integers(0, length - 1)))
        late = draw(st.sampled_from([0, 0, 40, 200, -30]))
        name = draw(st.sampled_from(names))
        change = draw(
            st.sampled_from(
                [
                    {"change": "quantity", "charge_id": name, "quantity": draw(quantities())},
                    {"change": "price", "charge_id": name, "unit_price": draw(prices())},
                    {"change": "discount", "charge_id": name, "discount_percent": "40"},
                    {"change": "pause", "until": str(effective + timedelta(days=draw(st.integers(1, 90))))},
                ]
            )
        )
        drawn.append(
            {
                "amendment_id": f"A{number}",
                "effective": str(effective),
                "booked": str(max(start, effective + timedelta(days=late))),
                "changes": [change],
            }
        )
    # Versions are booked one after the other; what is effective later is booked later here, too.
    days = sorted(item["effective"] for item in drawn)
    booked = sorted(item["booked"] for item in drawn)
    return [
        {**item, "effective": effective, "booked": when}
        for item, effective, when in zip(drawn, days, booked, strict=True)
        if item["changes"][0].get("until", "9999") > effective
    ]


@st.composite
def documents(draw: st.DrawFn, *, amended: bool = False) -> dict[str, Any]:
    """A contract of one or two recurring charges, up to three years long."""
    start = draw(st.dates(date(2019, 1, 1), date(2031, 1, 1)))
    length = draw(st.integers(1, 500))
    names = [f"charge-{number}" for number in range(draw(st.integers(1, 2)))]
    return {
        "contract_id": "C-1",
        "customer": "acme",
        "entity": "us",
        "currency": draw(st.sampled_from(["JPY", "USD", "KWD", "CLF"])),
        "start": start.isoformat(),
        "end": (start + timedelta(days=length)).isoformat(),
        "anchor": draw(st.sampled_from(ANCHORS)),
        "stub": draw(st.sampled_from(["first", "last"])),
        "payment_terms": {"net_days": draw(st.integers(0, 90))},
        "charges": [draw(charges(name, length)) for name in names],
        "amendments": draw(amendments(start, length, names)) if amended else [],
    }


def price_on(versions: Sequence[TermsVersion], charge_id: str, day: date) -> Fraction:
    """What a full period costs at the terms of `day`, in currency units, straight from the definition."""
    version = [item for item in versions if item.effective <= day][-1]
    for pause in version.terms.pauses:
        if pause.start <= day and (pause.end is None or day < pause.end):
            return Fraction(0)
    charge = version.terms.charge(charge_id)
    assert charge is not None
    assert charge.unit_price is not None
    start = charge.start or version.terms.start
    quantity, price, percent = charge.quantity, charge.unit_price, charge.discount_percent
    ordered = sorted(charge.phases, key=lambda item: item.starts(start))
    for position, phase in enumerate(ordered):
        following = ordered[position + 1].starts(start) if position + 1 < len(ordered) else date.max
        if phase.starts(start) <= day < (phase.stated_end(start) or following):
            quantity = quantity if phase.quantity is None else phase.quantity
            price = price if phase.unit_price is None else phase.unit_price
            percent = percent if phase.discount_percent is None else phase.discount_percent
            price = price * 0 if phase.free else price
    left = Fraction(quantity) * Fraction(price) * (1 - Fraction(percent) / 100)
    for discount in charge.discounts:
        if (day - start).days < (discount.first_days or 0):
            left *= 1 - Fraction(discount.percent or 0) / 100
    return left
