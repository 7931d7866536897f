"""What must hold for every schedule, whatever the contract says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.money import RoundingMode, round_to_minor
from integration_pipeline.billing.periods import add_months
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.schedule import (
    BillingSchedule,
    PlannedInvoice,
    PlannedLine,
    build_schedule,
)
from integration_pipeline.billing.terms import Charge, ContractTerms, Frequency, Timing, load_terms

_DAYS = st.dates(date(2019, 1, 1), date(2033, 1, 1))


@st.composite
def _charges(draw: st.DrawFn, charge_id: str, start: date, end: date) -> dict[str, Any]:
    begins = draw(st.none() | st.dates(start, end - timedelta(days=1)))
    first_end = (begins or start) + timedelta(days=1)
    ends = draw(st.none() | st.dates(first_end, end))
    return {
        "charge_id": charge_id,
        "description": draw(st.sampled_from(["Seats", "プラン", "Données"])),
        "quantity": str(draw(st.decimals(0, 5000, places=draw(st.integers(0, 3))))),
        "unit_price": str(draw(st.decimals(-500, 90000, places=draw(st.integers(0, 6))))),
        "discount_percent": str(draw(st.sampled_from(["0", "15", "33.333", "100"]))),
        "frequency": draw(st.sampled_from(Frequency)).value,
        "timing": draw(st.sampled_from(Timing)).value,
        "start": begins and begins.isoformat(),
        "end": ends and ends.isoformat(),
    }


@st.composite
def _documents(draw: st.DrawFn) -> dict[str, Any]:
    start = draw(_DAYS)
    end = start + timedelta(days=draw(st.integers(1, 1200)))
    return {
        "contract_id": "C-1",
        "customer": "acme",
        "entity": "us",
        "currency": draw(st.sampled_from(["JPY", "USD", "KWD", "CLF"])),
        "start": start.isoformat(),
        "end": end.isoformat(),
        "payment_terms": {"net_days": draw(st.integers(0, 90))},
        "charges": [draw(_charges(f"charge-{n}", start, end)) for n in range(draw(st.integers(1, 3)))],
    }


_TERMS = _documents().map(load_terms)
_POLICIES = st.builds(
    Policies, name=st.just("any"), revision=st.just(1), rounding=st.sampled_from(RoundingMode)
)


def _lines(schedule: BillingSchedule, charge: Charge) -> Iterator[tuple[PlannedInvoice, PlannedLine]]:
    for invoice in schedule.invoices:
        for line in invoice.lines:
            if line.charge_id == charge.charge_id:
                yield invoice, line


def _exact_price(charge: Charge) -> Fraction:
    """The price of a full period in currency units, by the definition and not by the engine's way."""
    factor = (100 - Fraction(charge.discount_percent)) / 100
    return Fraction(charge.quantity) * Fraction(charge.unit_price) * factor


@given(terms=_TERMS, policies=_POLICIES)
def test_totals_are_the_sum_of_their_lines_and_dates_are_in_order(
    terms: ContractTerms, policies: Policies
) -> None:
    schedule = build_schedule(terms, policies)
    dates = [invoice.issue_date for invoice in schedule.invoices]
    assert dates == sorted(set(dates))
    for invoice in schedule.invoices:
        assert invoice.lines
        assert all(line.amount for line in invoice.lines)
        assert invoice.total.minor == sum(line.amount.minor for line in invoice.lines)
        assert invoice.due_date == invoice.issue_date + timedelta(days=terms.payment_terms.net_days)


@given(terms=_TERMS)
def test_no_service_day_is_billed_twice_or_missed(terms: ContractTerms) -> None:
    schedule = build_schedule(terms)
    for charge in terms.charges:
        # Less than a minor unit a day may round to lines of nothing, which are left out on purpose.
        if charge.frequency is Frequency.ONE_TIME or abs(_exact_price(charge)) < 400:
            continue
        reached = charge.start or terms.start
        for invoice, line in sorted(_lines(schedule, charge), key=lambda pair: pair[0].issue_date):
            assert line.service_period is not None
            assert line.service_period.start == reached
            reached = line.service_period.end
            billed_on = line.service_period.start if charge.timing is Timing.ADVANCE else reached
            assert invoice.issue_date == billed_on
        assert reached == (charge.end or terms.contract_end)


@given(terms=_TERMS, policies=_POLICIES)
def test_a_line_costs_its_share_of_the_exact_price_rounded_once(
    terms: ContractTerms, policies: Policies
) -> None:
    schedule = build_schedule(terms, policies)
    for charge in terms.charges:
        price = _exact_price(charge)
        months = charge.frequency.months
        anchor = (charge.start or terms.start).day
        for _, line in _lines(schedule, charge):
            share = Fraction(1)
            if months is not None:
                period = line.service_period
                assert period is not None
                full = add_months(period.start, months, anchor) - period.start
                share = Fraction(period.days, full.days)
            assert line.amount == round_to_minor(price * share, terms.currency, policies.rounding)


@given(document=_documents(), policies=_POLICIES)
def test_the_same_contract_gives_the_same_bytes(document: dict[str, Any], policies: Policies) -> None:
    one = build_schedule(load_terms(document), policies)
    shuffled = json.dumps(dict(reversed(document.items())))
    other = build_schedule(load_terms(shuffled), policies)
    assert one.to_json().encode() == other.to_json().encode()
    assert [i.content_hash() for i in one.invoices] == [i.content_hash() for i in other.invoices]


@given(terms=_TERMS)
def test_every_formula_ends_in_the_amount_of_its_line(terms: ContractTerms) -> None:
    for invoice in build_schedule(terms).invoices:
        for line in invoice.lines:
            assert line.explanation.formula.endswith(f" = {line.amount.format()}")
