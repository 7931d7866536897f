"""Contract balances and journal entries, which tell the same story from the same events."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import DEFAULT
from integration_pipeline.billing.revenue.balances import contract_balances
from integration_pipeline.billing.revenue.entries import ContractAccount, contract_entries
from integration_pipeline.billing.revenue.events import ContractEvent, EventKind, revenue_events
from integration_pipeline.billing.revenue.recognition import OverTimePlan


def _event(day: str, kind: EventKind, units: int, obligation: str | None = None) -> ContractEvent:
    return ContractEvent(date.fromisoformat(day), kind, Money(units * 100, "USD"), obligation)


def _labels(events: list[ContractEvent]) -> list[list[tuple[str, str]]]:
    return [
        [(line.label, line.magnitude.format()) for line in entry.lines] for entry in contract_entries(events)
    ]


_EVENTS = st.lists(
    st.builds(
        ContractEvent,
        st.dates(date(2026, 1, 1), date(2026, 6, 30)),
        st.sampled_from(EventKind),
        st.builds(Money, st.integers(-(10**6), 10**6), st.just("USD")),
        st.sampled_from([None, "seats", "support"]),
    ),
    min_size=1,
    max_size=12,
)


@given(_EVENTS)
def test_entries_balance_and_their_sums_are_the_balances_of_the_last_month(
    events: list[ContractEvent],
) -> None:
    sums = dict.fromkeys(ContractAccount, 0)
    for entry in contract_entries(events):
        assert sum(line.amount.minor for line in entry.lines) == 0
        for line in entry.lines:
            sums[line.account] += line.amount.minor
    rows = contract_balances(events)
    last = rows[-1]
    assert sums[ContractAccount.BILLED_RECEIVABLE] == last.billed_receivable.minor
    assert sums[ContractAccount.UNBILLED_RECEIVABLE] == last.unbilled_receivable.minor
    assert sums[ContractAccount.CONTRACT_ASSET] == last.contract_asset.minor
    assert sums[ContractAccount.CONTRACT_LIABILITY] == -last.contract_liability.minor
    assert sums[ContractAccount.REVENUE] == -sum(row.revenue.minor for row in rows)


@given(_EVENTS)
def test_a_contract_is_never_an_asset_and_a_liability_at_once(events: list[ContractEvent]) -> None:
    for row in contract_balances(events):
        assert not (row.contract_asset and row.contract_liability)
        assert row.contract_asset.minor >= 0 <= row.contract_liability.minor


def test_billed_in_advance_is_a_liability_that_revenue_uses_up() -> None:
    quarter = Period(date(2026, 1, 1), date(2026, 4, 1))
    plan = OverTimePlan(Money(9000, "USD"), quarter, DEFAULT)
    rows = contract_balances([_event("2026-01-01", EventKind.BILLING, 90), *revenue_events(plan)])
    assert [(row.revenue.minor, row.contract_liability.minor) for row in rows] == [
        (3100, 5900),
        (2800, 3100),
        (3100, 0),
    ]
    assert [row.contract_liability_change.minor for row in rows] == [5900, -2800, -3100]
    assert [row.billed_receivable.minor for row in rows] == [9000] * 3


def test_a_right_that_is_not_invoiced_yet_is_an_unbilled_receivable() -> None:
    events = [_event("2026-01-31", EventKind.RIGHT, 10), _event("2026-03-01", EventKind.INVOICE, 10)]
    rows = contract_balances(events)
    assert [row.unbilled_receivable.minor for row in rows] == [1000, 1000, 0]
    assert [row.billed_receivable.minor for row in rows] == [0, 0, 1000]


def test_nothing_happened_to_a_contract_without_events() -> None:
    assert contract_balances([]) == ()
    assert contract_entries([]) == ()


def test_revenue_uses_up_the_liability_before_it_builds_an_asset() -> None:
    events = [
        _event("2026-01-01", EventKind.BILLING, 30),
        _event("2026-01-31", EventKind.REVENUE, 40, "seats"),
        _event("2026-01-31", EventKind.REVENUE, 10, "support"),
    ]
    assert _labels(events)[1] == [
        ("Dr contract liability", "30.00 USD"),
        ("Dr contract asset", "20.00 USD"),
        ("Cr revenue seats", "40.00 USD"),
        ("Cr revenue support", "10.00 USD"),
    ]


def test_revenue_taken_back_clears_the_asset_before_it_builds_a_liability() -> None:
    events = [
        _event("2026-01-31", EventKind.REVENUE, 30),
        _event("2026-02-01", EventKind.BILLING, 10),
        _event("2026-02-28", EventKind.REVENUE, -25),
    ]
    assert _labels(events)[2] == [
        ("Dr revenue", "25.00 USD"),
        ("Cr contract asset", "20.00 USD"),
        ("Cr contract liability", "5.00 USD"),
    ]


def test_a_right_clears_the_asset_before_it_builds_a_liability() -> None:
    events = [_event("2026-01-31", EventKind.REVENUE, 30), _event("2026-02-10", EventKind.RIGHT, 50)]
    assert _labels(events)[1] == [
        ("Dr unbilled AR", "50.00 USD"),
        ("Cr contract asset", "30.00 USD"),
        ("Cr contract liability", "20.00 USD"),
    ]


def test_events_of_one_day_are_booked_as_revenue_right_invoice_cash() -> None:
    kinds = [EventKind.CASH, EventKind.INVOICE, EventKind.RIGHT, EventKind.REVENUE]
    entries = contract_entries([_event("2026-01-31", kind, 10) for kind in kinds])
    assert [entry.kind for entry in entries] == kinds[::-1]


def test_an_invoice_at_once_with_its_right_passes_no_unbilled_receivable() -> None:
    assert _labels([_event("2026-01-01", EventKind.BILLING, 5)]) == [
        [("Dr billed AR", "5.00 USD"), ("Cr contract liability", "5.00 USD")]
    ]
