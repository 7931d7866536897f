"""Terms that few contracts have and every engine gets wrong: what is billed, on which day, stated how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from integration_pipeline.billing.cycles import Step, Unit
from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.policies import (
    DEFAULT,
    AmountSplit,
    ArrearsIssueDay,
    DifferenceRounding,
    Policies,
)
from integration_pipeline.billing.schedule import BillingSchedule, UsageBook, build_schedule
from integration_pipeline.billing.schedule.taxation import tax_groups
from integration_pipeline.billing.terms import Charge, ContractTerms, load_terms, load_terms_yaml
from integration_pipeline.billing.terms.timing import Anchor, AnchorKind, Every
from integration_pipeline.billing.usage.events import load_events
from integration_pipeline.billing.versions import cycle_of, terms_known_on, versions_of

Build = Callable[..., dict[str, Any]]
Contract = Callable[..., ContractTerms]


def _amendment(effective: str, change: dict[str, Any], name: str = "A1") -> dict[str, Any]:
    return {"amendment_id": name, "effective": effective, "changes": [change]}


def _lines(schedule: BillingSchedule) -> list[tuple[str, str, int]]:
    """(issue date, service period, minor units) of every line."""
    return [
        (str(invoice.issue_date), str(line.service_period), line.amount.minor)
        for invoice in schedule.invoices
        for line in invoice.lines
    ]


def _used(*events: tuple[str, str]) -> UsageBook:
    stated = [
        {
            "event_id": instant,
            "customer": "acme",
            "metric": "calls",
            "occurred_at": instant,
            "received_at": instant,
            "quantity": quantity,
        }
        for instant, quantity in events
    ]
    return UsageBook(tuple(load_events(stated)), "UTC")


class TestAmendments:
    def test_a_price_that_is_agreed_anew_replaces_those_of_later_phases(
        self, contract: Contract, charge: Build
    ) -> None:
        ramp = charge(
            quantity="1", phases=[{"months": 1, "unit_price": "60"}, {"after_months": 2, "free": True}]
        )
        price = {"change": "price", "charge_id": "seats", "unit_price": "100"}
        schedule = build_schedule(contract(ramp, term_months=4, amendments=[_amendment("2026-02-01", price)]))
        assert [minor for _, _, minor in _lines(schedule)] == [6000, 10000, 10000, 10000]

    def test_a_contract_that_ended_before_it_began_stays_ended_when_it_is_amended_again(
        self, contract: Contract
    ) -> None:
        ended = _amendment("2026-01-01", {"change": "terminate"})
        more = {"change": "quantity", "charge_id": "seats", "quantity": "4"}
        terms = contract(amendments=[ended, _amendment("2026-01-01", more, "A2")])
        assert build_schedule(terms).invoices == ()

    def test_a_rebate_that_ends_early_is_charged_for_the_days_it_is_not_given(
        self, contract: Contract, charge: Build
    ) -> None:
        rebate = charge(quantity="1", unit_price="-120")
        terms = contract(
            rebate, term_months=1, amendments=[_amendment("2026-01-17", {"change": "terminate"})]
        )
        # 15 of 31 days: 58.06.
        assert [minor for _, _, minor in _lines(build_schedule(terms))] == [-12000, 5806]

    def test_a_credit_states_the_quantity_and_the_discount_it_was_charged_with(
        self, contract: Contract, charge: Build
    ) -> None:
        ramp = charge(phases=[{"quantity": "10", "discount_percent": "15"}])
        terms = contract(ramp, term_months=1, amendments=[_amendment("2026-01-17", {"change": "terminate"})])
        credit = build_schedule(terms).lines[-1]
        assert (credit.quantity, credit.unit_price, credit.discount_percent) == (10, 120, 15)

    def test_a_charge_that_does_not_recur_has_no_billing_periods_to_hand_on(
        self, contract: Contract, charge: Build
    ) -> None:
        setup = charge(charge_id="setup", frequency="one_time")
        replaced = {"change": "replace", "charge_id": "setup", "charge": charge(charge_id="support")}
        terms = contract(setup, term_months=2, amendments=[_amendment("2026-01-15", replaced)])
        assert cycle_of(terms, terms.charges[0], DEFAULT) is None
        assert _lines(build_schedule(terms))[1] == ("2026-01-15", "2026-01-15..2026-02-15", 36000)

    def test_each_gap_in_what_was_invoiced_is_credited_by_itself(
        self, contract: Contract, charge: Build
    ) -> None:
        month = charge(quantity="1", unit_price="310")
        gaps = [("2026-01-05", "2026-01-08"), ("2026-01-10", "2026-01-12")]
        phases = [{"start": start, "end": end, "free": True} for start, end in gaps]
        replaced = {"change": "replace", "charge_id": "seats", "charge": {**month, "phases": phases}}
        amendment = {**_amendment("2026-01-01", replaced), "booked": "2026-01-20"}
        assert _lines(build_schedule(contract(month, term_months=1, amendments=[amendment])))[1:] == [
            ("2026-01-20", "2026-01-05..2026-01-08", -3000),
            ("2026-01-20", "2026-01-10..2026-01-12", -2000),
        ]

    def test_a_credit_gives_back_less_the_discount_that_its_document_had(self, contract: Contract) -> None:
        ended = _amendment("2026-01-17", {"change": "terminate"})
        terms = contract(term_months=1, discounts=[{"percent": "10"}], amendments=[ended])
        # 174.19 for 15 of 31 days, less 17.42.
        assert [minor for _, _, minor in _lines(build_schedule(terms))] == [32400, -15677]

    def test_documents_of_the_day_an_amendment_is_booked_on_know_of_it(self, contract: Contract) -> None:
        more = {"change": "quantity", "charge_id": "seats", "quantity": "4"}
        versions = versions_of(contract(amendments=[_amendment("2026-02-01", more)]), DEFAULT)
        known = [terms_known_on(date(2026, *day), versions).charges[0].quantity for day in ((1, 31), (2, 1))]
        assert known == [3, 4]

    def test_days_of_one_period_are_taxed_by_the_terms_they_are_served_under(
        self, contract: Contract, charge: Build
    ) -> None:
        full, reduced = ({"rates": [{"name": "VAT", "percent": percent}]} for percent in ("20", "10"))
        replaced = {"change": "replace", "charge_id": "seats", "charge": charge(quantity="4", tax=reduced)}
        ahead = {**_amendment("2026-02-15", replaced), "booked": "2026-01-20"}
        schedule = build_schedule(contract(charge(tax=full), term_months=2, amendments=[ahead]))
        february = schedule.invoices[1].lines
        assert [(line.amount.minor, line.tax.minor) for line in february] == [(18000, 3600), (24000, 2400)]

    def test_a_credit_gives_back_the_tax_it_was_charged_with(self, contract: Contract, charge: Build) -> None:
        full, reduced = ({"rates": [{"name": "VAT", "percent": percent}]} for percent in ("20", "10"))
        replaced = {"change": "replace", "charge_id": "seats", "charge": charge(quantity="4", tax=reduced)}
        terms = contract(charge(tax=full), term_months=1, amendments=[_amendment("2026-01-17", replaced)])
        schedule = build_schedule(terms)
        assert [(line.amount.minor, line.tax.minor) for line in schedule.lines] == [
            (36000, 7200),
            (-17419, -3484),
            (23225, 2323),
        ]


class TestTiming:
    def test_calendar_weeks_open_on_monday(self, contract: Contract, charge: Build) -> None:
        weekly = charge(frequency="weekly", quantity="1", unit_price="70")
        terms = contract(weekly, anchor={"kind": "calendar"}, end="2026-01-12", term_months=None)
        # 1 January 2026 is a Thursday: four of the seven days.
        assert _lines(build_schedule(terms)) == [
            ("2026-01-01", "2026-01-01..2026-01-05", 4000),
            ("2026-01-05", "2026-01-05..2026-01-12", 7000),
        ]

    def test_a_calendar_week_that_starts_on_monday_opens_there(self) -> None:
        monday = date(2026, 1, 5)
        assert Anchor(kind=AnchorKind.CALENDAR).origin(monday, monday, Step(1, Unit.WEEK)) == (monday, None)

    @pytest.mark.parametrize(("step", "lengths"), [((2, "week"), (14, 0)), ((3, "month"), (0, 3))])
    def test_a_step_is_so_many_days_or_so_many_months(
        self, step: tuple[int, str], lengths: tuple[int, int]
    ) -> None:
        read = Step(step[0], Unit(step[1]))
        assert (read.days, read.months) == lengths

    def test_another_contract_goes_with_co_termination_alone(self, document: Build) -> None:
        with pytest.raises(InvalidTerms, match="contract goes with the kind co_term alone"):
            load_terms(document(anchor={"kind": "calendar", "contract": "C-9"}))

    def test_arrears_can_be_invoiced_on_the_last_day_served(self, contract: Contract, charge: Build) -> None:
        last_day = replace(DEFAULT, arrears_issue_day=ArrearsIssueDay.LAST_DAY_OF_PERIOD)
        schedule = build_schedule(contract(charge(timing="arrears"), term_months=2), last_day)
        assert [str(invoice.issue_date) for invoice in schedule.invoices] == ["2026-01-31", "2026-02-28"]

    def test_a_charge_with_an_end_of_its_own_does_not_renew(self, contract: Contract, charge: Build) -> None:
        renewal = {"term_months": 1, "times": 1}
        terms = contract(charge(end="2026-02-01"), term_months=1, renewal=renewal)
        assert _lines(build_schedule(terms)) == [("2026-01-01", "2026-01-01..2026-02-01", 36000)]

    def test_a_frequency_may_be_given_as_an_object(self) -> None:
        every = Every(every=45, unit=Unit.DAY)
        stated = {"charge_id": "seats", "description": "Seats", "unit_price": "1", "frequency": every}
        assert Charge.model_validate(stated).frequency == every

    def test_a_contract_may_run_for_a_hundred_years_and_no_day_longer(
        self, document: Build, charge: Build
    ) -> None:
        yearly = charge(frequency="annual")
        assert load_terms(document(yearly, end="2126-01-01", term_months=None)).end == date(2126, 1, 1)
        with pytest.raises(InvalidTerms, match="more than 100 years"):
            load_terms(document(yearly, end="2126-01-02", term_months=None))


class TestAmounts:
    def test_a_discount_on_a_document_is_of_what_is_charged_and_leaves_rebates_alone(
        self, contract: Contract, charge: Build
    ) -> None:
        charges = (
            charge(quantity="1", unit_price="3"),
            charge(charge_id="rebate", unit_price="-1", quantity="1"),
        )
        terms = contract(*charges, currency="JPY", term_months=1, discounts=[{"percent": "50"}])
        # Half of 3 is 1.5, of which 2 are left.
        assert [minor for _, _, minor in _lines(build_schedule(terms))] == [2, -1]

    def test_nothing_is_shared_out_where_nothing_is_charged(self, contract: Contract, charge: Build) -> None:
        rebate = charge(unit_price="-1", quantity="1")
        terms = contract(rebate, term_months=1, discounts=[{"percent": "50"}])
        assert build_schedule(terms).total.minor == -100

    def test_parts_of_a_period_that_cost_nothing_share_nothing(
        self, contract: Contract, charge: Build
    ) -> None:
        shared = replace(DEFAULT, split=AmountSplit.LARGEST_REMAINDER)
        terms = contract(charge(quantity="0"), end="2026-01-16", term_months=None)
        assert build_schedule(terms, shared).invoices == ()

    def test_milestones_of_stated_amounts_are_invoiced_as_stated(
        self, contract: Contract, charge: Build
    ) -> None:
        milestones = [{"date": "2026-02-01", "amount": "40.005"}, {"date": "2026-03-01", "amount": "50"}]
        project = charge(frequency="one_time", quantity="1", unit_price="90", milestones=milestones)
        assert [(day, minor) for day, _, minor in _lines(build_schedule(contract(project)))] == [
            ("2026-02-01", 4001),
            ("2026-03-01", 5000),
        ]

    @pytest.mark.parametrize(
        ("policies", "true_up"),
        [(DEFAULT, 4355), (replace(DEFAULT, difference=DifferenceRounding.ROUNDED), 4354)],
    )
    def test_what_lacks_to_a_minimum_is_rounded_before_or_after_it_is_taken(
        self, contract: Contract, charge: Build, policies: Policies, true_up: int
    ) -> None:
        seats = charge(quantity="1", unit_price="10.01", minimum="100", maximum="100")
        schedule = build_schedule(contract(seats, end="2026-01-16", term_months=None), policies)
        # (100.00 − 10.01) × 15/31 = 43.5435…; 48.39 − 4.84 = 43.55.
        assert [minor for _, _, minor in _lines(schedule)] == [484, true_up]

    def test_a_price_model_beyond_what_a_ledger_holds_is_refused(
        self, contract: Contract, charge: Build
    ) -> None:
        price = {"model": "graduated", "tiers": [{"unit_price": "999999999999"}]}
        with pytest.raises(InvalidTerms):
            build_schedule(contract(charge(unit_price=None, price=price, quantity="999999"), term_months=1))

    def test_a_phase_may_state_another_quantity_of_a_price_model(
        self, contract: Contract, charge: Build
    ) -> None:
        tiers = [{"up_to": "10", "unit_price": "2"}, {"unit_price": "1"}]
        graduated = {"unit_price": None, "price": {"model": "graduated", "tiers": tiers}}
        ramp = charge(**graduated, quantity="5", phases=[{"months": 1, "quantity": "12"}])
        schedule = build_schedule(contract(ramp, term_months=2))
        assert [minor for _, _, minor in _lines(schedule)] == [2200, 1000]

    def test_a_document_without_tax_has_no_tax_groups(self, contract: Contract) -> None:
        schedule = build_schedule(contract(term_months=1))
        assert tax_groups(schedule.lines, "USD", DEFAULT) == ()


class TestUsage:
    def test_a_whole_number_of_units_is_written_without_an_exponent(
        self, contract: Contract, charge: Build
    ) -> None:
        terms = contract(charge(metric={"metric": "calls"}), term_months=1)
        (line,) = build_schedule(terms, usage=_used(("2026-01-05T00:00:00Z", "40"))).lines
        assert str(line.quantity) == "40"

    def test_a_quantity_without_end_is_written_with_twelve_decimals(
        self, contract: Contract, charge: Build
    ) -> None:
        weighted = {"metric": "calls", "aggregation": "weighted_sum"}
        terms = contract(charge(metric=weighted), term_months=1)
        # Held for 20 of the 31 days.
        (line,) = build_schedule(terms, usage=_used(("2026-01-12T00:00:00Z", "1"))).lines
        assert line.quantity == Decimal("0.645161290323")


def test_a_document_that_is_no_yaml_says_why_and_where() -> None:
    with pytest.raises(InvalidTerms, match=r"line 3: .*could not find expected"):
        load_terms_yaml("contract_id: C-1\ncharges\nstart: 2026-01-01")
