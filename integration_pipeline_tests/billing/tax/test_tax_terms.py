"""Which tax terms can be stated, and which of several apply to a line."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from integration_pipeline.billing.tax import NO_TAX, RegionRule, TaxRate, TaxTerms, TaxTreatment, tax_for

FIVE = TaxTerms(rates=(TaxRate(name="GST", percent=Decimal(5)),))
SEVEN = TaxTerms(rates=(TaxRate(name="PST", percent=Decimal(7)),))
TWENTY = TaxTerms(rates=(TaxRate(name="VAT", percent=Decimal(20)),))
RULES = (RegionRule(region="US", tax=FIVE), RegionRule(region="US-CA", tax=SEVEN))


@pytest.mark.parametrize(
    ("terms", "problem"),
    [
        (
            {"treatment": "exempt", "rates": [{"name": "VAT", "percent": "20"}]},
            "rates: an exempt line has none",
        ),
        ({"treatment": "inclusive"}, "rates: inclusive tax needs a rate"),
        ({"rates": [{"name": "VAT", "percent": "-100"}]}, r"rates\[0\].percent: -100 is outside"),
        ({"rates": [{"name": "VAT", "percent": "1001"}]}, r"rates\[0\].percent: 1001 is outside"),
        ({"rates": [{"name": "A", "percent": "1"}] * 2}, r"rates\[1\].name: 'A' is used by an earlier rate"),
        ({"rates": [{"name": "A", "percent": "1", "on": ["A"]}]}, r"rates\[0\].on: 'A' is not the name"),
        (
            {"rates": [{"name": "A", "percent": "1", "on_top": True}]},
            r"rates\[0\].on_top: goes with inclusive",
        ),
        ({"rates": [{"name": "A", "percent": 1.5}]}, "binary float"),
    ],
)
def test_tax_terms_that_cannot_be_computed_are_refused(terms: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        TaxTerms.model_validate(terms)


def test_a_line_s_own_rate_wins_over_the_customer_s() -> None:
    assert tax_for(TWENTY, FIVE, "US-CA", RULES) is TWENTY


def test_a_customer_s_rate_wins_over_the_region_s() -> None:
    assert tax_for(None, FIVE, "US-CA", RULES) is FIVE


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("US-CA", SEVEN),
        ("US-CA-90210", SEVEN),
        ("US-NY", FIVE),
        ("US", FIVE),
        ("USM", NO_TAX),
        (None, NO_TAX),
    ],
)
def test_the_most_specific_region_wins(region: str | None, expected: TaxTerms) -> None:
    assert tax_for(None, None, region, RULES) is expected


def test_no_tax_is_an_exemption() -> None:
    assert NO_TAX.treatment is TaxTreatment.EXEMPT
