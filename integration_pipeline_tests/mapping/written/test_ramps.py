from __future__ import annotations

import pytest

from integration_pipeline.mapping.written.amounts import Unreadable
from integration_pipeline.mapping.written.ramps import ramp_in_text

Step = tuple[int, int | None, str | None, str | None]


def steps(text: str) -> list[Step]:
    """(first month, last month, percent paid, price) of each step."""
    return [
        (
            step.first_month,
            step.last_month,
            None if step.percent is None else f"{step.percent}",
            None if step.price is None else f"{step.price}",
        )
        for step in ramp_in_text(text).steps
    ]


@pytest.mark.parametrize(
    "text",
    [
        "months 1-3: 50%; months 4-6: 75%",
        "1-3: 50 %;4-6:75 %;",
        "Month 1 to 3: 50%\nMonth 4 – 6: 25% off",
        "M1-3: 50%; M4-6: 75%",
        "first 3 months: 50%; mo. 4-6: 75%",
    ],
)
def test_percentages_are_what_is_paid_in_the_months_however_these_are_written(text: str) -> None:
    assert steps(text) == [(1, 3, "50", None), (4, 6, "75", None)]


def test_amounts_are_prices() -> None:
    assert steps("1-3: 300.00; 4+: EUR 1.250,50") == [(1, 3, None, "300.00"), (4, None, None, "1250.50")]


@pytest.mark.parametrize("text", ["1: free", "month 1: 0%", "1: 100% off"])
def test_a_month_may_cost_nothing(text: str) -> None:
    assert steps(text) == [(1, 1, "0", None)]


@pytest.mark.parametrize(
    "text", ["over 3 months: 80%", "from month 4: 80%", "4+: 80%", "months 4 and more: 80%"]
)
def test_the_last_step_may_be_open(text: str) -> None:
    assert steps(text) == [(4, None, "80", None)]


def test_months_between_steps_are_nobodys() -> None:
    assert steps("1-2: 50%; 5-6: 50%") == [(1, 2, "50", None), (5, 6, "50", None)]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "half price at first",
            "has 'half price at first' where an entry such as 'months 1-3: 50%' is expected",
        ),
        ("1-3 50%", "where an entry such as"),
        ("; \n", "holds no entry such as 'months 1-3: 50%'"),
        ("Q1: 50%", "has 'Q1' where a span such as 'months 1-3: 50%' is expected"),
        ("1-3: 50%; 3-6: 75%", "has months 3-6 after months 1-3: months must rise and not overlap"),
        ("1+: 50%; 7-9: 75%", "has months 1+ without an end before months 7-9"),
        ("3-1: 50%", "has '3-1' where whole months from 1 on are expected"),
        ("0-3: 50%", "has '0-3' where whole months from 1 on are expected"),
        ("1.5-3: 50%", "where whole months from 1 on are expected"),
        ("1-3: 110%", "has '110%' outside 0..100 %"),
        ("1-3: half", "is not an amount such as"),
        ("1-3: 1.500", "could be thousands or decimals"),
        ("1-3: -300", "has a negative price"),
        ("1-3: 50%" + ";" * 4_000, "is longer than 4000 characters"),
    ],
)
def test_what_is_no_ramp_is_refused_with_what_is_wrong(text: str, fault: str) -> None:
    with pytest.raises(Unreadable) as raised:
        ramp_in_text(text)

    assert fault in str(raised.value)
