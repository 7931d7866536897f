"""Minimums and maximums when the contract changes or usage comes late, from terms to lines."""

from __future__ import annotations

from typing import Any

from integration_pipeline.billing.invoices import LineKind, PlannedLine
from integration_pipeline.billing.schedule import UsageBook, build_schedule
from integration_pipeline.billing.terms import load_terms
from integration_pipeline.billing.usage.events import load_events

CONTRACT: dict[str, Any] = {
    "contract_id": "C-1",
    "customer": "acme",
    "entity": "us",
    "currency": "USD",
    "start": "2024-01-01",
    "term_months": 6,
    "payment_terms": {"net_days": 30},
}


def test_more_seats_give_back_what_the_minimum_no_longer_lacks() -> None:
    moved = _true_ups(40, {"minimum": "5000"}, seats_later=50)[1]
    assert moved.amount.format() == "-329.67 USD"
    assert moved.description == "Minimum: Seats"
    assert moved.explanation.formula == (
        "5,000 USD − 4,329.67 USD = 670.33 USD; less 1,000.00 USD billed before = -329.67 USD"
    )


def test_a_minimum_that_is_reached_later_is_given_back_whole() -> None:
    moved = _true_ups(40, {"minimum": "4100"}, seats_later=50)[1]
    assert moved.explanation.formula == (
        "4,329.67 USD is not below 4,100 USD: 0.00 USD − 100.00 USD billed before = -100.00 USD"
    )


def test_fewer_seats_take_back_what_exceeded_a_maximum_under_its_name() -> None:
    moved = _true_ups(80, {"maximum": "5000"}, seats_later=1)[1]
    assert (moved.description, moved.amount.format()) == ("Maximum: Seats", "2,604.40 USD")


def test_a_period_that_is_no_longer_served_says_so_of_its_minimum() -> None:
    ended = {"amendment_id": "A2", "effective": "2024-01-01", "booked": "2024-03-20"}
    changes = [{**ended, "changes": [{"change": "terminate"}]}]
    moved = _true_ups(40, {"minimum": "5000"}, amendments=changes)[1]
    assert moved.explanation.formula == (
        "the period is not served: 0.00 USD − 1,000.00 USD billed before = -1,000.00 USD"
    )


def test_late_usage_that_the_minimum_has_paid_for_bills_nothing() -> None:
    assert not _late(minimum="1000", late=300)


def test_late_usage_beyond_the_minimum_bills_only_what_exceeds_it() -> None:
    (line,) = _late(minimum="1000", late=900)
    assert line.amount.format() == "300.00 USD"
    assert line.explanation.formula.endswith(
        "difference 900.00 USD; the true-up of the period changes by -600.00 USD, which leaves 300.00 USD"
    )


def test_late_usage_under_a_maximum_bills_up_to_it() -> None:
    (line,) = _late(maximum="1000", late=900)
    assert line.amount.format() == "600.00 USD"


def _true_ups(
    seats: int,
    bound: dict[str, str],
    *,
    seats_later: int | None = None,
    amendments: list[dict[str, Any]] | None = None,
) -> list[PlannedLine]:
    """Seats at 100.00 a quarter; `seats_later` from 2 March, the last 30 days of the first quarter."""
    changed = [{"change": "quantity", "charge_id": "seats", "quantity": seats_later}]
    more = {"amendment_id": "A1", "effective": "2024-03-02", "changes": changed}
    charge = {
        "charge_id": "seats",
        "description": "Seats",
        "quantity": seats,
        "unit_price": "100.00",
        "frequency": "quarterly",
        **bound,
    }
    terms = load_terms(
        {**CONTRACT, "charges": [charge], "amendments": [more] if amendments is None else amendments}
    )
    return [line for line in build_schedule(terms).lines if line.kind is LineKind.TRUE_UP]


def _late(*, late: int, **bound: str) -> list[PlannedLine]:
    """400 calls at 1.00 known in time, `late` more of them received after the first quarter's invoice."""
    charge = {
        "charge_id": "api",
        "description": "API calls",
        "metric": {"metric": "calls"},
        "unit_price": "1.00",
        "frequency": "quarterly",
        **bound,
    }
    events = load_events(
        {
            "event_id": f"e-{received}",
            "customer": "acme",
            "metric": "calls",
            "occurred_at": "2024-02-01T12:00Z",
            "received_at": received,
            "quantity": quantity,
        }
        for received, quantity in (("2024-02-01T12:00Z", 400), ("2024-04-20T12:00Z", late))
    )
    schedule = build_schedule(load_terms({**CONTRACT, "charges": [charge]}), usage=UsageBook(events, "UTC"))
    return [line for line in schedule.lines if line.kind is LineKind.ADJUSTMENT]
