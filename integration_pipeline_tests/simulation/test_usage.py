"""Usage out of files: events read, and each given to the one contract that bills it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integration_pipeline.billing.policies import DEFAULT
from integration_pipeline.billing.terms import ContractTerms, load_terms
from integration_pipeline.billing.usage.events import InvalidEvents
from integration_pipeline.billing.versions import versions_of
from integration_pipeline.simulation.usage import AssignedUsage, assign_usage, metrics_of, read_events

CSV = """event_id,customer,contract_id,metric,occurred_at,quantity,region
e1,acme,,calls,2026-01-05T08:00:00Z,7.5,eu
e2,acme,C-1,calls,2026-01-06T08:00:00+01:00,,
"""


def contract(contract_id: str = "C-1", metric: str = "calls", customer: str = "acme") -> ContractTerms:
    return load_terms(
        {
            "contract_id": contract_id,
            "customer": customer,
            "entity": "us",
            "currency": "USD",
            "start": "2026-01-01",
            "term_months": 12,
            "payment_terms": {"net_days": 30},
            "charges": [
                {
                    "charge_id": "api",
                    "description": "API",
                    "unit_price": "1",
                    "frequency": "monthly",
                    "metric": {"metric": metric},
                }
            ],
        }
    )


def assigned(*contracts: ContractTerms, text: str = CSV) -> AssignedUsage:
    found = [versions_of(terms, DEFAULT) for terms in contracts]
    return assign_usage(read_events(text, as_csv=True), found, lambda _: "Europe/Berlin")


def test_other_columns_are_properties_and_empty_cells_are_left_out() -> None:
    first, second = read_events(CSV, as_csv=True)

    assert (first.quantity, first.properties, first.contract_id) == (Decimal("7.5"), {"region": "eu"}, None)
    assert (second.quantity, second.properties, second.contract_id) == (Decimal(1), {}, "C-1")
    assert first.received_at == first.occurred_at


def test_json_lines_keep_the_decimals_they_are_written_with() -> None:
    line = (
        '{"event_id": "e1", "customer": "acme", "metric": "calls", "quantity": 0.1,'
        ' "occurred_at": "2026-01-05T08:00:00Z"}'
    )
    (event,) = read_events(f"\n{line}\n", as_csv=False)

    assert event.quantity == Decimal("0.1")


@pytest.mark.parametrize("line", ["{", "[]", "7", "[" * 100_000])
def test_a_line_that_is_no_event_is_named(line: str) -> None:
    with pytest.raises(InvalidEvents, match="line 2: is no JSON object"):
        read_events(f"\n{line}", as_csv=False)


def test_a_broken_event_is_named_with_its_field() -> None:
    with pytest.raises(InvalidEvents, match=r"\[0\] \(event 'e1'\)\.occurred_at: has no UTC offset"):
        read_events(CSV.replace("05T08:00:00Z", "05T08:00:00"), as_csv=True)


def test_an_event_belongs_to_the_only_contract_of_its_customer_that_meters_it() -> None:
    found = assigned(contract(), contract("C-2", "storage"), contract("C-3", customer="other"))

    assert list(found.books) == ["C-1"]
    assert [event.event_id for event in found.books["C-1"].events] == ["e1", "e2"]
    assert found.books["C-1"].zone_name == "Europe/Berlin"
    assert found.unused == 0


def test_an_event_that_two_contracts_would_bill_must_name_one_of_them() -> None:
    with pytest.raises(InvalidEvents, match=r"event 'e1'\.contract_id: .* C-1, C-2; name one") as refused:
        assigned(contract(), contract("C-2"))
    assert len(refused.value.problems) == 1


def test_events_that_no_contract_bills_are_counted() -> None:
    assert assigned(contract(metric="storage")).unused == 2


def test_a_metric_that_only_an_amendment_brings_is_known() -> None:
    terms = contract()
    added = terms.charges[0].model_dump(mode="json", exclude_defaults=True)
    added |= {"charge_id": "disk", "metric": {"metric": "storage"}}
    amendment = {
        "amendment_id": "A",
        "effective": "2026-05-01",
        "changes": [{"change": "add", "charge": added}],
    }
    amended = load_terms({**terms.model_dump(mode="json", exclude_defaults=True), "amendments": [amendment]})

    assert metrics_of(versions_of(amended, DEFAULT)) == ("calls", "storage")
