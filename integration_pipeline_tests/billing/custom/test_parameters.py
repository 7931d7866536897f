from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from integration_pipeline.billing.custom import Parameters

STATED = Parameters.of(
    {
        "rate": "12.50",
        "count": 3,
        "name": "bands",
        "from": date(2026, 1, 31),
        "closed": ["2026-01-01"],
        "bands": [{"up_to": 10}, {"up_to": None}],
    }
)


def test_each_value_is_read_with_the_type_the_rule_asks_for() -> None:
    assert STATED.decimal("rate") == Decimal("12.50")
    assert STATED.whole("count") == 3
    assert STATED.string("name") == "bands"
    assert STATED.day("from") == date(2026, 1, 31)
    assert STATED.days("closed") == (date(2026, 1, 1),)
    assert [row.values for row in STATED.rows("bands")] == [{"up_to": 10}, {"up_to": None}]


def test_what_is_left_out_takes_its_default() -> None:
    assert STATED.decimal("other", Decimal("0.5")) == Decimal("0.5")
    assert STATED.days("other") == ()


@pytest.mark.parametrize(
    ("read", "complaint"),
    [
        (lambda: STATED.decimal("other"), "parameter 'other' is missing; stated are bands, closed, count"),
        (lambda: STATED.decimal("name"), "parameter 'name': write a plain decimal .* it is 'bands'"),
        (lambda: STATED.whole("rate"), "parameter 'rate': write a whole number, not '12.50'"),
        (lambda: STATED.string("count"), "parameter 'count': write a text, not 3"),
        (lambda: STATED.day("name"), "parameter 'name': write a civil date"),
        (lambda: STATED.days("bands"), r"parameter 'bands\[0\]': write a civil date"),
        (lambda: STATED.days("count"), "parameter 'count': write a list, not 3"),
        (lambda: STATED.rows("closed"), r"parameter closed\[0\]: write names with values, not '2026-01-01'"),
    ],
)
def test_what_cannot_be_read_is_named(read: Callable[[], object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"a": [1, 0.5]}, r"a\[1\]: a binary float holds few numbers exactly; write it as text"),
        ({"a": {"b": "\x00"}}, "a.b: holds a NUL character"),
        ({"a": object()}, "a: write text, a whole number"),
        ({"a": 10**15}, "a: write text"),
        ({"a": [[[[[[[1]]]]]]]}, "nested more than 6 deep"),
        ({"a": "x" * 20_000}, "characters long; 20,000 at most"),
    ],
)
def test_values_that_no_rule_could_rely_on_are_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Parameters.of(values)


def test_the_order_of_names_makes_no_difference() -> None:
    assert Parameters.of({"a": 1, "b": 2}) == Parameters.of({"b": 2, "a": 1})


def test_a_rule_cannot_change_them_for_the_next() -> None:
    STATED.values["count"] = 4
    assert STATED.whole("count") == 3
