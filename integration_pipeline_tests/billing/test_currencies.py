"""Every currency of ISO 4217 List One, held against the list itself (as published 2026-01-01)."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from integration_pipeline.billing.currencies import MINOR_UNITS, minor_unit_exponent
from integration_pipeline.billing.errors import UnknownCurrency

_LIST_ONE = Path(__file__).with_name("iso_4217_list_one_2026_01_01.csv")


def _list_one() -> dict[str, str]:
    with _LIST_ONE.open(newline="") as lines:
        return {row["code"]: row["minor_units"] for row in csv.DictReader(lines)}


def test_every_currency_with_minor_units_has_the_exponent_of_the_standard() -> None:
    published = {code: int(units) for code, units in _list_one().items() if units != "N.A."}
    assert dict(MINOR_UNITS) == published
    assert len(published) == 165


@pytest.mark.parametrize("code", [code for code, units in _list_one().items() if units == "N.A."])
def test_codes_without_minor_units_are_no_currency_to_bill_in(code: str) -> None:
    with pytest.raises(UnknownCurrency):
        minor_unit_exponent(code)


@pytest.mark.parametrize("code", ["BGN", "HRK", "DEM", "usd", "US", "", "USD ", "$"])
def test_historic_and_misspelt_codes_are_refused_by_name(code: str) -> None:
    with pytest.raises(UnknownCurrency, match="ISO 4217") as refused:
        minor_unit_exponent(code)
    assert repr(code) in str(refused.value)
