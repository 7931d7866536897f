"""Figures by month: what contracts invoice, collect and earn, and that it ties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.policies import DEFAULT, PROFILES, ArrearsRevenue, Correction, Policies
from integration_pipeline.billing.revenue.recognition import recognize
from integration_pipeline.billing.schedule import UsageBook, build_schedule
from integration_pipeline.billing.terms import ContractTerms, load_terms
from integration_pipeline.billing.usage.events import load_events
from integration_pipeline.billing.versions import versions_of
from integration_pipeline.simulation.figures import (
    CurrencyFigures,
    MonthFigures,
    Simulation,
    horizon_of,
    simulate,
)

VAT = {"rates": [{"name": "VAT", "percent": "19"}]}


def contract(
    price: str = "365.00", *, charge: Mapping[str, Any] | None = None, **changes: Any
) -> ContractTerms:
    """A year of 2026 for `price`, invoiced in advance and due after 30 days."""
    of_charge = {"charge_id": "seats", "description": "Seats", "unit_price": price, "frequency": "annual"}
    return load_terms(
        {
            "contract_id": "C-1",
            "customer": "acme",
            "entity": "us",
            "currency": "USD",
            "start": "2026-01-01",
            "term_months": 12,
            "payment_terms": {"net_days": 30},
            "charges": [{**of_charge, **(charge or {})}],
            **changes,
        }
    )


def figures(
    *contracts: ContractTerms, until: date = date(2027, 1, 1), policies: Policies = DEFAULT, **changes: Any
) -> CurrencyFigures:
    (of_currency,) = simulation_of(*contracts, until=until, policies=policies, **changes).currencies
    return of_currency


def simulation_of(
    *contracts: ContractTerms, until: date = date(2027, 1, 1), policies: Policies = DEFAULT, **changes: Any
) -> Simulation:
    return simulate([versions_of(terms, policies) for terms in contracts], policies, until, **changes)


def month_of(found: CurrencyFigures, month: int, year: int = 2026) -> MonthFigures:
    return next(each for each in found.months if each.month == date(year, month, 1))


def test_a_prepaid_year_is_invoiced_once_due_later_and_earned_by_the_day() -> None:
    found = figures(contract(tax=VAT))

    january, february = month_of(found, 1), month_of(found, 2)
    assert (january.invoiced.minor, january.tax.minor) == (36500, 6935)
    assert (january.revenue.minor, january.deferred.minor) == (3100, 33400)
    assert january.cash_due.minor == 43435  # due on 31 January
    assert (february.revenue.minor, february.deferred.minor) == (2800, 30600)
    assert month_of(found, 12).deferred.minor == 0


def test_cash_is_due_in_the_month_of_the_due_date_or_after_the_last_month() -> None:
    late = contract(payment_terms={"net_days": 40})
    found = figures(late, until=date(2026, 2, 1))

    assert month_of(found, 1).cash_due.minor == 0
    assert found.due_later.minor == 36500
    assert month_of(figures(late), 2).cash_due.minor == 36500


def test_service_before_its_invoice_is_a_contract_asset_where_the_policies_say_so() -> None:
    as_served = replace(DEFAULT, name="as_served", arrears_revenue=ArrearsRevenue.AS_SERVED)
    arrears = contract("3650.00", charge={"timing": "arrears"})

    found = figures(arrears, until=date(2026, 2, 1), policies=as_served)

    assert month_of(found, 1).revenue.minor == 31000
    assert month_of(found, 1).contract_asset.minor == 31000
    assert all(tie.holds for tie in found.ties)
    assert not simulation_of(arrears, until=date(2026, 2, 1)).currencies


def test_the_month_that_holds_the_last_day_is_simulated_as_a_whole() -> None:
    assert horizon_of(date(2026, 12, 31)) == horizon_of(date(2027, 1, 1)) == date(2027, 1, 1)
    assert horizon_of(date(2026, 12, 1)) == date(2026, 12, 1)


def test_a_contract_without_an_end_is_planned_until_the_last_month() -> None:
    evergreen = contract("100", charge={"frequency": "monthly"}, term_months=None, evergreen=True)

    found = figures(evergreen, until=date(2027, 3, 15))

    assert found.invoices == 15
    assert found.months[-1].month == date(2027, 3, 1)


def test_credit_notes_count_negative_and_give_revenue_up() -> None:
    ends = [{"amendment_id": "A", "effective": "2026-12-01", "changes": [{"change": "terminate"}]}]
    found = figures(contract(amendments=ends), policies=replace(DEFAULT, correction=Correction.CREDIT_NOTE))

    december = month_of(found, 12)
    assert (found.invoices, found.credit_notes) == (1, 1)
    assert (december.invoiced.minor, december.cash_due.minor) == (-3100, -3100)
    assert (december.revenue.minor, december.deferred.minor) == (0, 0)


def test_documents_are_consolidated_before_they_are_counted_and_taxed() -> None:
    vat_of_191 = [contract("10.03", contract_id=f"C-{n}", tax=VAT, consolidate=True) for n in (1, 2)]

    found = figures(*vat_of_191)

    assert (found.contracts, found.invoices) == (2, 1)
    assert found.totals.tax.minor == 381


def test_usage_of_a_contract_is_billed_and_without_it_nothing_was_used() -> None:
    metered = contract("2.00", charge={"frequency": "monthly", "metric": {"metric": "calls"}}, term_months=1)
    event = {
        "event_id": "e1",
        "customer": "acme",
        "metric": "calls",
        "occurred_at": "2026-01-05T00:00:00Z",
        "received_at": "2026-01-05T00:00:00Z",
        "quantity": "7",
    }

    found = figures(metered, usage={"C-1": UsageBook(load_events([event]), "UTC")})

    assert month_of(found, 2).invoiced.minor == 1400
    assert not simulation_of(metered).currencies


def test_currencies_stay_apart_over_the_same_months() -> None:
    yen = contract("10", contract_id="C-2", currency="JPY", start="2026-03-01")
    simulation = simulation_of(contract("10"), yen)

    assert [each.currency for each in simulation.currencies] == ["JPY", "USD"]
    assert [each.totals.invoiced.minor for each in simulation.currencies] == [10, 1000]
    assert {each.months[0].month for each in simulation.currencies} == {date(2026, 1, 1)}


def test_revenue_is_what_the_engine_recognizes_of_every_line() -> None:
    terms = contract("1000.00", charge={"frequency": "quarterly"}, start="2026-01-17")
    found = figures(terms, until=date(2027, 3, 1))

    expected: dict[date, int] = {}
    for line in build_schedule(terms).lines:
        assert line.service_period is not None
        for each in recognize(line.amount, line.service_period, DEFAULT):
            expected[each.month] = expected.get(each.month, 0) + each.amount.minor
    assert {each.month: each.revenue.minor for each in found.months if each.revenue} == expected


def test_a_total_that_does_not_tie_says_so() -> None:
    found = figures(contract())

    broken = replace(found, due_later=found.due_later + found.totals.invoiced)

    assert [tie.holds for tie in broken.ties] == [False, True]


@given(
    policies=st.sampled_from(sorted(PROFILES.values(), key=lambda each: each.name)),
    price=st.decimals("-50", "5000", places=2),
    frequency=st.sampled_from(["monthly", "quarterly", "annual", "one_time"]),
    timing=st.sampled_from(["advance", "arrears"]),
    start=st.dates(date(2025, 12, 1), date(2026, 3, 31)),
    change=st.sampled_from(
        [{"change": "terminate"}, {"change": "quantity", "charge_id": "seats", "quantity": 3}]
    ),
    effective=st.integers(0, 200),
    until=st.dates(date(2026, 4, 1), date(2027, 12, 31)),
)
def test_totals_tie_under_every_profile_whatever_happens(
    policies: Policies,
    price: Any,
    frequency: str,
    timing: str,
    start: date,
    change: dict[str, Any],
    effective: int,
    until: date,
) -> None:
    day = date.fromordinal(start.toordinal() + effective)
    terms = contract(
        str(price),
        charge={"frequency": frequency, "timing": timing},
        start=start.isoformat(),
        anchor={"kind": "calendar"},
        tax=VAT,
        amendments=[{"amendment_id": "A", "effective": day.isoformat(), "changes": [change]}],
    )

    twin = terms.model_copy(update={"contract_id": "C-2"})
    simulation = simulation_of(terms, twin, policies=policies, until=until)

    assert simulation.ties
    for found in simulation.currencies:
        recognized = sum(month.revenue.minor for month in found.months)
        assert recognized + found.totals.deferred.minor - found.totals.contract_asset.minor == sum(
            document.total.minor * 2
            for document in build_schedule(terms, policies).invoices
            if document.issue_date < horizon_of(until)
        )


def test_a_contract_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="C-1 is given twice"):
        figures(contract(), contract())
