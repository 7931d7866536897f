"""Usage that becomes known after its period was invoiced."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.usage.aggregation import aggregate_periods
from integration_pipeline.billing.usage.events import UsageEvent
from integration_pipeline.billing.usage.late import InvoicedUsage, invoiced_usage
from integration_pipeline.billing.usage.metrics import Metric
from integration_pipeline_tests.billing.usage.builders import event, instant

_PERIODS = [
    Period(date(2026, 1, 1), date(2026, 2, 1)),
    Period(date(2026, 2, 1), date(2026, 3, 1)),
    Period(date(2026, 3, 1), date(2026, 4, 1)),
]
_CUTOFFS = [instant("2026-02-02"), instant("2026-03-02"), instant("2026-04-02"), instant("2026-05-02")]
_CALLS = Metric(metric="calls")


def _invoices(events: list[UsageEvent], metric: Metric = _CALLS) -> tuple[InvoicedUsage, ...]:
    return invoiced_usage(metric, events, _PERIODS, _CUTOFFS, "UTC")


def test_an_event_that_comes_in_time_is_on_the_invoice_of_its_period() -> None:
    first, *others = _invoices([event("2026-01-31", 5, received="2026-02-01T23:59")])
    assert first.current is not None
    assert first.current.quantity == 5
    assert not any(invoice.late for invoice in others)


def test_an_event_that_comes_at_the_very_cut_off_is_late() -> None:
    january, february, *_ = _invoices([event("2026-01-31", 5, received="2026-02-02")])
    assert january.current is not None
    assert january.current.quantity == 0
    assert [late.change for late in february.late] == [5]


def test_an_event_that_comes_late_is_made_good_by_the_next_invoice_after_it_was_received() -> None:
    events = [
        event("2026-01-10", 100),
        event("2026-01-31", 20, received="2026-03-05"),
        event("2026-02-10", 7),
    ]
    january, february, march, _ = _invoices(events)
    assert (january.late, february.late) == ((), ())
    (adjustment,) = march.late
    assert adjustment.period == _PERIODS[0]
    assert (adjustment.before.quantity, adjustment.now.quantity, adjustment.change) == (100, 120, 20)
    assert adjustment.formula == "sum of 2 events = 120; invoiced before: sum of 1 event = 100"


def test_units_taken_back_late_are_a_negative_adjustment() -> None:
    late = _invoices([event("2026-01-10", 100), event("2026-01-11", -30, received="2026-02-20")])[1].late
    assert [adjustment.change for adjustment in late] == [-30]


def test_a_change_of_a_running_level_that_comes_late_changes_every_period_since() -> None:
    events = [event("2026-01-10", 10), event("2026-01-20", 5, received="2026-03-15")]
    march = _invoices(events, Metric(metric="calls", recurring=True))[2]
    assert march.current is not None
    assert march.current.quantity == 15
    assert [(str(late.period.start), late.change) for late in march.late] == [
        ("2026-01-01", 5),
        ("2026-02-01", 5),
    ]


def test_an_invoice_beyond_the_last_period_makes_good_what_came_after_all_others() -> None:
    last = _invoices([event("2026-03-31", 4, received="2026-04-20")])[3]
    assert last.current is None
    assert [late.change for late in last.late] == [4]


@pytest.mark.parametrize("cutoffs", [_CUTOFFS[:2], _CUTOFFS[::-1]])
def test_cut_offs_that_are_too_few_or_fall_are_refused(cutoffs: list[object]) -> None:
    with pytest.raises(ValueError, match="cut-offs"):
        invoiced_usage(_CALLS, [], _PERIODS, cutoffs, "UTC")  # pyright: ignore[reportArgumentType] - instants


_EVENTS = st.lists(
    st.tuples(st.integers(0, 89), st.integers(-20, 60), st.integers(0, 60)), min_size=1, max_size=12
).map(
    lambda drawn: [
        event(
            f"{date(2026, 1, 1) + timedelta(days=day)}",
            quantity,
            received=f"{date(2026, 1, 1) + timedelta(days=day + delay)}",
            event_id=str(index),
        )
        for index, (day, quantity, delay) in enumerate(drawn)
    ]
)


@settings(max_examples=60, deadline=None)
@given(events=_EVENTS, recurring=st.booleans())
def test_invoices_made_day_by_day_are_those_made_at_once(events: list[UsageEvent], recurring: bool) -> None:
    metric = Metric(metric="calls", recurring=recurring)
    at_once = _invoices(events, metric)
    for index, cutoff in enumerate(_CUTOFFS):
        known_then = [each for each in events if each.received_at < cutoff]
        assert _invoices(known_then, metric)[index] == at_once[index]


@settings(max_examples=60, deadline=None)
@given(events=_EVENTS, recurring=st.booleans())
def test_what_all_invoices_bill_of_a_period_is_what_was_known_of_it_at_the_last(
    events: list[UsageEvent], recurring: bool
) -> None:
    metric = Metric(metric="calls", recurring=recurring)
    invoices = _invoices(events, metric)
    billed = {period: Fraction(0) for period in _PERIODS}
    for invoice in invoices:
        if invoice.current is not None:
            billed[invoice.current.period] += invoice.current.quantity
        for late in invoice.late:
            billed[late.period] += late.change
    known = [each for each in events if each.received_at < _CUTOFFS[-1]]
    final = aggregate_periods(metric, known, _PERIODS, "UTC")
    assert billed == {result.period: result.quantity for result in final}
