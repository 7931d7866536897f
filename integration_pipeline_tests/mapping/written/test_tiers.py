from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integration_pipeline.mapping.written.amounts import Unreadable
from integration_pipeline.mapping.written.tiers import price_of_tiers, tiers_in_text


def price(text: str, model: str | None = "graduated") -> dict[str, Any]:
    return price_of_tiers(tiers_in_text(text), model)


def rows(text: str) -> list[tuple[Decimal | None, Decimal, Decimal]]:
    return [(row["up_to"], row["unit_price"], row["flat_fee"]) for row in price(text)["tiers"]]


@pytest.mark.parametrize(
    "text",
    [
        "1-50: 20.00; 51-100: 17.50; 101+: 15.00",
        "up to 50: 20.00\n51 to 100: 17.50\nover 100: 15.00",
        "0-50 seats: $20.00; 50-100 seats: $17.50; from 101: $15.00",
        "first 50: 20,00; 51–100: 17,50; 101 and more: 15,00",
    ],
)
def test_tiers_end_where_the_next_begins_however_they_are_written(text: str) -> None:
    assert rows(text) == [
        (Decimal(50), Decimal("20.00"), Decimal(0)),
        (Decimal(100), Decimal("17.50"), Decimal(0)),
        (None, Decimal("15.00"), Decimal(0)),
    ]


def test_a_tier_may_have_a_fee_of_its_own() -> None:
    assert rows("1-50: 20.00 + 100.00 flat; 51+: 0.0125 + 250") == [
        (Decimal(50), Decimal("20.00"), Decimal("100.00")),
        (None, Decimal("0.0125"), Decimal(250)),
    ]


def test_measured_quantities_have_tiers_with_decimals() -> None:
    assert [up_to for up_to, _, _ in rows("0-2.5: 9; 2.5-10: 8; 10+: 7")] == [
        Decimal("2.5"),
        Decimal(10),
        None,
    ]


def test_a_stairstep_has_a_price_for_each_step() -> None:
    assert price("1-10: 100.00; 11+: 180.00", "stairstep") == {
        "model": "stairstep",
        "tiers": [
            {"up_to": Decimal(10), "price": Decimal("100.00")},
            {"up_to": None, "price": Decimal("180.00")},
        ],
    }


@pytest.mark.parametrize("text", ["100: 25.00", "per 100 units: 25.00"])
def test_a_package_is_a_size_and_a_price(text: str) -> None:
    assert price(text, "package") == {
        "model": "package",
        "package_size": Decimal(100),
        "package_price": Decimal("25.00"),
    }


@pytest.mark.parametrize(
    ("text", "model", "fault"),
    [
        ("as agreed", "volume", "has 'as agreed' where an entry such as '1-50: 20.00' is expected"),
        ("1-50: cheap", "volume", "is not an amount such as"),
        ("some: 20.00", "volume", "has 'some' where a span such as '1-50: 20.00' is expected"),
        ("1-50: 20.00; 61-100: 17.50", "volume", "has a tier from 61 after one to 50: it must begin at 51"),
        ("1-50: 20.00; 40-100: 17.50", "graduated", "has a tier from 40 after one to 50"),
        ("1-50: 20.00; 50-50: 17.50", "graduated", "has a tier from 50 after one to 50"),
        ("1-50: 20.00; 51-20: 17.50", "graduated", "has a tier from 51 to 20, which ends before it begins"),
        ("10-50: 20.00", "volume", "begins at 10: the first tier begins at 1"),
        ("1+: 20.00; 51+: 17.50", "volume", "has an open tier before the one from 51"),
        ("1-10: 100 + 5", "stairstep", "has a step with two prices"),
        ("1-10: 1; 11+: 2", "package", "is not one package"),
        ("101+: 2", "package", "is not one package"),
        ("1-10: 1", None, "are given without their tier model: state graduated or volume"),
    ],
)
def test_what_is_no_price_is_refused_with_what_is_wrong(text: str, model: str | None, fault: str) -> None:
    with pytest.raises(Unreadable) as raised:
        price(text, model)

    assert fault in str(raised.value)
