"""Month-end releases of what invoices deferred, and the proof that they tie."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period, add_months
from integration_pipeline.billing.policies import (
    DEFAULT,
    ArrearsRevenue,
    ClosedPeriod,
    Policies,
    RevenueGranularity,
    RevenueSplit,
)
from integration_pipeline.billing.revenue.reconciliation import reconcile
from integration_pipeline.billing.revenue.releases import (
    Booked,
    Books,
    ClosedMonths,
    RevenueLine,
    release_entries,
    revenue_lines,
)
from integration_pipeline.billing.schedule import build_schedule
from integration_pipeline.billing.terms import load_terms

_QUARTER = Period(date(2026, 1, 1), date(2026, 4, 1))
_MONTH_ENDS = [add_months(date(2026, 1, 1), count) - timedelta(days=1) for count in range(1, 13)]
_REFUSE = replace(DEFAULT, closed_period=ClosedPeriod.REFUSE)
_AS_SERVED = replace(DEFAULT, arrears_revenue=ArrearsRevenue.AS_SERVED)


def _line(
    minor: int = 9000,
    issued: date = _QUARTER.start,
    treatment: RevenueTreatment = RevenueTreatment.DEFERRED,
    period: Period | None = _QUARTER,
    key: str = "line",
    reverses: str | None = None,
) -> RevenueLine:
    return RevenueLine(key, Money(minor, "USD"), issued, treatment, period, reverses)


def _released(lines: list[RevenueLine], policies: Policies = DEFAULT, months: int = 4) -> list[list[int]]:
    """Revenue released in each month, summed over lines."""
    return [
        [entry.moved.revenue for entry in release_entries(lines, month_end, policies)]
        for month_end in _MONTH_ENDS[:months]
    ]


def _period(start: date, days: int) -> Period:
    return Period(start, start + timedelta(days=days))


def _policies(granularity: RevenueGranularity, split: RevenueSplit, arrears: ArrearsRevenue) -> Policies:
    return replace(DEFAULT, revenue=granularity, revenue_split=split, arrears_revenue=arrears)


_PERIODS = st.builds(_period, st.dates(date(2026, 1, 1), date(2026, 6, 30)), st.integers(1, 180))
_LINES = st.builds(
    _line,
    st.integers(-(10**6), 10**6),
    st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    st.sampled_from(RevenueTreatment),
    st.none() | _PERIODS,
)
_POLICIES = st.builds(
    _policies,
    st.sampled_from(RevenueGranularity),
    st.sampled_from(RevenueSplit),
    st.sampled_from(ArrearsRevenue),
)


def _with_keys(lines: list[RevenueLine]) -> list[RevenueLine]:
    return [replace(line, key=str(place)) for place, line in enumerate(lines)]


@given(lines=st.lists(_LINES, min_size=1, max_size=6).map(_with_keys), policies=_POLICIES)
def test_recognized_plus_deferred_is_billed_at_every_month_end_and_nothing_stays_deferred(
    lines: list[RevenueLine], policies: Policies
) -> None:
    entries = [entry for each in _MONTH_ENDS for entry in release_entries(lines, each, policies)]
    assert not any(sum(line.amount.minor for line in entry.lines) for entry in entries)
    for month_end in _MONTH_ENDS:
        books = reconcile(lines, entries, month_end + timedelta(days=1), policies)["USD"]
        assert not books.difference
        assert not books.unreleased
    books = reconcile(lines, entries, date(2027, 1, 1), policies)["USD"]
    assert not books.deferred
    assert not books.contract_asset
    assert books.recognized == books.billed == Money(sum(line.amount.minor for line in lines), "USD")


@given(
    lines=st.lists(_LINES, min_size=1, max_size=4).map(_with_keys),
    policies=_POLICIES,
    runs=st.sets(st.sampled_from(_MONTH_ENDS)),
)
def test_however_rarely_a_ledger_is_released_it_ends_where_every_month_would_have_led(
    lines: list[RevenueLine], policies: Policies, runs: set[date]
) -> None:
    sums: dict[str, Booked] = defaultdict(Booked)
    for month_end in sorted(runs | {_MONTH_ENDS[-1]}):
        for entry in release_entries(lines, month_end, policies, Books(dict(sums), _QUARTER.start)):
            sums[entry.key] += entry.moved
        assert release_entries(lines, month_end, policies, Books(dict(sums), _QUARTER.start)) == ()
    monthly: dict[str, Booked] = defaultdict(Booked)
    for month_end in _MONTH_ENDS:
        for entry in release_entries(lines, month_end, policies):
            monthly[entry.key] += entry.moved
    nothing = Booked()
    assert {key: each for key, each in sums.items() if each != nothing} == {
        key: each for key, each in monthly.items() if each != nothing
    }


@given(minor=st.integers(1, 10**6), kept=st.integers(1, 89), policies=_POLICIES)
def test_a_credit_of_all_that_remains_leaves_exactly_nothing_in_every_later_month(
    minor: int, kept: int, policies: Policies
) -> None:
    cancelled = _QUARTER.start + timedelta(days=kept)
    paid = _line(minor)
    remaining = release_until(paid, cancelled, policies)
    credit = _line(
        remaining - minor, cancelled, period=Period(cancelled, _QUARTER.end), key="credit", reverses="line"
    )
    lines = [paid, credit]
    for month_end in _MONTH_ENDS:
        if month_end < cancelled:
            continue
        entries = [
            entry
            for day in _MONTH_ENDS
            if day <= month_end
            for entry in release_entries(lines, day, policies)
        ]
        books = reconcile(lines, entries, month_end + timedelta(days=1), policies)["USD"]
        assert books.recognized.minor == remaining
        assert not books.deferred


def release_until(line: RevenueLine, day: date, policies: Policies) -> int:
    """What a line's service has earned before a day."""
    return reconcile([line], [], day, policies)["USD"].due.minor


