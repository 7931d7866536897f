"""What products report of their use, kept once and billed after its period."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from integration_pipeline.billing.usage.events import InvalidEvents, UsageEvent
from integration_pipeline.pipeline.usage import record_usage
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import DEAL, Portal

FEBRUARY = date(2026, 2, 1)


def metered(portal: Portal, deal: str = "1", **properties: str | None) -> None:
    """0.50 an API call, billed by the month, for the first half of 2026."""
    portal.line_item(
        f"{deal}1", quantity=None, price="0.50", recurringbillingfrequency="monthly", usage_metric="api_calls"
    )
    terms = {"contract_start_date": "2026-01-01", "contract_term_months": "6", "amount": None}
    portal.deal(deal, lines=[f"{deal}1"], closedate="2025-12-20T12:00:00Z")
    portal.change(DEAL, deal, **{**terms, **properties})


def event(number: int, quantity: str = "10", day: int = 10, **changes: object) -> UsageEvent:
    """Calls of the first deal on a day of January, known an hour later."""
    occurred = datetime(2026, 1, day, 12, tzinfo=UTC)
    return UsageEvent.model_validate(
        {
            "event_id": f"e{number}",
            "customer": "acme",
            "contract_id": "hubspot:1",
            "metric": "api_calls",
            "occurred_at": occurred,
            "received_at": occurred.replace(hour=13),
            "quantity": Decimal(quantity),
            **changes,
        }
    )


def billed(office: Office) -> list[tuple[str, int]]:
    rows = office.rows("SELECT * FROM billing.documents WHERE state = 'planned' ORDER BY issue_date")
    return [(row["issue_date"].isoformat(), row["total_minor"]) for row in rows]


def test_is_billed_after_its_period(office: Office, portal: Portal) -> None:
    metered(portal)
    record_usage(office.pipeline, [event(1), event(2, "5.5", day=31)])
    office.on(FEBRUARY).sync()

    assert billed(office) == [("2026-02-01", 775)]
    assert office.posted() == [("US-INV-000001", 775, "2026-02-01")]


def test_that_comes_in_plans_its_contract_anew_and_no_other(office: Office, portal: Portal) -> None:
    metered(portal)
    metered(portal, "2", dealname="Other")
    january = office.on(date(2026, 1, 15))
    january.sync()
    record_usage(office.pipeline, [event(1)])

    assert january.sync()["schedule"].counts == {"deals_scheduled": 1, "invoices_planned": 1}
    assert january.sync()["schedule"].counts == {}


def test_that_comes_after_the_invoice_is_made_good_by_the_next(office: Office, portal: Portal) -> None:
    metered(portal)
    record_usage(office.pipeline, [event(1)])
    office.on(FEBRUARY).sync()
    record_usage(office.pipeline, [event(2, received_at=datetime(2026, 2, 5, tzinfo=UTC))])
    counts = office.on(date(2026, 2, 5)).sync()["schedule"].counts

    assert counts == {"deals_scheduled": 1, "unchanged": 1, "invoices_planned": 1}
    assert billed(office) == [("2026-02-01", 500), ("2026-03-01", 500)]
    [line] = office.rows("SELECT * FROM billing.lines WHERE kind = 'adjustment'")
    assert line["amount_minor"] == 500


def test_counts_once_however_often_it_is_reported(office: Office) -> None:
    first = record_usage(office.pipeline, [event(1), event(1)])
    again = record_usage(office.pipeline, [event(1, quantity="10.0"), event(2)])

    assert first.counts == {"recorded": 1, "known": 0}
    assert again.counts == {"recorded": 1, "known": 1}
    assert office.value("SELECT sum(quantity) FROM billing.usage_events") == 20


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", Decimal(11)),
        ("metric", "logins"),
        ("contract_id", "hubspot:2"),
        ("properties", {"region": "eu"}),
    ],
)
def test_that_contradicts_an_earlier_report_is_refused_with_all_that_came_along(
    office: Office, field: str, value: object
) -> None:
    record_usage(office.pipeline, [event(1)])
    other = event(1).model_copy(update={field: value})

    with pytest.raises(InvalidEvents, match=f"event 'e1': was reported before with another {field}"):
        record_usage(office.pipeline, [event(2), other])
    assert office.value("SELECT count(*) FROM billing.usage_events") == 1


class TestWithoutAContract:
    def test_belongs_to_the_only_one_that_charges_for_it(self, office: Office, portal: Portal) -> None:
        metered(portal)
        portal.subscription("2")
        office.on(FEBRUARY).sync()
        customer = str(office.deal("1")["customer_id"])
        unnamed = event(1, contract_id=None, customer=customer)

        assert record_usage(office.pipeline, [unnamed]).counts["recorded"] == 1
        assert record_usage(office.pipeline, [unnamed]).counts["known"] == 1
        assert office.value("SELECT contract_id FROM billing.usage_events") == "hubspot:1"

    def test_is_refused_if_two_charge_for_it(self, office: Office, portal: Portal) -> None:
        metered(portal)
        metered(portal, "2", dealname="Other")
        office.on(FEBRUARY).sync()
        customer = str(office.deal("1")["customer_id"])

        with pytest.raises(
            InvalidEvents, match="event 'e1': hubspot:1, hubspot:2 all charge for 'api_calls'"
        ):
            record_usage(office.pipeline, [event(1, contract_id=None, customer=customer)])
        assert office.value("SELECT count(*) FROM billing.usage_events") == 0

    def test_is_refused_if_none_charges_for_it(self, office: Office, portal: Portal) -> None:
        metered(portal)
        office.on(FEBRUARY).sync()
        portal.change(DEAL, "1", dealstage="closedlost")
        office.on(FEBRUARY).sync()
        customer = str(office.deal("1")["customer_id"])

        with pytest.raises(InvalidEvents, match=f"no contract of customer '{customer}' charges for"):
            record_usage(office.pipeline, [event(1, contract_id=None, customer=customer)])
