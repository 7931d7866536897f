"""Which lines a contract bills, on which invoices, on which days, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from integration_pipeline.billing.money import Money, RoundingMode
from integration_pipeline.billing.policies import DEFAULT, PROFILES
from integration_pipeline.billing.schedule import BillingSchedule, RevenueTreatment, build_schedule
from integration_pipeline.billing.terms import ContractTerms, FieldSource

Build = Callable[..., dict[str, Any]]
Contract = Callable[..., ContractTerms]


def _issued(schedule: BillingSchedule) -> list[tuple[str, str]]:
    return [(str(invoice.issue_date), invoice.total.format()) for invoice in schedule.invoices]


class TestAdvance:
    def test_a_monthly_charge_is_invoiced_on_the_first_day_of_each_month(self, contract: Contract) -> None:
        schedule = build_schedule(contract(term_months=3))
        assert _issued(schedule) == [
            ("2026-01-01", "360.00 USD"),
            ("2026-02-01", "360.00 USD"),
            ("2026-03-01", "360.00 USD"),
        ]

    @pytest.mark.parametrize(
        ("frequency", "dates"),
        [
            ("quarterly", ["2026-01-31", "2026-04-30", "2026-07-31", "2026-10-31"]),
            ("semiannual", ["2026-01-31", "2026-07-31"]),
            ("annual", ["2026-01-31"]),
        ],
    )
    def test_longer_frequencies_step_by_their_months_and_keep_a_month_end(
        self, contract: Contract, charge: Build, frequency: str, dates: list[str]
    ) -> None:
        schedule = build_schedule(contract(charge(frequency=frequency), start="2026-01-31"))
        assert [str(invoice.issue_date) for invoice in schedule.invoices] == dates

    def test_its_revenue_is_deferred_over_the_billing_period(self, contract: Contract) -> None:
        line = build_schedule(contract()).invoices[1].lines[0]
        assert line.revenue is RevenueTreatment.DEFERRED
        assert str(line.service_period) == "2026-02-01..2026-03-01"


class TestArrears:
    def test_a_charge_is_invoiced_on_the_day_after_its_service(
        self, contract: Contract, charge: Build
    ) -> None:
        schedule = build_schedule(contract(charge(timing="arrears"), term_months=2))
        assert [str(invoice.issue_date) for invoice in schedule.invoices] == ["2026-02-01", "2026-03-01"]
        line = schedule.invoices[0].lines[0]
        assert str(line.service_period) == "2026-01-01..2026-02-01"
        assert line.revenue is RevenueTreatment.ON_INVOICE

    def test_a_last_stub_is_invoiced_on_the_day_after_the_contract(
        self, contract: Contract, charge: Build
    ) -> None:
        terms = contract(charge(timing="arrears"), end="2026-02-15", term_months=None)
        assert str(build_schedule(terms).invoices[-1].issue_date) == "2026-02-15"


class TestOneTime:
    def test_it_is_invoiced_in_full_on_its_start_and_is_revenue_at_once(
        self, contract: Contract, charge: Build
    ) -> None:
        setup = charge(frequency="one_time", start="2026-01-20", quantity="1", unit_price="500")
        (invoice,) = build_schedule(contract(setup)).invoices
        assert (str(invoice.issue_date), invoice.total) == ("2026-01-20", Money(50000, "USD"))
        assert invoice.lines[0].service_period is None
        assert invoice.lines[0].revenue is RevenueTreatment.ON_INVOICE

    def test_with_an_end_of_its_own_it_has_a_service_period_and_is_deferred(
        self, contract: Contract, charge: Build
    ) -> None:
        (invoice,) = build_schedule(contract(charge(frequency="one_time", end="2026-04-01"))).invoices
        assert str(invoice.lines[0].service_period) == "2026-01-01..2026-04-01"
        assert invoice.lines[0].revenue is RevenueTreatment.DEFERRED
        assert invoice.total == Money(36000, "USD")

    def test_arrears_does_not_move_it_and_does_not_make_it_revenue(
        self, contract: Contract, charge: Build
    ) -> None:
        terms = contract(charge(frequency="one_time", timing="arrears", end="2026-04-01"))
        (invoice,) = build_schedule(terms).invoices
        assert invoice.issue_date == date(2026, 1, 1)
        assert invoice.lines[0].revenue is RevenueTreatment.DEFERRED


class TestStubs:
    def test_a_last_stub_costs_its_days_of_the_full_month(self, contract: Contract, charge: Build) -> None:
        terms = contract(charge(discount_percent="10"), end="2026-03-16", term_months=None)
        assert _issued(build_schedule(terms))[-1] == ("2026-03-01", "156.77 USD")

    def test_a_stub_of_a_quarter_counts_the_days_of_the_whole_quarter(
        self, contract: Contract, charge: Build
    ) -> None:
        terms = contract(charge(frequency="quarterly"), term_months=4)
        # April is 30 of the 91 days from 1 April to 1 July: 360.00 × 30/91 = 118.68.
        assert _issued(build_schedule(terms)) == [("2026-01-01", "360.00 USD"), ("2026-04-01", "118.68 USD")]

    def test_a_charge_that_starts_later_has_its_own_anchor_and_ends_with_the_contract(
        self, contract: Contract, charge: Build
    ) -> None:
        schedule = build_schedule(contract(charge(start="2026-10-15")))
        periods = [str(invoice.lines[0].service_period) for invoice in schedule.invoices]
        assert periods == ["2026-10-15..2026-11-15", "2026-11-15..2026-12-15", "2026-12-15..2027-01-01"]
        # 360.00 × 17/31 = 197.4193…
        assert schedule.invoices[-1].total == Money(19742, "USD")


class TestCurrencies:
    @pytest.mark.parametrize(
        ("currency", "price", "month", "stub"),
        [
            ("JPY", "1062.5", "3,188 JPY", "1,645 JPY"),
            ("USD", "0.125", "0.38 USD", "0.19 USD"),
            ("KWD", "12.3455", "37.037 KWD", "19.116 KWD"),
        ],
    )
    def test_amounts_round_half_up_to_the_minor_unit(
        self, contract: Contract, charge: Build, currency: str, price: str, month: str, stub: str
    ) -> None:
        terms = contract(charge(unit_price=price), currency=currency, end="2026-03-17", term_months=None)
        assert [total for _, total in _issued(build_schedule(terms))] == [month, month, stub]

    def test_another_rounding_is_another_policy(self, contract: Contract, charge: Build) -> None:
        down = replace(DEFAULT, name="truncating", rounding=RoundingMode.DOWN)
        schedule = build_schedule(contract(charge(unit_price="1062.5"), currency="JPY", term_months=1), down)
        (line,) = schedule.invoices[0].lines
        assert line.amount == Money(3187, "JPY")
        assert line.explanation.rule_version == "truncating/2"
        assert line.explanation.rounding == "3,187.5 JPY → 3,187 JPY, down"


class TestInvoices:
    def test_an_invoice_is_due_net_days_after_its_issue(self, contract: Contract) -> None:
        (first, *_) = build_schedule(contract(payment_terms={"net_days": 45})).invoices
        assert first.due_date == date(2026, 2, 15)

    def test_lines_of_one_date_share_an_invoice_in_the_order_of_the_charges(
        self, contract: Contract, charge: Build
    ) -> None:
        schedule = build_schedule(
            contract(
                charge(charge_id="usage", timing="arrears", unit_price="1"),
                charge(charge_id="setup", frequency="one_time", start="2026-02-01"),
                charge(charge_id="seats"),
                term_months=2,
            )
        )
        lines = [[line.charge_id for line in invoice.lines] for invoice in schedule.invoices]
        assert lines == [["seats"], ["usage", "setup", "seats"], ["usage"]]
        assert schedule.invoices[1].total == Money(300 + 36000 + 36000, "USD")
        assert schedule.total == Money(2 * 300 + 3 * 36000, "USD")

    @pytest.mark.parametrize(
        "nothing", [{"quantity": "0"}, {"discount_percent": "100"}, {"unit_price": "0.001"}]
    )
    def test_lines_of_zero_are_left_out(self, contract: Contract, charge: Build, nothing: Any) -> None:
        schedule = build_schedule(contract(charge(charge_id="free", **nothing), charge(), term_months=1))
        assert [line.charge_id for line in schedule.invoices[0].lines] == ["seats"]

    @pytest.mark.parametrize("frequency", ["monthly", "one_time"])
    def test_a_contract_that_bills_nothing_has_no_invoices(
        self, contract: Contract, charge: Build, frequency: str
    ) -> None:
        schedule = build_schedule(contract(charge(quantity="0", frequency=frequency)))
        assert schedule.invoices == ()
        assert schedule.total == Money(0, "USD")

    def test_an_invoice_whose_lines_cancel_out_stays(self, contract: Contract, charge: Build) -> None:
        rebate = charge(charge_id="rebate", unit_price="-120.00")
        (invoice,) = build_schedule(contract(charge(), rebate, term_months=1)).invoices
        assert (len(invoice.lines), invoice.total) == (2, Money(0, "USD"))


class TestExplanations:
    def test_the_formula_can_be_checked_with_a_calculator(self, contract: Contract, charge: Build) -> None:
        terms = contract(charge(unit="seats", discount_percent="10"), term_months=1)
        explanation = build_schedule(terms).invoices[0].lines[0].explanation
        assert explanation.formula == "3 seats × 120.00 USD × (100 − 10) % = 324.00 USD"
        assert explanation.rounding is None
        assert explanation.rule_version == "default/2"
        assert explanation.rule == (
            "monthly in advance: invoiced on the first day of the service period, full billing period"
        )

    def test_a_stub_shows_its_days_its_full_period_and_its_rounding(
        self, contract: Contract, charge: Build
    ) -> None:
        terms = contract(charge(discount_percent="10"), end="2026-01-16", term_months=None)
        explanation = build_schedule(terms).invoices[0].lines[0].explanation
        assert explanation.formula == (
            "3 × 120.00 USD × (100 − 10) % × 15/31 days of 2026-01-01..2026-02-01 = 156.77 USD"
        )
        assert explanation.rounding == "156.77419354… USD → 156.77 USD, half up"
        assert explanation.rule.endswith("actual days / actual days of the full period, cumulative")

    def test_large_numbers_and_long_prices_are_written_out(self, contract: Contract, charge: Build) -> None:
        terms = contract(charge(quantity="12500", unit_price="0.00125"), term_months=1)
        explanation = build_schedule(terms).invoices[0].lines[0].explanation
        assert explanation.formula == "12,500 × 0.00125 USD = 15.63 USD"
        assert explanation.rounding == "15.625 USD → 15.63 USD, half up"

    def test_a_price_stated_in_whole_units_shows_the_decimals_of_its_currency(
        self, contract: Contract, charge: Build
    ) -> None:
        terms = contract(charge(unit_price="120"), currency="KWD", term_months=1)
        formula = build_schedule(terms).invoices[0].lines[0].explanation.formula
        assert formula == "3 × 120.000 KWD = 360.000 KWD"

    def test_a_credit_is_rounded_like_its_opposite(self, contract: Contract, charge: Build) -> None:
        terms = contract(charge(quantity="1", unit_price="-0.125"), term_months=1)
        explanation = build_schedule(terms).invoices[0].lines[0].explanation
        assert explanation.formula == "1 × -0.125 USD = -0.13 USD"
        assert explanation.rounding == "-0.125 USD → -0.13 USD, half up"

    def test_inputs_carry_the_field_they_came_from(self, contract: Contract, charge: Build) -> None:
        price = {"object_type": "line_item", "record_id": "9", "field": "price", "value": "120"}
        start = {
            "object_type": "deal",
            "record_id": "4",
            "field": "contract_start_date",
            "value": "2026-01-01",
        }
        terms = contract(charge(sources={"unit_price": price}), sources={"start": start})
        inputs = {item.name: item for item in build_schedule(terms).invoices[0].lines[0].explanation.inputs}
        assert inputs["unit_price"].source == FieldSource(**price)
        assert inputs["start"].source == FieldSource(**start)
        assert inputs["quantity"].source is None
        assert {name: item.value for name, item in inputs.items()} == {
            "quantity": "3",
            "unit_price": "120.00",
            "currency": "USD",
            "discount_percent": "0",
            "frequency": "monthly",
            "timing": "advance",
            "start": "2026-01-01",
            "term_months": "12",
            "payment_terms": "30 days",
        }

    def test_dates_of_the_charge_itself_replace_those_of_the_contract(
        self, contract: Contract, charge: Build
    ) -> None:
        own = {"object_type": "line_item", "record_id": "9", "field": "from", "value": "2026-02-01"}
        terms = contract(charge(start="2026-02-01", end="2026-03-01", sources={"start": own}))
        inputs = {item.name: item for item in build_schedule(terms).invoices[0].lines[0].explanation.inputs}
        assert (inputs["start"].value, inputs["start"].source) == ("2026-02-01", FieldSource(**own))
        assert inputs["end"].value == "2026-03-01"
        assert "term_months" not in inputs


def test_the_default_profile_is_what_a_schedule_is_built_with(contract: Contract) -> None:
    assert build_schedule(contract()).policies is PROFILES["default"]


def test_a_formula_writes_the_price_that_was_agreed_whatever_other_contracts_write(
    contract: Contract, charge: Build
) -> None:
    written = [
        build_schedule(contract(charge(unit_price=price), term_months=1)).lines[0].explanation.formula
        for price in ("10", "10.000", "10")
    ]
    assert written == ["3 × 10.00 USD = 30.00 USD", "3 × 10.000 USD = 30.00 USD", "3 × 10.00 USD = 30.00 USD"]