class TestRelease:
    def test_a_line_in_advance_is_released_by_its_days(self) -> None:
        assert _released([_line()]) == [[3100], [2800], [3100], []]

    def test_a_release_debits_deferred_revenue_and_credits_revenue(self) -> None:
        (entry,) = release_entries([_line()], _MONTH_ENDS[1], DEFAULT)
        assert [(line.label, line.magnitude.minor) for line in entry.lines] == [
            ("Dr contract liability", 2800),
            ("Cr revenue", 2800),
        ]
        assert entry.formula == (
            "90.00 USD over 2026-01-01..2026-04-01, 59.00 USD earned until 2026-02-28: 28.00 USD released"
        )

    def test_an_invoice_that_comes_late_releases_the_days_that_are_over(self) -> None:
        assert _released([_line(issued=date(2026, 2, 1))]) == [[], [5900], [3100], []]

    def test_a_line_without_service_period_is_revenue_on_invoice(self) -> None:
        assert _released([_line(period=None, treatment=RevenueTreatment.ON_INVOICE)], months=2) == [[], []]

    def test_a_line_in_arrears_is_revenue_on_invoice_unless_it_is_earned_as_served(self) -> None:
        arrears = _line(issued=_QUARTER.end, treatment=RevenueTreatment.ON_INVOICE)
        assert _released([arrears]) == [[], [], [], []]
        assert _released([arrears], _AS_SERVED) == [[3100], [2800], [3100], [-9000]]

    def test_what_is_served_before_its_invoice_is_a_contract_asset_that_the_invoice_clears(self) -> None:
        arrears = _line(issued=_QUARTER.end, treatment=RevenueTreatment.ON_INVOICE)
        labels = [
            [line.label for line in entry.lines]
            for month_end in (_MONTH_ENDS[0], _MONTH_ENDS[3])
            for entry in release_entries([arrears], month_end, _AS_SERVED)
        ]
        assert labels == [["Dr contract asset", "Cr revenue"], ["Dr revenue", "Cr contract asset"]]

    def test_a_day_within_a_month_is_no_period_end(self) -> None:
        with pytest.raises(InvalidTerms, match="month_end: 2026-02-27 is not the last day of a month"):
            release_entries([_line()], date(2026, 2, 27), DEFAULT)

    def test_a_key_for_two_lines_is_refused(self) -> None:
        with pytest.raises(InvalidTerms, match="'line' names two lines"):
            release_entries([_line(), _line()], _MONTH_ENDS[0], DEFAULT)

    def test_a_credit_of_an_unknown_line_is_refused(self) -> None:
        with pytest.raises(InvalidTerms, match="'gone', which 'line' takes back, is not among the lines"):
            release_entries([_line(-5, reverses="gone")], _MONTH_ENDS[0], DEFAULT)

    def test_a_line_that_takes_itself_back_by_way_of_another(self) -> None:
        lines = [_line(reverses="credit"), _line(-9000, key="credit", reverses="line")]
        with pytest.raises(InvalidTerms, match="'line' takes itself back"):
            release_entries(lines, _MONTH_ENDS[0], DEFAULT)


