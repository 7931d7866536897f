"""Reading usage events, and counting each of them once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integration_pipeline.billing.usage.events import InvalidEvents, distinct_events, load_events
from integration_pipeline_tests.billing.usage.builders import event


def _document(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": "e-1",
        "customer": "acme",
        "metric": "calls",
        "occurred_at": "2026-01-31T23:30:00+01:00",
        "received_at": "2026-02-01T00:00:00Z",
        "quantity": "2.5",
        **changes,
    }


def test_an_event_is_read_with_exact_quantity_and_instants_in_utc() -> None:
    (read,) = load_events([_document()])
    assert read.quantity == Decimal("2.5")
    assert read.occurred_at.isoformat() == "2026-01-31T22:30:00+00:00"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"occurred_at": "2026-01-31T23:30:00"}, r"\[1\] \(event 'e-2'\).occurred_at: has no UTC offset"),
        ({"quantity": 0.1}, r"quantity: a binary float"),
        ({"quantity": "1e999999"}, r"quantity: write a plain decimal"),
        ({"customer": ""}, r"customer: "),
        ({"colour": "red"}, r"colour: "),
        ({"properties": {"region": 7}}, r"properties.region: "),
    ],
)
def test_an_event_that_cannot_be_counted_is_refused_by_id_and_field(
    changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidEvents, match=problem):
        load_events([_document(), _document(event_id="e-2", **changes)])


def test_all_problems_of_all_events_are_told_at_once() -> None:
    with pytest.raises(InvalidEvents) as refused:
        load_events([_document(quantity=None), {}, _document(metric=3)])
    paths = [path.partition(" ")[0].partition(".")[0] for path, _ in refused.value.problems]
    assert sorted(set(paths)) == ["[0]", "[1]", "[2]"]


def test_an_event_reported_again_counts_once_from_when_it_was_first_received() -> None:
    again = [
        event("2026-01-05", 3, received="2026-01-09", event_id="a"),
        event("2026-01-05", 3, received="2026-01-06", event_id="a"),
        event("2026-01-05", 3, received="2026-01-12", event_id="a"),
    ]
    (once,) = distinct_events(again)
    assert once.received_at.day == 6


def test_reports_under_one_id_that_contradict_each_other_are_refused_naming_it() -> None:
    with pytest.raises(InvalidEvents, match=r"event 'a': was reported before with another quantity"):
        distinct_events([event("2026-01-05", 3, event_id="a"), event("2026-01-05", 4, event_id="a")])


def test_events_come_in_the_order_they_occurred_whatever_order_they_are_given_in() -> None:
    first, second, third = event("2026-01-01"), event("2026-01-02"), event("2026-01-03")
    assert distinct_events([third, first, second]) == (first, second, third)
