"""Prices that cannot be billed are refused with the field and the reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.policies import DEFAULT
from integration_pipeline.billing.pricing import GraduatedPrice, PackagePrice, PriceModel, Tier, rate

_ADAPTER: TypeAdapter[PriceModel] = TypeAdapter(PriceModel)

_REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no tiers": ({"model": "graduated", "tiers": []}, "tiers"),
    "an open tier before the last": (
        {"model": "volume", "tiers": [{"unit_price": "1"}, {"up_to": "10", "unit_price": "1"}]},
        "tiers[0].up_to",
    ),
    "overlapping tiers": (
        {"model": "graduated", "tiers": [{"up_to": "10"}, {"up_to": "10"}, {}]},
        "tiers[1].up_to",
    ),
    "a tier that ends at zero": (
        {"model": "stairstep", "tiers": [{"up_to": "0", "price": "1"}]},
        "tiers[0].up_to",
    ),
    "a negative tier price": ({"model": "graduated", "tiers": [{"unit_price": "-1"}]}, "tiers[0].unit_price"),
    "a negative flat fee": ({"model": "volume", "tiers": [{"flat_fee": "-1"}]}, "tiers[0].flat_fee"),
    "a block without size": ({"model": "graduated", "tiers": [{"block_size": "0"}]}, "tiers[0].block_size"),
    "a package without size": (
        {"model": "package", "package_size": "0", "package_price": "5"},
        "package_size",
    ),
    "a negative included quantity": (
        {"model": "per_unit", "unit_price": "1", "included_quantity": "-1"},
        "included_quantity",
    ),
    "a negative percentage": ({"model": "percentage", "rate_percent": "-1"}, "rate_percent"),
    "a minimum fee above the maximum": (
        {"model": "percentage", "rate_percent": "1", "minimum_fee": "2", "maximum_fee": "1"},
        "minimum_fee",
    ),
    "a negative percentage of a tier": (
        {"model": "graduated_percentage", "tiers": [{"rate_percent": "-1"}]},
        "tiers[0].rate_percent",
    ),
}


@pytest.mark.parametrize(("document", "field"), _REFUSED.values(), ids=_REFUSED)
def test_an_impossible_price_names_its_field(document: dict[str, Any], field: str) -> None:
    model = _ADAPTER.validate_python(document)
    assert [path for path, _ in model.impossibilities()] == [field]


@pytest.mark.parametrize(
    "document",
    [
        document
        for document, field in _REFUSED.values()
        if field.startswith("tiers") or field.endswith("_size")
    ],
)
def test_an_impossible_price_is_refused_instead_of_rated(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidTerms, match=r"^contract terms cannot be billed: price\."):
        rate(_ADAPTER.validate_python(document), 5, "USD", DEFAULT)


def test_the_model_is_told_by_its_name_and_survives_json() -> None:
    model = PackagePrice(package_size=Decimal(10), package_price=Decimal("15.00"))
    assert _ADAPTER.validate_json(model.model_dump_json()) == model


def test_a_misspelt_field_of_a_price_is_an_error() -> None:
    with pytest.raises(ValidationError, match="unit_prise"):
        _ADAPTER.validate_python({"model": "per_unit", "unit_price": "1", "unit_prise": "2"})


def test_a_changed_copy_of_a_price_is_rated_by_its_new_tiers() -> None:
    model = GraduatedPrice(tiers=(Tier(unit_price=Decimal(1)),))
    assert rate(model, 3, "USD", DEFAULT).amount == 3
    changed = model.model_copy(update={"tiers": (Tier(unit_price=Decimal(2)),)})
    assert rate(changed, 3, "USD", DEFAULT).amount == 6
