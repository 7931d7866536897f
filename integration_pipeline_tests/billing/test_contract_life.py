"""What happens in the life of a contract: renewals, pauses, amendments of every kind, milestones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.invoices import DocumentKind, LineKind
from integration_pipeline.billing.policies import (
    DEFAULT,
    CancellationDay,
    Correction,
    Downgrade,
    FrequencyChange,
    Policies,
)
from integration_pipeline.billing.schedule import BillingSchedule, build_schedule
from integration_pipeline.billing.terms import PaymentTerms, load_terms

Build = Callable[..., dict[str, Any]]
Line = tuple[str, str, int]


def _lines(schedule: BillingSchedule) -> list[Line]:
    """(issue date, service period, minor units) of every line."""
    return [
        (str(invoice.issue_date), str(line.service_period), line.amount.minor)
        for invoice in schedule.invoices
        for line in invoice.lines
    ]


def _amendment(effective: str, *changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"amendment_id": "A1", "effective": effective, "changes": list(changes), **more}


@pytest.fixture
def amended(document: Build, charge: Build) -> Callable[..., list[Line]]:
    """Lines of three months at 3 × 120.00 in advance from January 2026, with one amendment."""

    def build(
        effective: str, *changes: dict[str, Any], policies: Policies = DEFAULT, **more: Any
    ) -> list[Line]:
        terms = document(charge(), term_months=3, amendments=[_amendment(effective, *changes, **more)])
        return _lines(build_schedule(load_terms(terms), policies))

    return build


class TestAmendments:
    def test_more_units_are_charged_for_the_rest_of_the_period(
        self, amended: Callable[..., list[Line]]
    ) -> None:
        assert amended("2026-02-15", {"change": "quantity", "charge_id": "seats", "quantity": "4"}) == [
            ("2026-01-01", "2026-01-01..2026-02-01", 36000),
            ("2026-02-01", "2026-02-01..2026-03-01", 36000),
            ("2026-02-15", "2026-02-15..2026-03-01", -18000),
            ("2026-02-15", "2026-02-15..2026-03-01", 24000),
            ("2026-03-01", "2026-03-01..2026-04-01", 48000),
        ]

    def test_a_lower_price_gives_a_credit_note(self, document: Build, charge: Build) -> None:
        change = {"change": "price", "charge_id": "seats", "unit_price": "60.00"}
        terms = document(charge(), term_months=1, amendments=[_amendment("2026-01-17", change)])
        schedule = build_schedule(load_terms(terms))
        note = schedule.invoices[-1]
        assert note.kind is DocumentKind.CREDIT_NOTE
        # 16 days at 360.00 and 15 at 180.00 come to 272.903 together: of 272.90, 185.81 stay billed.
        assert [line.amount.minor for line in note.lines] == [-17419, 8709]
        assert note.due_date == note.issue_date
        assert "amendment A1" in note.lines[0].explanation.rule

    def test_credits_can_have_a_document_of_their_own(self, document: Build, charge: Build) -> None:
        change = {"change": "quantity", "charge_id": "seats", "quantity": "4"}
        terms = document(charge(), term_months=1, amendments=[_amendment("2026-01-17", change)])
        policies = replace(DEFAULT, correction=Correction.CREDIT_NOTE)
        schedule = build_schedule(load_terms(terms), policies)
        assert [(each.kind.value, each.total.minor) for each in schedule.invoices[1:]] == [
            ("invoice", 23225),
            ("credit_note", -17419),
        ]

    def test_a_termination_credits_what_is_no_longer_served(self, amended: Callable[..., list[Line]]) -> None:
        assert amended("2026-02-15", {"change": "terminate"}) == [
            ("2026-01-01", "2026-01-01..2026-02-01", 36000),
            ("2026-02-01", "2026-02-01..2026-03-01", 36000),
            ("2026-02-15", "2026-02-15..2026-03-01", -18000),
        ]

    def test_the_day_of_cancellation_is_billed_where_the_policy_says_so(
        self, amended: Callable[..., list[Line]]
    ) -> None:
        policies = replace(DEFAULT, cancellation_day=CancellationDay.BILLED)
        assert amended("2026-02-14", {"change": "terminate"}, policies=policies)[-1] == (
            "2026-02-15",
            "2026-02-15..2026-03-01",
            -18000,
        )

    def test_a_contract_terminated_on_its_first_day_comes_to_nothing(
        self, amended: Callable[..., list[Line]]
    ) -> None:
        assert amended("2026-01-01", {"change": "terminate"}) == []
        late = amended("2026-01-01", {"change": "terminate"}, booked="2026-02-10")
        assert sum(minor for _, _, minor in late) == 0
        assert [issued for issued, _, minor in late if minor < 0] == ["2026-02-10", "2026-02-10"]

    def test_a_backdated_change_is_put_right_on_the_day_it_is_booked(
        self, amended: Callable[..., list[Line]]
    ) -> None:
        more = {"change": "quantity", "charge_id": "seats", "quantity": "4"}
        assert amended("2026-01-17", more, booked="2026-02-20")[2:] == [
            ("2026-02-20", "2026-01-17..2026-02-01", -17419),
            ("2026-02-20", "2026-01-17..2026-02-01", 23225),
            ("2026-02-20", "2026-02-01..2026-03-01", -36000),
            ("2026-02-20", "2026-02-01..2026-03-01", 48000),
            ("2026-03-01", "2026-03-01..2026-04-01", 48000),
        ]

    def test_what_is_agreed_ahead_of_time_is_billed_when_it_begins(
        self, amended: Callable[..., list[Line]]
    ) -> None:
        more = {"change": "quantity", "charge_id": "seats", "quantity": "4"}
        ahead = amended("2026-02-15", more, booked="2026-01-20")
        # February is not invoiced yet when the change is booked, so it has two parts and no credit.
        assert ahead[1:] == [
            ("2026-02-01", "2026-02-01..2026-02-15", 18000),
            ("2026-02-01", "2026-02-15..2026-03-01", 24000),
            ("2026-03-01", "2026-03-01..2026-04-01", 48000),
        ]

    def test_an_added_charge_starts_with_the_amendment_and_a_removed_one_ends(
        self, document: Build, charge: Build
    ) -> None:
        support = charge(charge_id="support", quantity="1", unit_price="310.00")
        changes = [{"change": "add", "charge": support}, {"change": "remove", "charge_id": "seats"}]
        terms = document(charge(), term_months=2, amendments=[_amendment("2026-01-17", *changes)])
        assert _lines(build_schedule(load_terms(terms)))[1:] == [
            ("2026-01-17", "2026-01-17..2026-02-01", -17419),
            ("2026-01-17", "2026-01-17..2026-02-17", 31000),
            ("2026-02-17", "2026-02-17..2026-03-01", 13286),
        ]

    def test_a_pause_is_neither_served_nor_billed_until_it_ends(
        self, amended: Callable[..., list[Line]]
    ) -> None:
        assert amended("2026-01-17", {"change": "pause", "until": "2026-02-15"}) == [
            ("2026-01-01", "2026-01-01..2026-02-01", 36000),
            ("2026-01-17", "2026-01-17..2026-02-01", -17419),
            ("2026-02-15", "2026-02-15..2026-03-01", 18000),
            ("2026-03-01", "2026-03-01..2026-04-01", 36000),
        ]

    def test_a_pause_without_an_end_lasts_until_service_is_resumed(
        self, document: Build, charge: Build
    ) -> None:
        pause = _amendment("2026-01-17", {"change": "pause"})
        resume = _amendment("2026-02-15", {"change": "resume"}, amendment_id="A2")
        paused = build_schedule(load_terms(document(charge(), term_months=3, amendments=[pause])))
        resumed = build_schedule(load_terms(document(charge(), term_months=3, amendments=[pause, resume])))
        assert paused.total.minor == 18581
        assert _lines(resumed)[2:] == [
            ("2026-02-15", "2026-02-15..2026-03-01", 18000),
            ("2026-03-01", "2026-03-01..2026-04-01", 36000),
        ]

    def test_an_upgrade_to_another_frequency_starts_a_cycle_of_its_own(
        self, document: Build, charge: Build
    ) -> None:
        yearly = charge(frequency="annual", unit_price="1200.00")
        change = {"change": "replace", "charge_id": "seats", "charge": yearly}
        terms = load_terms(document(charge(), amendments=[_amendment("2026-02-15", change)]))
        assert _lines(build_schedule(terms))[2:] == [
            ("2026-02-15", "2026-02-15..2026-03-01", -18000),
            ("2026-02-15", "2026-02-15..2027-01-01", 315616),
        ]
        kept = replace(DEFAULT, frequency_change=FrequencyChange.ANNIVERSARY_KEPT)
        assert _lines(build_schedule(terms, kept))[-1] == ("2026-02-15", "2026-02-15..2027-01-01", 315616)

    def test_a_downgrade_waits_for_the_end_of_the_paid_period_where_the_policy_says_so(
        self, document: Build, charge: Build
    ) -> None:
        change = {"change": "replace", "charge_id": "seats", "charge": charge(quantity="1")}
        terms = load_terms(document(charge(), term_months=2, amendments=[_amendment("2026-01-17", change)]))
        waits = build_schedule(terms, replace(DEFAULT, downgrade=Downgrade.PERIOD_END))
        assert [line.kind for line in waits.lines] == [LineKind.CHARGE, LineKind.CHARGE]
        assert waits.total.minor == 48000

    def test_an_early_renewal_begins_a_term_at_raised_prices(
        self, amended: Callable[..., list[Line]]
    ) -> None:
        renewed = amended("2026-03-01", {"change": "renew", "term_months": 2, "uplift_percent": "5"})
        assert renewed[2:] == [
            ("2026-03-01", "2026-03-01..2026-04-01", 37800),
            ("2026-04-01", "2026-04-01..2026-05-01", 37800),
        ]

    def test_a_terminated_contract_can_be_renewed_later(self, document: Build, charge: Build) -> None:
        ended = _amendment("2026-02-01", {"change": "terminate"})
        again = _amendment("2026-04-01", {"change": "renew", "term_months": 1}, amendment_id="A2")
        schedule = build_schedule(load_terms(document(charge(), term_months=3, amendments=[ended, again])))
        assert _lines(schedule) == [
            ("2026-01-01", "2026-01-01..2026-02-01", 36000),
            ("2026-04-01", "2026-04-01..2026-05-01", 36000),
        ]

    def test_an_early_renewal_raises_the_prices_of_phases_and_tiers_too(
        self, document: Build, charge: Build
    ) -> None:
        tiers = [{"up_to": "2", "unit_price": "10"}, {"unit_price": "5"}]
        tiered = charge(unit_price=None, price={"model": "graduated", "tiers": tiers})
        ramped = charge(charge_id="ramp", phases=[{"after_months": 1, "unit_price": "200.00"}])
        renewal = {"change": "renew", "term_months": 1, "uplift_percent": "10"}
        renewals = [_amendment("2026-03-01", renewal)]
        schedule = build_schedule(load_terms(document(tiered, ramped, term_months=2, amendments=renewals)))
        assert [line.amount.minor for line in schedule.invoices[-1].lines] == [2750, 66000]

    def test_a_contract_can_be_made_to_end_with_another(self, amended: Callable[..., list[Line]]) -> None:
        co_termed = amended("2026-01-15", {"change": "co_term", "end": "2026-02-15", "contract": "C-9"})
        assert co_termed[1:] == [("2026-02-01", "2026-02-01..2026-02-15", 18000)]

    @pytest.mark.parametrize(
        ("effective", "change", "field"),
        [
            ("2025-12-31", {"change": "terminate"}, "amendments[0].effective"),
            (
                "2026-01-05",
                {"change": "quantity", "charge_id": "chairs", "quantity": "1"},
                "amendments[0].changes[0].charge_id",
            ),
            (
                "2026-01-05",
                {"change": "quantity", "charge_id": "seats", "quantity": "-1"},
                "amendments[0].changes[0].quantity",
            ),
            ("2026-01-05", {"change": "price", "charge_id": "seats"}, "amendments[0].changes[0].unit_price"),
            ("2026-01-05", {"change": "pause", "until": "2026-01-05"}, "amendments[0].changes[0].until"),
        ],
    )
    def test_an_impossible_amendment_is_refused_by_its_field(
        self, amended: Callable[..., list[Line]], effective: str, change: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(InvalidTerms) as refused:
            amended(effective, change)
        assert [path for path, _ in refused.value.problems] == [field]


class TestTerms:
    def test_a_contract_renews_at_raised_prices_until_it_has_renewed_often_enough(
        self, document: Build, charge: Build
    ) -> None:
        renewal = {"term_months": 2, "uplift_percent": "10", "times": 2}
        schedule = build_schedule(load_terms(document(charge(), term_months=2, renewal=renewal)))
        assert [minor for _, _, minor in _lines(schedule)] == [36000, 36000, 39600, 39600, 43560, 43560]
        assert (
            schedule.lines[-1].explanation.formula
            == "3 × 120.00 USD × (100 + 10) % × (100 + 10) % = 435.60 USD"
        )

    def test_an_evergreen_contract_is_planned_in_whole_periods_up_to_a_horizon(
        self, document: Build, charge: Build
    ) -> None:
        terms = load_terms(document(charge(), term_months=None, evergreen=True))
        assert _lines(build_schedule(terms, until=date(2026, 2, 2)))[-1] == (
            "2026-02-01",
            "2026-02-01..2026-03-01",
            36000,
        )
        with pytest.raises(ValueError, match="until when"):
            build_schedule(terms)

    def test_milestones_add_up_to_the_price(self, document: Build, charge: Build) -> None:
        milestones = [
            {"date": "2026-02-01", "percent": "33.33", "description": "Design"},
            {"date": "2026-04-01", "percent": "33.33"},
            {"date": "2026-06-01", "percent": "33.34"},
        ]
        project = charge(frequency="one_time", quantity="1", unit_price="100.01", milestones=milestones)
        schedule = build_schedule(load_terms(document(project)))
        assert [(issued, minor) for issued, _, minor in _lines(schedule)] == [
            ("2026-02-01", 3333),
            ("2026-04-01", 3334),
            ("2026-06-01", 3334),
        ]
        assert schedule.lines[0].description == "Design"

    def test_a_free_phase_is_not_invoiced(self, document: Build, charge: Build) -> None:
        phases = [{"months": 1, "free": True}, {"after_months": 1, "months": 1, "discount_percent": "50"}]
        schedule = build_schedule(load_terms(document(charge(phases=phases), term_months=3)))
        assert _lines(schedule) == [
            ("2026-02-01", "2026-02-01..2026-03-01", 18000),
            ("2026-03-01", "2026-03-01..2026-04-01", 36000),
        ]

    @pytest.mark.parametrize(
        ("phases", "field"),
        [
            ([{"days": 10}, {"after_days": 5}], "phases[0].end"),
            ([{"start": "2025-12-01"}], "phases[0].start"),
            ([{"start": "2027-01-01"}], "phases[0].start"),
            ([{"after_days": 1, "after_months": 1}], "phases[0].start"),
            ([{"days": 1, "months": 1}], "phases[0].end"),
            ([{"start": "2026-02-01", "end": "2026-02-01"}], "phases[0].end"),
            ([{"free": True, "unit_price": "1"}], "phases[0].free"),
        ],
    )
    def test_phases_that_contradict_each_other_are_refused(
        self, document: Build, charge: Build, phases: list[dict[str, Any]], field: str
    ) -> None:
        with pytest.raises(InvalidTerms) as refused:
            load_terms(document(charge(phases=phases)))
        assert [path for path, _ in refused.value.problems] == [f"charges[0].{field}"]

    @pytest.mark.parametrize(
        ("terms", "issued", "due"),
        [
            ({"net_days": 0}, "2026-01-31", "2026-01-31"),
            ({"net_days": 30}, "2026-01-31", "2026-03-02"),
            ({"net_days": 15, "end_of_month": True}, "2026-01-10", "2026-02-15"),
            ({"day_of_month": 31}, "2026-01-10", "2026-02-28"),
            ({"day_of_month": 15, "months": 0}, "2026-01-10", "2026-01-15"),
            ({"day_of_month": 5, "months": 0}, "2026-01-10", "2026-02-05"),
        ],
    )
    def test_an_invoice_is_due_as_agreed(self, terms: dict[str, Any], issued: str, due: str) -> None:
        agreed = PaymentTerms.model_validate(terms)
        assert agreed.due_date(date.fromisoformat(issued)) == date.fromisoformat(due)