@given(minor=st.integers(1, 10_000), days=st.integers(1, 89), shift=st.integers(-1, 1))
def test_a_credit_that_is_itself_taken_back_in_full_leaves_nothing_in_any_month(
    minor: int, days: int, shift: int
) -> None:
    rest = _period(_QUARTER.start + timedelta(days=days), 90 - days)
    credit = _line(-minor * (90 - days) // 90 + shift, rest.start, period=rest, key="credit", reverses="line")
    back = replace(credit, key="back", amount=-credit.amount, reverses="credit")
    for month_end in _MONTH_ENDS[:4]:
        entries = release_entries([_line(minor), credit, back], month_end, DEFAULT)
        moved = {entry.key: entry.moved.revenue for entry in entries}
        assert moved.get("credit", 0) + moved.get("back", 0) == 0


class TestLinesOfASchedule:
    _TERMS = load_terms(
        {
            "contract_id": "C-1",
            "customer": "acme",
            "entity": "us",
            "currency": "USD",
            "start": "2026-01-01",
            "term_months": 12,
            "payment_terms": {"net_days": 30},
            "charges": [
                {
                    "charge_id": "seats",
                    "description": "Seats",
                    "quantity": "3",
                    "unit_price": "120.01",
                    "frequency": "annual",
                }
            ],
            "amendments": [
                {
                    "amendment_id": "more",
                    "effective": "2026-05-20",
                    "changes": [{"change": "quantity", "charge_id": "seats", "quantity": "5"}],
                },
                {
                    "amendment_id": "gone",
                    "effective": "2026-08-10",
                    "changes": [{"change": "remove", "charge_id": "seats"}],
                },
            ],
        }
    )

    def test_a_credit_reverses_the_line_that_last_charged_its_days(self) -> None:
        lines = revenue_lines(build_schedule(self._TERMS).invoices)
        assert [(line.key, line.reverses) for line in lines if line.amount.minor < 0] == [
            ("2026-05-20/0/seats", "2026-01-01/0/seats"),
            ("2026-08-10/0/seats", "2026-05-20/1/seats"),
        ]

    def test_a_removed_charge_leaves_nothing_deferred_from_its_last_month_on(self) -> None:
        # The credit was cut from the whole year, its line from the amendment on: they differ by a cent.
        lines = revenue_lines(build_schedule(self._TERMS).invoices)
        entries = [entry for each in _MONTH_ENDS for entry in release_entries(lines, each, DEFAULT)]
        for month_end in _MONTH_ENDS[7:]:
            books = reconcile(lines, entries, month_end + timedelta(days=1), DEFAULT)["USD"]
            assert not books.deferred
            assert books.recognized == books.billed


class TestClosedMonths:
    _LATE = _line(issued=date(2026, 2, 10))
    _FEBRUARY_OPEN = Books({}, date(2026, 2, 1))

    def test_revenue_of_a_closed_month_is_caught_up_in_the_first_open_one(self) -> None:
        (entry,) = release_entries([self._LATE], _MONTH_ENDS[1], DEFAULT, self._FEBRUARY_OPEN)
        assert entry.moved.revenue == 5900
        assert entry.catch_up == Money(3100, "USD")
        assert entry.formula.endswith("59.00 USD released, of it 31.00 USD for closed months")

    def test_nothing_is_booked_in_a_closed_month(self) -> None:
        assert release_entries([_line()], _MONTH_ENDS[0], DEFAULT, self._FEBRUARY_OPEN) == ()

    def test_revenue_of_a_closed_month_may_be_refused(self) -> None:
        with pytest.raises(ClosedMonths, match=r"line line: 31.00 USD of revenue belongs to months before"):
            release_entries([self._LATE], _MONTH_ENDS[1], _REFUSE, self._FEBRUARY_OPEN)

    def test_a_closed_month_that_was_released_in_time_refuses_nothing(self) -> None:
        books = Books({"line": Booked(3100, -3100)}, date(2026, 2, 1))
        (entry,) = release_entries([_line()], _MONTH_ENDS[1], _REFUSE, books)
        assert entry.moved.revenue == 2800
        assert release_entries([_line()], _MONTH_ENDS[0], _REFUSE, books) == ()

    def test_a_credit_that_takes_back_closed_revenue_is_caught_up_too(self) -> None:
        credit = _line(-9000, date(2026, 2, 10))
        (entry,) = release_entries([credit], _MONTH_ENDS[1], DEFAULT, self._FEBRUARY_OPEN)
        assert entry.catch_up == Money(-3100, "USD")


class TestReconciliation:
    def test_a_missing_release_shows_as_revenue_that_is_due(self) -> None:
        books = reconcile([_line()], [], date(2026, 2, 1), DEFAULT)["USD"]
        assert books.unreleased == Money(3100, "USD")
        assert books.deferred == Money(9000, "USD")
        assert not books.difference

    def test_an_entry_that_does_not_balance_shows_as_a_difference(self) -> None:
        (entry,) = release_entries([_line()], _MONTH_ENDS[0], DEFAULT)
        wrong = replace(entry, moved=Booked(3100, -3000))
        books = reconcile([_line()], [wrong], date(2026, 2, 1), DEFAULT)["USD"]
        assert books.difference == Money(100, "USD")
        assert books.formula == (
            "recognized 31.00 USD + deferred 60.00 USD − contract asset 0.00 USD = billed 90.00 USD "
            "+ difference 1.00 USD"
        )

    def test_currencies_are_reconciled_apart(self) -> None:
        yen = replace(_line(key="yen"), amount=Money(90, "JPY"))
        books = reconcile([_line(), yen], [], _QUARTER.end, DEFAULT)
        assert {currency: each.due.minor for currency, each in books.items()} == {"USD": 9000, "JPY": 90}
