"""Contracts that nothing ends are planned a year ahead, month by month."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.schedule import schedule
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline_tests.pipeline.conftest import Office, registered
from integration_pipeline_tests.pipeline.portal import Portal

JANUARY = date(2026, 1, 15)


def evergreen(portal: Portal, frequency: str = "monthly") -> None:
    """100.00 a period from 2026 on."""
    portal.line_item("11", quantity="1", price="100.00", recurringbillingfrequency=frequency)
    portal.deal(
        "1",
        lines=["11"],
        closedate="2025-12-20T12:00:00Z",
        amount=None,
        contract_start_date="2026-01-01",
        contract_renewal="Evergreen",
    )


def months(office: Office) -> list[str]:
    rows = office.rows("SELECT * FROM billing.documents WHERE state = 'planned' ORDER BY issue_date")
    return [row["issue_date"].isoformat()[:7] for row in rows]


def test_are_planned_thirteen_months_ahead(office: Office, portal: Portal) -> None:
    evergreen(portal)
    office.on(JANUARY).sync()

    assert months(office) == [*(f"2026-{month:02}" for month in range(1, 13)), "2027-01"]
    assert office.value("SELECT planned_until FROM billing.schedule_heads") == date(2027, 2, 1)


def test_are_planned_further_when_a_month_has_gone_by(office: Office, portal: Portal) -> None:
    evergreen(portal)
    office.on(JANUARY).sync()
    assert office.on(date(2026, 1, 31)).sync()["schedule"].counts == {}

    report = office.on(date(2026, 2, 1)).sync()["schedule"]

    assert report.counts == {"deals_scheduled": 1, "unchanged": 13, "invoices_planned": 1}
    assert months(office)[-1] == "2027-02"
    assert office.on(date(2026, 2, 1)).sync()["schedule"].counts == {}


def test_bill_a_period_whole_that_the_horizon_cuts(office: Office, portal: Portal) -> None:
    evergreen(portal, "annually")
    for month in range(1, 4):
        office.on(date(2026, month, 1)).sync()

    rows = office.rows("SELECT * FROM billing.documents ORDER BY issue_date, id")
    assert [(row["issue_date"].year, row["total_minor"]) for row in rows] == [(2026, 10_000), (2027, 10_000)]


def test_that_renew_are_planned_up_to_the_horizon_with_their_uplift(office: Office, portal: Portal) -> None:
    portal.subscription("1", contract_renewal="Renews automatically", renewal_uplift_percent="10")
    office.on(JANUARY).sync()

    rows = office.rows("SELECT * FROM billing.documents ORDER BY issue_date")
    assert [row["total_minor"] for row in rows] == [10_000] * 6 + [11_000] * 6 + [12_100]


def test_look_as_far_ahead_as_the_rule_set_says(pipeline: Pipeline, portal: Portal) -> None:
    evergreen(portal)
    rules = pipeline.rules.model_copy(update={"horizon_months": 2})
    office = Office(registered(replace(pipeline, rules=rules, as_of=JANUARY)), portal)
    office.sync()

    assert months(office) == ["2026-01", "2026-02"]


def test_that_end_are_planned_to_their_end_at_once(office: Office, portal: Portal) -> None:
    portal.subscription("1", contract_term_months="36")
    office.on(JANUARY).sync()

    assert len(months(office)) == 36
    assert schedule(office.on(date(2026, 12, 1)).pipeline, Scope.everything()).counts == {}
