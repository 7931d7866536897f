"""What people read: values and reasons in their own terms, whatever the CRM sends."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from integration_pipeline.quality.wording import as_text, fill


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", ""),
        ("Zürich 東京", "Zürich 東京"),
        (2**62, "4611686018427387904"),
        (date(2025, 1, 31), "2025-01-31"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E+999999999"), "1E+999999999"),
        (True, "yes"),
    ],
)
def test_a_value_is_written_as_people_write_it(value: object, text: str | None) -> None:
    assert as_text(value) == text


def test_a_value_stays_on_one_line_and_hides_nothing() -> None:
    assert as_text("two\nlines\u202egnp") == "two lines gnp"


def test_a_long_value_is_cut() -> None:
    assert as_text("x" * 1000) == "x" * 199 + "…"


def test_a_number_python_refuses_to_write_is_described() -> None:
    huge = 10**5000
    assert as_text(huge) == "a number of more than 200 digits"
    assert fill("{a:money}", {"a": huge, "currency": "EUR"}).startswith("a number of more than 200 digits")


def test_a_template_takes_values_by_column() -> None:
    row = {"deal_name": "O'Hara", "external_id": 12, "close_date": date(2025, 1, 31)}
    assert fill("Deal {deal_name!r} ({external_id}), {close_date}", row) == "Deal 'O'Hara' (12), 2025-01-31"


def test_a_null_or_missing_value_is_said_to_be_empty() -> None:
    assert fill("Deal {deal_name!r} ({external_id})", {"deal_name": None}) == "Deal (empty) ((empty))"


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (125_000, "EUR", "1,250.00 EUR"),
        (1250, "JPY", "1,250 JPY"),
        (-5, "KWD", "-0.005 KWD"),
        (125_000, "XYZ", "125000 (in the smallest unit of its currency)"),
        (125_000, None, "125000 (in the smallest unit of its currency)"),
        (True, "EUR", "yes (in the smallest unit of its currency)"),
        (None, "EUR", "(empty)"),
    ],
)
def test_money_is_written_with_the_decimals_of_its_currency(
    amount: int | None, currency: str | None, text: str
) -> None:
    assert fill("{amount_minor:money}", {"amount_minor": amount, "currency": currency}) == text


def test_a_value_that_looks_like_a_template_is_not_filled() -> None:
    assert fill("{deal_name}", {"deal_name": "{secret}", "secret": "hidden"}) == "{secret}"
