"""What must hold for every schedule, whatever the contract says and however it was amended."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_pipeline.billing.invoices import LineKind
from integration_pipeline.billing.money import RoundingMode, round_to_minor
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import DEFAULT, PROFILES, Policies
from integration_pipeline.billing.schedule import (
    BillingSchedule,
    PlannedInvoice,
    PlannedLine,
    build_schedule,
)
from integration_pipeline.billing.terms import ContractTerms, load_terms
from integration_pipeline.billing.terms.amendments import Amendment
from integration_pipeline.billing.versions import cycle_of, versions_of
from integration_pipeline_tests.billing.contracts import documents, price_on

_TERMS = documents().map(load_terms)
_AMENDED = documents(amended=True)
_POLICIES = st.builds(
    Policies, name=st.just("any"), revision=st.just(1), rounding=st.sampled_from(RoundingMode)
)
_PROFILES = st.sampled_from(sorted(PROFILES)).map(PROFILES.__getitem__)


def _without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


def _slot_sums(document: dict[str, Any], schedule: BillingSchedule) -> dict[tuple[str, date], int]:
    terms = load_terms(_without(document, "amendments"))
    sums: dict[tuple[str, date], int] = defaultdict(int)
    for line in schedule.lines:
        assert line.service_period is not None
        key = line.charge_id, _full_period(terms, line.charge_id, line.service_period.start).start
        sums[key] += line.amount.minor
    return {key: minor for key, minor in sums.items() if minor}


def _full_period(terms: ContractTerms, charge_id: str, day: date) -> Period:
    charge = terms.charge(charge_id)
    assert charge is not None
    cycle = cycle_of(terms, charge, DEFAULT)
    assert cycle is not None
    return cycle.period_containing(day)


@given(document=_AMENDED, policies=_PROFILES)
def test_documents_add_up_and_come_in_order(document: dict[str, Any], policies: Policies) -> None:
    schedule = build_schedule(load_terms(document), policies)
    order = [(invoice.issue_date, invoice.kind.value != "invoice") for invoice in schedule.invoices]
    assert order == sorted(set(order))
    for invoice in schedule.invoices:
        assert invoice.lines
        assert all(line.amount for line in invoice.lines)
        assert invoice.total.minor == sum(line.amount.minor for line in invoice.lines)
        assert invoice.payable == invoice.total + invoice.tax
    assert schedule.total.minor == sum(line.amount.minor for line in schedule.lines)


@given(document=documents(amended=True), rounding=st.sampled_from(RoundingMode))
def test_every_billing_period_comes_to_its_exact_price_day_by_day_rounded_once(
    document: dict[str, Any], rounding: RoundingMode
) -> None:
    policies = Policies(name="any", revision=1, rounding=rounding)
    terms = load_terms(document)
    billed = _slot_sums(document, build_schedule(terms, policies))
    expected: dict[tuple[str, date], Fraction] = defaultdict(Fraction)
    versions = versions_of(terms, policies)
    for charge in terms.charges:
        full = Period(terms.start, terms.start + timedelta(days=1))
        day = terms.start
        while terms.end is not None and day < terms.end:
            if day >= full.end or day == terms.start:
                full = _full_period(terms, charge.charge_id, day)
            expected[charge.charge_id, full.start] += price_on(versions, charge.charge_id, day) / full.days
            day += timedelta(days=1)
    rounded = {key: round_to_minor(exact, terms.currency, rounding).minor for key, exact in expected.items()}
    assert billed == {key: minor for key, minor in rounded.items() if minor}


@given(terms=_TERMS)
def test_no_service_day_is_billed_twice_or_missed(terms: ContractTerms) -> None:
    schedule = build_schedule(terms)
    versions = versions_of(terms, DEFAULT)
    for charge in terms.charges:
        reached = terms.start
        lines = [line for line in schedule.lines if line.charge_id == charge.charge_id]
        for line in sorted(lines, key=_service_start):
            assert line.service_period is not None
            day = reached
            while day < line.service_period.start:
                # Days without a line cost nothing: free, 100 % off, or less than a minor unit.
                assert price_on(versions, charge.charge_id, day) * len(lines) < 40 * 1000
                day += timedelta(days=1)
            assert line.service_period.start >= reached
            reached = line.service_period.end
        assert reached <= (terms.end or reached)


def _service_start(line: PlannedLine) -> date:
    return line.service_period.start if line.service_period else date.min


@given(document=_AMENDED)
def test_a_backdated_amendment_ends_where_one_known_from_the_start_does(document: dict[str, Any]) -> None:
    known = [{**item, "booked": document["start"]} for item in document["amendments"]]
    late = build_schedule(load_terms(document))
    early = build_schedule(load_terms({**document, "amendments": known}))
    assert _slot_sums(document, late) == _slot_sums(document, early)
    assert all(line.kind is LineKind.CHARGE for line in early.lines)


@settings(max_examples=30)
@given(document=_AMENDED, day=st.integers(0, 900))
def test_amending_to_the_same_terms_changes_nothing(document: dict[str, Any], day: int) -> None:
    terms = load_terms(_without(document, "amendments"))
    charge = terms.charges[0].model_copy(update={"phases": ()})
    terms = terms.model_copy(update={"charges": (charge,), "pauses": ()})
    same = {"change": "quantity", "charge_id": charge.charge_id, "quantity": str(charge.quantity)}
    effective = str(terms.start + timedelta(days=day))
    amendment = {"amendment_id": "same", "effective": effective, "changes": [same]}
    amended = terms.model_copy(update={"amendments": (Amendment.model_validate(amendment),)})
    assert _hashes(build_schedule(amended)) == _hashes(build_schedule(terms))


def _hashes(schedule: BillingSchedule) -> list[str]:
    return [invoice.content_hash() for invoice in schedule.invoices]


@given(document=_AMENDED, day=st.integers(0, 1200))
def test_a_schedule_computed_on_any_day_agrees_about_the_past(document: dict[str, Any], day: int) -> None:
    today = date.fromisoformat(document["start"]) + timedelta(days=day)
    known = [item for item in document["amendments"] if date.fromisoformat(item["booked"]) <= today]
    then = build_schedule(load_terms({**document, "amendments": known}))
    later = build_schedule(load_terms(document))
    assert _upto(then, today) == _upto(later, today)


def _upto(schedule: BillingSchedule, day: date) -> list[str]:
    return [invoice.content_hash() for invoice in schedule.invoices if invoice.issue_date <= day]


@given(document=_AMENDED, policies=_POLICIES)
def test_the_same_contract_gives_the_same_bytes(document: dict[str, Any], policies: Policies) -> None:
    one = build_schedule(load_terms(document), policies)
    shuffled = json.dumps(dict(reversed(document.items())))
    other = build_schedule(load_terms(shuffled), policies)
    assert one.to_json().encode() == other.to_json().encode()


@given(document=_AMENDED)
def test_terms_written_out_are_read_as_the_same(document: dict[str, Any]) -> None:
    terms = load_terms(document)
    again = load_terms(terms.model_dump_json())
    assert again == terms
    assert again.terms_hash == terms.terms_hash


@given(document=_AMENDED)
def test_every_formula_ends_in_the_amount_of_its_line(document: dict[str, Any]) -> None:
    for line in build_schedule(load_terms(document)).lines:
        shown = -line.amount if line.kind is LineKind.CREDIT else line.amount
        assert line.explanation.formula.removesuffix(")").endswith(f" {shown.format()}")


@given(document=_AMENDED, percent=st.sampled_from(["7.5", "100", "33.333"]))
def test_a_discount_on_documents_is_given_back_with_what_is_credited(
    document: dict[str, Any], percent: str
) -> None:
    """With p % off every document the contract comes to (100 − p) %, give or take a minor unit a line."""
    whole = build_schedule(load_terms(document))
    less = build_schedule(load_terms({**document, "discounts": [{"percent": percent}]}))
    exact = whole.total.minor * (1 - Fraction(percent) / 100)
    assert abs(less.total.minor - exact) <= len(whole.lines) + len(whole.invoices)


@given(document=_AMENDED)
def test_taxes_of_lines_add_up_to_those_of_their_document(document: dict[str, Any]) -> None:
    rates = [{"name": "GST", "percent": "5"}, {"name": "QST", "percent": "9.975"}]
    schedule = build_schedule(load_terms({**document, "tax": {"rates": rates}}))
    for invoice in schedule.invoices:
        assert invoice.tax.minor == sum(line.tax.minor for line in invoice.lines)
        for tax in invoice.taxes:
            exact = Fraction(invoice.total.minor) * Fraction(tax.percent) / 100
            assert abs(tax.amount.minor - exact) <= Fraction(1, 2)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_every_profile_bills_a_ramp_with_an_amendment(profile: str) -> None:
    terms = load_terms(
        {
            "contract_id": "C-1",
            "customer": "acme",
            "entity": "us",
            "currency": "USD",
            "start": "2024-01-17",
            "term_months": 12,
            "anchor": {"kind": "calendar"},
            "payment_terms": {"net_days": 30},
            "charges": [
                {
                    "charge_id": "seats",
                    "description": "Seats",
                    "quantity": "40",
                    "unit_price": "100.00",
                    "frequency": "quarterly",
                    "phases": [{"days": 90, "unit_price": "50.00"}],
                }
            ],
            "amendments": [
                {
                    "amendment_id": "A1",
                    "effective": "2024-03-02",
                    "changes": [{"change": "quantity", "charge_id": "seats", "quantity": "55"}],
                }
            ],
        }
    )
    schedule = build_schedule(terms, PROFILES[profile])
    assert [kind for kind in _kinds(schedule.invoices) if kind is LineKind.CREDIT]
    # The year at the price of its days: 90 days at half price, 45 seats days of it at 40, the rest at 55.
    assert 1_650_000 < schedule.total.minor < 2_000_000


def _kinds(invoices: tuple[PlannedInvoice, ...]) -> list[LineKind]:
    return [line.kind for invoice in invoices for line in invoice.lines]
