from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.payments.matching.subsets import Unclear, only_subset


def every_subset(amounts: list[int], total: int) -> list[tuple[int, ...]]:
    """The slow way."""
    return [
        chosen
        for size in range(1, len(amounts) + 1)
        for chosen in combinations(range(len(amounts)), size)
        if sum(amounts[each] for each in chosen) == total
    ]


@given(
    st.lists(st.integers(-9, 30).filter(bool), max_size=9),
    st.integers(-20, 90).filter(bool),
)
def test_the_only_choice_is_found_and_only_the_only_one(amounts: list[int], total: int) -> None:
    choices = every_subset(amounts, total)
    found = only_subset(amounts, total)

    match len(choices):
        case 0:
            assert found is Unclear.NONE
        case 1:
            assert found == choices[0]
        case _:
            assert found is Unclear.SEVERAL


def test_all_that_is_open_is_found_among_many() -> None:
    amounts = [10_000 + 37 * each for each in range(60)]

    assert only_subset(amounts, sum(amounts)) == tuple(range(60))


def test_too_many_to_look_through_are_given_up_and_not_guessed() -> None:
    amounts = [2**each + 3**each for each in range(40)]

    assert only_subset(amounts, sum(amounts[::2])) is Unclear.TOO_MANY
