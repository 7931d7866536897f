"""Where terms stop being possible: the last value that is taken and the first that is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.policies import DEFAULT
from integration_pipeline.billing.terms import load_terms
from integration_pipeline.billing.versions import versions_of

Build = Callable[..., dict[str, Any]]


def _refused(document: dict[str, Any]) -> list[str]:
    """The fields that are refused, of terms or of their amendments; none if all is possible."""
    try:
        versions_of(load_terms(document), DEFAULT)
    except InvalidTerms as error:
        return [path for path, _ in error.problems]
    return []


def _renewal(uplift: str) -> dict[str, Any]:
    return {"renewal": {"term_months": 1, "times": 1, "uplift_percent": uplift}}


def _amended(change: dict[str, Any]) -> dict[str, Any]:
    return {"amendments": [{"amendment_id": "A1", "effective": "2026-02-01", "changes": [change]}]}


def _renewed(uplift: str) -> dict[str, Any]:
    return _amended({"change": "renew", "term_months": 1, "uplift_percent": uplift})


def _discounted(percent: str) -> dict[str, Any]:
    return _amended({"change": "discount", "charge_id": "seats", "discount_percent": percent})


@pytest.mark.parametrize("of", [_renewal, _renewed])
@pytest.mark.parametrize("uplift", ["-100", "1000"])
def test_prices_may_fall_to_nothing_or_grow_elevenfold(
    document: Build, of: Callable[[str], dict[str, Any]], uplift: str
) -> None:
    assert _refused(document(**of(uplift))) == []


@pytest.mark.parametrize("uplift", ["-100.01", "1000.01"])
def test_an_uplift_beyond_its_bounds_is_refused(document: Build, uplift: str) -> None:
    assert _refused(document(**_renewal(uplift))) == ["renewal.uplift_percent"]
    assert _refused(document(**_renewed(uplift))) == ["amendments[0].changes[0].uplift_percent"]


def test_an_amended_discount_is_a_percentage(document: Build) -> None:
    assert _refused(document(**_discounted("0"))) == _refused(document(**_discounted("100"))) == []
    for beyond in ("-0.01", "100.01"):
        assert _refused(document(**_discounted(beyond))) == ["amendments[0].changes[0].discount_percent"]


def test_a_contract_cannot_be_made_to_end_on_the_day_that_says_so(document: Build) -> None:
    assert _refused(document(**_amended({"change": "co_term", "end": "2026-02-01"}))) == [
        "amendments[0].changes[0].end"
    ]
    assert _refused(document(**_amended({"change": "co_term", "end": "2026-02-02"}))) == []


def test_what_goes_on_after_its_term_needs_a_term(document: Build, charge: Build) -> None:
    ending = charge(end="2026-02-01")
    assert _refused(document(ending, term_months=None, renewal={"term_months": 1})) == ["renewal"]
    assert _refused(document(term_months=12, evergreen=True)) == ["evergreen"]


@pytest.mark.parametrize(("end", "refused"), [("2026-02-01", ["pauses[0].end"]), ("2026-02-02", [])])
def test_a_pause_has_at_least_a_day(document: Build, end: str, refused: list[str]) -> None:
    assert _refused(document(pauses=[{"start": "2026-02-01", "end": end}])) == refused


def test_a_pause_is_of_charges_that_exist(document: Build) -> None:
    pause = {"start": "2026-02-01", "charges": ["seats", "chairs"]}
    assert _refused(document(pauses=[pause])) == ["pauses[0].charges"]


@pytest.mark.parametrize(
    ("milestones", "refused"),
    [
        ([{"percent": "100"}], []),
        ([{"percent": "100.01"}], ["milestones[0].percent", "milestones"]),
        ([{"percent": "0"}, {"percent": "100"}], ["milestones[0].percent"]),
        ([{"percent": "40"}, {"percent": "50"}], ["milestones"]),
        ([{"amount": "40"}, {"amount": "50"}], []),
        ([{"amount": "40"}, {"percent": "60"}], ["milestones[1]"]),
        ([{"percent": "100", "amount": "40"}], ["milestones[0]"]),
        ([{"description": "Design"}], ["milestones[0]"]),
    ],
)
def test_milestones_are_amounts_or_percentages_of_the_whole(
    document: Build, charge: Build, milestones: list[dict[str, str]], refused: list[str]
) -> None:
    dated = [{"date": "2026-03-01", **milestone} for milestone in milestones]
    project = charge(frequency="one_time", milestones=dated)
    assert _refused(document(project)) == [f"charges[0].{field}" for field in refused]


@pytest.mark.parametrize("changes", [{"frequency": "monthly"}, {"phases": [{"days": 10}]}])
def test_milestones_go_with_a_price_that_is_charged_once(
    document: Build, charge: Build, changes: dict[str, Any]
) -> None:
    milestones = [{"date": "2026-03-01", "percent": "100"}]
    project = charge(**{"frequency": "one_time", "milestones": milestones, **changes})
    assert _refused(document(project)) == ["charges[0].milestones"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"minimum": "10.01", "maximum": "10"}, "minimum"),
        ({"minimum": "-1"}, "minimum"),
        ({"minimum": "1", "frequency": "one_time"}, "minimum"),
        ({"maximum": "1", "frequency": "one_time"}, "minimum"),
        ({"prepaid_quantity": "1"}, "prepaid_quantity"),
        ({"metric": {"metric": "calls"}, "frequency": "one_time"}, "metric"),
        ({"price": {"model": "flat", "amount": "1"}}, "unit_price"),
        ({"unit_price": None}, "unit_price"),
    ],
)
def test_what_a_charge_cannot_have_is_refused_by_its_field(
    document: Build, charge: Build, changes: dict[str, Any], field: str
) -> None:
    assert _refused(document(charge(**changes))) == [f"charges[0].{field}"]


def test_a_minimum_may_be_the_maximum_and_either_may_be_nothing(document: Build, charge: Build) -> None:
    assert _refused(document(charge(minimum="10", maximum="10"))) == []
    assert _refused(document(charge(minimum="0", maximum="0"))) == []


def test_a_ramp_that_ends_with_the_contract_is_cut_by_a_termination_on_the_day_a_phase_starts(
    document: Build, charge: Build
) -> None:
    """The phase that would have begun on the last day is dropped, since no day of it is served."""
    ramp = charge(phases=[{"months": 2, "unit_price": "60"}, {"start": "2026-03-01", "unit_price": "90"}])
    ended = {"amendment_id": "A1", "effective": "2026-03-01", "changes": [{"change": "terminate"}]}
    assert _refused(document(ramp, amendments=[ended])) == []


def test_a_frequency_of_its_own_is_written_as_it_was_read(document: Build, charge: Build) -> None:
    terms = load_terms(document(charge(frequency={"every": 45, "unit": "day"})))
    assert load_terms(terms.model_dump_json()) == terms
    assert terms.model_dump(mode="json")["charges"][0]["frequency"] == {"every": 45, "unit": "day"}


def test_a_price_of_a_period_is_what_a_ledger_can_hold(document: Build, charge: Build) -> None:
    assert _refused(document(charge(quantity="1", unit_price="10000000000000"))) == []
    ramp = charge(phases=[{"quantity": "1", "unit_price": "10000000000000.01"}])
    assert _refused(document(ramp)) == ["charges[0].phases[0].unit_price"]
    assert _refused(document(charge(quantity="1", unit_price="10000000000000.01"))) == [
        "charges[0].unit_price"
    ]


def test_more_billing_periods_than_one_process_can_hold_are_refused(document: Build, charge: Build) -> None:
    daily = [charge(charge_id=str(n), frequency={"every": 1, "unit": "day"}) for n in range(3)]
    century = {"start": "2026-01-01", "end": "2126-01-01", "term_months": None}
    assert _refused(document(*daily[:2], **century)) == []
    assert _refused(document(*daily, **century)) == ["charges"]
