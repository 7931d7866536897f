"""Metered charges on a schedule: included and prepaid units, discounts, late usage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from integration_pipeline.billing.invoices import LineKind
from integration_pipeline.billing.schedule import BillingSchedule, UsageBook, build_schedule
from integration_pipeline.billing.terms import load_terms
from integration_pipeline.billing.usage.events import UsageEvent

Build = Callable[..., dict[str, Any]]


def _used(*days: tuple[str, int]) -> UsageBook:
    """Calls on days at noon, UTC; `2026-01-20>2026-03-05` came in on the second day."""
    events: list[UsageEvent] = []
    for number, (day, quantity) in enumerate(days):
        occurred, _, received = day.partition(">")
        noon = [
            datetime.fromisoformat(f"{each}T12:00").replace(tzinfo=UTC)
            for each in (occurred, received)
            if each
        ]
        events.append(
            UsageEvent(
                event_id=f"E{number}",
                customer="acme",
                metric="calls",
                occurred_at=noon[0],
                received_at=noon[-1],
                quantity=Decimal(quantity),
            )
        )
    return UsageBook(events, "UTC")


def _calls(charge: Build, **changes: Any) -> dict[str, Any]:
    values = {"unit_price": "2.00", "metric": {"metric": "calls"}, "unit": None, "quantity": "1", **changes}
    return charge(charge_id="calls", description="Calls", **values)


def _amounts(schedule: BillingSchedule) -> list[tuple[str, int, str]]:
    return [
        (str(invoice.issue_date), line.amount.minor, line.explanation.formula)
        for invoice in schedule.invoices
        for line in invoice.lines
    ]


def test_usage_is_billed_after_each_period(document: Build, charge: Build) -> None:
    terms = load_terms(document(_calls(charge), term_months=3))
    usage = _used(("2026-01-20", 10), ("2026-01-31", 5), ("2026-03-01", 7))
    assert _amounts(build_schedule(terms, usage=usage)) == [
        ("2026-02-01", 3000, "15 × 2.00 USD = 30.00 USD"),
        ("2026-04-01", 1400, "7 × 2.00 USD = 14.00 USD"),
    ]


def test_a_stub_includes_its_share_of_the_units_of_a_period(document: Build, charge: Build) -> None:
    price = {"model": "per_unit", "unit_price": "2.00", "included_quantity": "20"}
    calls = _calls(charge, unit_price=None, price=price)
    terms = load_terms(document(calls, start="2026-02-15", term_months=1, anchor={"kind": "calendar"}))
    usage = _used(("2026-02-20", 12), ("2026-03-05", 12))
    first, second = _amounts(build_schedule(terms, usage=usage))
    assert first == (
        "2026-03-01",
        400,
        "2 × 2.00 USD (12 used − 10 of 10 included (20 × 14/28) = 2) = 4.00 USD",
    )
    # 20 × 14/31 included, and 12 − 280/31 = 92/31 left to pay.
    assert second[:2] == ("2026-03-15", 594)


def test_prepaid_units_are_used_up_in_the_order_of_service(document: Build, charge: Build) -> None:
    terms = load_terms(document(_calls(charge, prepaid_quantity="25"), term_months=3))
    usage = _used(("2026-01-20", 20), ("2026-02-20", 20), ("2026-03-20", 20))
    assert [amount for _, amount, _ in _amounts(build_schedule(terms, usage=usage))] == [3000, 4000]


def test_a_discount_on_usage_ends_when_it_says(document: Build, charge: Build) -> None:
    terms = load_terms(
        document(_calls(charge, discounts=[{"percent": "50", "first_periods": 1}]), term_months=2)
    )
    usage = _used(("2026-01-20", 10), ("2026-02-20", 10))
    assert [amount for _, amount, _ in _amounts(build_schedule(terms, usage=usage))] == [1000, 2000]


def test_late_usage_is_billed_with_the_next_invoice_as_a_difference(document: Build, charge: Build) -> None:
    tiers = [{"up_to": "10", "unit_price": "10"}, {"up_to": None, "unit_price": "5"}]
    calls = _calls(charge, unit_price=None, price={"model": "volume", "tiers": tiers})
    terms = load_terms(document(calls, term_months=2))
    usage = _used(("2026-01-20", 10), ("2026-01-21>2026-02-15", 1), ("2026-02-20", 2))
    schedule = build_schedule(terms, usage=usage)
    assert [(line.kind, line.amount.minor) for line in schedule.lines] == [
        (LineKind.CHARGE, 10000),
        (LineKind.CHARGE, 2000),
        # Eleven units fall into the cheaper tier: 55.00 in place of the 100.00 that were billed.
        (LineKind.ADJUSTMENT, -4500),
    ]
    assert str(schedule.lines[2].service_period) == "2026-01-01..2026-02-01"


def test_usage_that_came_after_the_last_invoice_is_made_good_once_more(
    document: Build, charge: Build
) -> None:
    terms = load_terms(document(_calls(charge), term_months=1))
    usage = _used(("2026-01-20", 10), ("2026-01-21>2026-04-10", 3))
    schedule = build_schedule(terms, usage=usage)
    assert [(line.kind, line.amount.minor) for line in schedule.lines] == [
        (LineKind.CHARGE, 2000),
        (LineKind.ADJUSTMENT, 600),
    ]
    assert schedule.invoices[-1].issue_date.isoformat() > "2026-04-10"


def test_corrections_that_take_back_more_than_was_used_come_to_nothing(
    document: Build, charge: Build
) -> None:
    terms = load_terms(document(_calls(charge), term_months=1))
    assert not build_schedule(terms, usage=_used(("2026-01-20", 10), ("2026-01-21", -30))).invoices
