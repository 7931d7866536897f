from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.payments.matching.numbers import NumberReader, Series, references_in

READER = NumberReader((Series("US-INV-", 6), Series("INV-", 6), Series("EU-CN-", 6), Series("2026-", 5)))


def numbers(text: str) -> set[tuple[str, int]]:
    """The likeliest meaning of each number in a text."""
    return {reading.meanings[0] for reading in READER.read(text)}


@pytest.mark.parametrize(
    "text",
    [
        "US-INV-000012",
        "us-inv-000012",
        "US INV 000012",
        "USINV000012",
        "US_INV_000012",
        "US-INV-OOOO12",
        "US/INV/000012",
        "US-INV-12",
        "US-INV- 000 012",
        "payment for US-INV-000012, thanks",
        "re:US-INV-000012.",
        "US-INV-000012 2026-05-01",
        "US-INV-000012 of October",
    ],
)
def test_a_number_is_read_however_people_and_banks_write_it(text: str) -> None:
    assert numbers(text) == {("US-INV-", 12)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "US-INV-",
        "VIRUSINV000012",
        "US-INV-000012A",
        "A2026-00001",
        "2026-05",
        "2026-000012x",
        "invoice 12",
    ],
)
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert numbers(text) == set()


def test_several_numbers_of_several_series_are_all_read() -> None:
    text = "US-INV-000012/US-INV-000013 less EU-CN-000001 and INV 7"

    assert numbers(text) == {("US-INV-", 12), ("US-INV-", 13), ("EU-CN-", 1), ("INV-", 7)}


def test_a_series_of_digits_alone_is_read_only_as_it_stands_on_the_document() -> None:
    assert numbers("2026-00012") == {("2026-", 12)}
    assert numbers("2026-12, 2026 00012, 202600012") == set()


def test_groups_of_digits_may_be_one_number_or_a_number_and_something_else() -> None:
    [reading] = READER.read("US-INV-001 234")

    assert reading.meanings == (("US-INV-", 1234), ("US-INV-", 1))


def test_a_reference_is_found_in_any_case() -> None:
    assert references_in(["pays d5sssrekae7 ", "D5SSSREKAE77", "DEPARTMENTS"]) == [
        "D5SSSREKAE7",
        "DEPARTMENTS",
    ]


@given(st.text(max_size=300))
def test_any_text_is_read_without_complaint(text: str) -> None:
    for reading in READER.read(text):
        assert reading.meanings


@given(
    st.lists(st.integers(1, 999_999), min_size=1, max_size=6, unique=True),
    st.sampled_from(["US-INV-{:06}", "us inv {:06}", "USINV{:06}", "US–INV–{:06}"]),
    st.sampled_from([", ", " / ", "\n", "; ", " + "]),
)
def test_every_number_of_a_list_is_read(wanted: list[int], form: str, between: str) -> None:
    assert numbers(between.join(form.format(each) for each in wanted)) == {
        ("US-INV-", each) for each in wanted
    }
