from __future__ import annotations

from decimal import Decimal

import pytest

from integration_pipeline.mapping.written.amounts import Unreadable
from integration_pipeline.mapping.written.taxes import tax_rates_in_text


def rates(text: str) -> list[tuple[str, Decimal, tuple[str, ...]]]:
    return [(rate.name, rate.percent, rate.on) for rate in tax_rates_in_text(text).rates]


@pytest.mark.parametrize(
    "text", ["GST 5%; QST 9.975%", "GST 5 %\nQST 9,975 %", "GST 5%, QST 9.975%", " GST  5% ;QST\t9.975%; "]
)
def test_taxes_have_a_name_and_a_percentage(text: str) -> None:
    assert rates(text) == [("GST", Decimal(5), ()), ("QST", Decimal("9.975"), ())]


def test_a_tax_may_be_on_taxes_before_it() -> None:
    assert rates("GST 5%; levy 1%; PST 7% on GST and levy")[2] == ("PST", Decimal(7), ("GST", "levy"))


def test_a_withheld_tax_is_negative_and_a_name_may_have_words_and_numbers() -> None:
    assert rates("Sales tax 2 8.25%; WHT -10%") == [
        ("Sales tax 2", Decimal("8.25"), ()),
        ("WHT", Decimal(-10), ()),
    ]


@pytest.mark.parametrize(
    "text", ["19%", "VAT", "VAT 19", "VAT nineteen %", "VAT 1.2.3%", ";", "VAT 19% + 5%"]
)
def test_what_is_no_list_of_taxes_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Unreadable, match=r"a(?: tax| list of taxes) such as 'GST 5%"):
        tax_rates_in_text(text)


def test_text_of_hostile_length_is_refused_at_once() -> None:
    for text in ("VAT " * 40_000, "V" + " " * 80_000 + "19%", "-" * 80_000):
        with pytest.raises(Unreadable):
            tax_rates_in_text(text)
