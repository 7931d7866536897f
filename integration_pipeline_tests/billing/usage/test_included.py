"""Units that a plan includes, prorated as the plan is."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import DEFAULT
from integration_pipeline.billing.usage.included import use_included

_FEBRUARY = Period(date(2015, 2, 1), date(2015, 3, 1))
_STUB = Period(date(2015, 2, 15), date(2015, 3, 1))


def test_a_stub_includes_its_share_of_the_units() -> None:
    use = use_included(12, Decimal(20), _STUB, _FEBRUARY, DEFAULT)
    assert (use.included, use.free, use.billable) == (10, 10, 2)
    assert use.formula == "12 used − 10 of 10 included (20 × 14/28) = 2"


def test_included_units_of_a_stub_need_not_be_whole() -> None:
    from_the_fourteenth = Period(date(2015, 2, 14), date(2015, 3, 1))
    use = use_included(11, Decimal(20), from_the_fourteenth, _FEBRUARY, DEFAULT)
    assert use.billable == Fraction(11) - Fraction(20 * 15, 28)


def test_what_is_not_used_of_the_included_units_is_no_credit() -> None:
    assert use_included(9, Decimal(20), _STUB, _FEBRUARY, DEFAULT).billable == 0


def test_an_allowance_of_several_months_is_used_up_once() -> None:
    use = use_included(4, Decimal(5), _STUB, _STUB, DEFAULT, used_before=3)
    assert (use.included, use.billable) == (2, 2)
    assert use.formula == "4 used − 2 of 2 included (less 3 used before) = 2"


def test_an_allowance_without_limit_leaves_nothing_to_bill() -> None:
    use = use_included(7, None, _STUB, _STUB, DEFAULT)
    assert use.billable == 0
    assert use.formula == "7 used, all of them included"


@settings(max_examples=60, deadline=None)
@given(used=st.lists(st.integers(0, 30), max_size=6), allowance=st.integers(0, 60))
def test_using_in_pieces_bills_what_using_at_once_does(used: list[int], allowance: int) -> None:
    pieces = Fraction(0)
    before = 0
    for part in used:
        pieces += use_included(part, Decimal(allowance), _STUB, _STUB, DEFAULT, used_before=before).billable
        before += part
    assert pieces == use_included(before, Decimal(allowance), _STUB, _STUB, DEFAULT).billable
