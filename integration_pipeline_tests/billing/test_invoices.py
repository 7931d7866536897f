"""Stable bytes and content hashes of planned invoices."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from integration_pipeline.billing.policies import DEFAULT
from integration_pipeline.billing.schedule import build_schedule
from integration_pipeline.billing.terms import ContractTerms

Build = Callable[..., dict[str, Any]]
Contract = Callable[..., ContractTerms]


def test_the_json_of_a_schedule_is_pinned(contract: Contract, charge: Build) -> None:
    schedule = build_schedule(contract(charge(product_code="SEAT"), term_months=1))
    written = json.loads(schedule.to_json())
    assert written["terms_hash"] == schedule.terms_hash
    assert written["policies"] == DEFAULT.as_json()
    assert written["policies"]["version"] == "default/2"
    (invoice,) = written["invoices"]
    explanation = invoice["lines"][0].pop("explanation")
    assert explanation == schedule.invoices[0].lines[0].explanation.as_json()
    assert invoice == {
        "kind": "invoice",
        "issue_date": "2026-01-01",
        "due_date": "2026-01-31",
        "lines": [
            {
                "charge_id": "seats",
                "description": "Platform seats",
                "kind": "charge",
                "service_period": {"start": "2026-01-01", "end": "2026-02-01"},
                "quantity": "3",
                "unit_price": "120.00",
                "discount_percent": "0",
                "amount": {"minor": 36000, "currency": "USD"},
                "taxes": [],
                "revenue": "deferred",
                "product_code": "SEAT",
            }
        ],
        "total": {"minor": 36000, "currency": "USD"},
        "taxes": [],
        "payable": {"minor": 36000, "currency": "USD"},
    }


def test_a_line_without_a_service_period_writes_null(contract: Contract, charge: Build) -> None:
    written = json.loads(build_schedule(contract(charge(frequency="one_time"))).to_json())
    assert written["invoices"][0]["lines"][0]["service_period"] is None


def test_a_content_hash_ignores_how_a_decimal_and_a_rule_are_written(
    contract: Contract, charge: Build
) -> None:
    before = build_schedule(contract(charge(unit_price="120", quantity="3.0")))
    after = build_schedule(contract(), replace(DEFAULT, revision=2))
    assert before.to_json() != after.to_json()
    assert [i.content_hash() for i in before.invoices] == [i.content_hash() for i in after.invoices]


@pytest.mark.parametrize(
    "change",
    [
        {"description": "Seats"},
        {"unit_price": "120.01"},
        {"quantity": "6", "unit_price": "60.00"},
        {"product_code": "SEAT"},
        {"timing": "arrears"},
        {"charge_id": "other"},
        {"end": "2026-01-31"},
    ],
)
def test_a_content_hash_changes_with_what_the_customer_or_the_books_see(
    contract: Contract, charge: Build, change: dict[str, Any]
) -> None:
    before = build_schedule(contract()).invoices[0]
    after = build_schedule(contract(charge(**change))).invoices[0]
    assert before.content_hash() != after.content_hash()


def test_a_content_hash_changes_with_the_due_date(contract: Contract) -> None:
    before = build_schedule(contract()).invoices[0]
    after = build_schedule(contract(payment_terms={"net_days": 31})).invoices[0]
    assert before.content_hash() != after.content_hash()
