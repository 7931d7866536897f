"""The check of requests against Intuit's schemas."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integration_pipeline_tests.vendors.openapi import vendor_spec
from integration_pipeline_tests.vendors.xsd import Schemas


@pytest.fixture
def schemas() -> Schemas:
    """Those at hand; without them the test is skipped, saying how to get them."""
    return Schemas.of(vendor_spec("intuit/Finance.xsd").parent)


def test_fields_of_types_and_of_those_they_extend_are_known(schemas: Schemas) -> None:
    line = {
        "DetailType": "SalesItemLineDetail",
        "Amount": Decimal("1.00"),
        "SalesItemLineDetail": {"ItemRef": {"value": "1"}, "Qty": 1},
    }

    assert schemas.problems("Invoice", {"DocNumber": "1", "DueDate": "2026-01-01", "Line": [line]}) == []


def test_a_field_that_nobody_knows_is_told_with_its_place(schemas: Schemas) -> None:
    body = {"Line": [{"SalesItemLineDetail": {"ItemReference": {"value": "1"}}}]}

    assert schemas.problems("Invoice", body) == [
        "Invoice.Line[0].SalesItemLineDetail.ItemReference is not in SalesItemLineDetail"
    ]


def test_a_value_outside_an_enumeration_is_told(schemas: Schemas) -> None:
    assert schemas.problems("Invoice", {"GlobalTaxCalculation": "Excluded"}) == [
        "Invoice.GlobalTaxCalculation is 'Excluded', which is none of GlobalTaxCalculationEnum"
    ]


def test_a_reference_is_an_object_with_a_value(schemas: Schemas) -> None:
    assert schemas.problems("Payment", {"CustomerRef": "1"}) == ["Payment.CustomerRef is no reference"]


def test_an_entity_there_is_not_is_told(schemas: Schemas) -> None:
    assert schemas.problems("Bill2", {}) == ["there is no type Bill2"]
