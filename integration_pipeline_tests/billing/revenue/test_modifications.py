"""Modifications of a contract under ASC 606-10-25-10 to 25-13."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period, add_months
from integration_pipeline.billing.policies import DEFAULT, PROFILES, MixedModification
from integration_pipeline.billing.revenue.modifications import (
    add_separate_contract,
    modify,
    treatment_of,
    updated_price,
)
from integration_pipeline.billing.revenue.modified import ModifiedContract, ModifiedPromise, Treatment
from integration_pipeline.billing.revenue.obligations import (
    ByProgress,
    Obligation,
    OnUsage,
    OverTime,
    PointInTime,
    Promise,
    Recognition,
)
from integration_pipeline.billing.revenue.recognition import StepPlan
from integration_pipeline.billing.revenue.repricing import price_segments

# 100 days, so that a day's revenue of 100.00 is 1.00.
_SERVICE = Period(date(2026, 1, 1), date(2026, 4, 11))
_DAY_40 = date(2026, 2, 10)


def _usd(units: int) -> Money:
    return Money(units * 100, "USD")


def _obligation(
    key: str, units: int, recognition: Recognition | None = None, sequence: int = 0
) -> Obligation:
    return Obligation(key, sequence, _usd(units), Fraction(units), recognition or OverTime(_SERVICE))


def _going_on(*, distinct: bool, units: int = 100) -> ModifiedPromise:
    return ModifiedPromise.of(_obligation("service", units), _DAY_40, DEFAULT, distinct=distinct)


def _added(key: str, units: int, day: date) -> ModifiedPromise:
    return ModifiedPromise(Promise(key, 9, Fraction(units), PointInTime(day)), _usd(0))


class TestTreatment:
    def test_distinct_goods_at_their_standalone_price_are_a_separate_contract(self) -> None:
        assert treatment_of([False], _usd(90), _usd(90)) is Treatment.SEPARATE_CONTRACT

    def test_distinct_goods_at_another_price_change_the_contract(self) -> None:
        assert treatment_of([True], _usd(80), _usd(90)) is Treatment.PROSPECTIVE

    def test_a_remainder_that_is_not_distinct_is_caught_up(self) -> None:
        assert treatment_of([False, False]) is Treatment.CATCH_UP

    def test_a_remainder_that_is_distinct_in_part_is_mixed(self) -> None:
        assert treatment_of([False], _usd(80), _usd(90)) is Treatment.MIXED


class TestSeparateContract:
    def test_both_contracts_are_earned_as_agreed(self) -> None:
        added = _obligation("more", 60, OverTime(Period(_DAY_40, _SERVICE.end)), 1)
        contract = add_separate_contract([_obligation("service", 100)], [added], _DAY_40, DEFAULT)
        assert contract.historical == _usd(40)
        assert contract.total_catch_up == _usd(0)
        assert contract.future == _usd(120)
        assert contract.until(_DAY_40 + timedelta(days=1)) == _usd(42)

    def test_goods_below_their_standalone_price_are_refused(self) -> None:
        added = replace(_obligation("more", 60), standalone_price=Fraction(70))
        with pytest.raises(InvalidTerms, match=r"added\[0\].amount: 60.00 USD is not the standalone price"):
            add_separate_contract([_obligation("service", 100)], [added], _DAY_40, DEFAULT)


class TestProspective:
    def test_the_remaining_price_is_earned_over_the_remaining_time(self) -> None:
        contract = modify(_usd(160), [_going_on(distinct=True)], _DAY_40, DEFAULT)
        assert contract.treatment is Treatment.PROSPECTIVE
        assert contract.remaining_price == _usd(120)
        assert contract.catch_up == {}
        # 60 days are left for 120.00
        assert contract.until(_DAY_40 + timedelta(days=1)) == _usd(42)
        assert contract.until(_SERVICE.end) == _usd(160)

    def test_the_remaining_price_is_divided_by_remaining_standalone_prices(self) -> None:
        service = replace(_going_on(distinct=True), remaining_standalone_price=Fraction(90))
        contract = modify(_usd(160), [service, _added("training", 30, _SERVICE.end)], _DAY_40, DEFAULT)
        assert contract.allocation is not None
        assert contract.allocation.amounts == {"service": _usd(90), "training": _usd(30)}

    def test_what_is_fulfilled_keeps_its_revenue(self) -> None:
        done = ModifiedPromise.of(
            _obligation("setup", 50, PointInTime(date(2026, 1, 5)), 1), _DAY_40, DEFAULT
        )
        contract = modify(_usd(200), [_going_on(distinct=True), done], _DAY_40, DEFAULT)
        assert contract.allocation is not None
        assert contract.allocation.amounts == {"service": _usd(110)}
        assert contract.lifetime == _usd(200)

    def test_progress_is_counted_on_what_remained(self) -> None:
        progress = ByProgress(((date(2026, 1, 31), Fraction(1, 2)), (date(2026, 3, 31), Fraction(3, 4))))
        promise = ModifiedPromise.of(_obligation("build", 100, progress), _DAY_40, DEFAULT)
        contract = modify(_usd(150), [promise], _DAY_40, DEFAULT)
        # 50 recognized, 100 left; half of what remained is built by March
        assert contract.until(date(2026, 4, 1)) == _usd(100)

    def test_progress_before_the_modification_is_no_step_of_what_remained(self) -> None:
        reached = ((date(2026, 1, 15), Fraction(1, 4)), (date(2026, 1, 31), Fraction(1, 2)))
        progress = ByProgress((*reached, (date(2026, 3, 31), Fraction(3, 4))))
        promise = ModifiedPromise.of(_obligation("build", 100, progress), _DAY_40, DEFAULT)
        plan = modify(_usd(150), [promise], _DAY_40, DEFAULT).obligations[0].after
        assert isinstance(plan, StepPlan)
        assert [(step.day, step.amount) for step in plan.steps] == [(date(2026, 3, 31), _usd(50))]

    def test_progress_that_begins_after_the_modification_is_of_the_whole(self) -> None:
        promise = ModifiedPromise.of(
            _obligation("build", 100, ByProgress(((date(2026, 3, 31), Fraction(1, 2)),))), _DAY_40, DEFAULT
        )
        contract = modify(_usd(150), [promise], _DAY_40, DEFAULT)
        assert contract.until(date(2026, 4, 1)) == _usd(75)

    def test_a_price_of_what_was_recognized_leaves_nothing_to_earn(self) -> None:
        contract = modify(_usd(40), [_going_on(distinct=True)], _DAY_40, DEFAULT)
        assert contract.remaining_price == _usd(0)
        assert contract.until(_SERVICE.end) == _usd(40)

    def test_usage_before_the_modification_is_not_earned_twice(self) -> None:
        usage = OnUsage(((date(2026, 1, 31), _usd(10)), (date(2026, 2, 28), _usd(20))))
        promise = ModifiedPromise.of(_obligation("calls", 30, usage), _DAY_40, DEFAULT)
        contract = modify(_usd(30), [promise], _DAY_40, DEFAULT)
        assert contract.until(date(2026, 4, 1)) == _usd(30)

    def test_a_price_below_what_was_recognized_is_refused(self) -> None:
        with pytest.raises(InvalidTerms, match=r"30.00 USD is less than the 40.00 USD recognized before"):
            modify(_usd(30), [_going_on(distinct=True)], _DAY_40, DEFAULT)

    def test_a_contract_that_is_fulfilled_cannot_be_modified(self) -> None:
        with pytest.raises(InvalidTerms, match="nothing remains to be modified"):
            modify(_usd(100), [_going_on(distinct=True)], _SERVICE.end, DEFAULT, Treatment.PROSPECTIVE)


class TestCatchUp:
    def test_revenue_to_date_is_restated_at_the_new_price(self) -> None:
        contract = modify(_usd(80), [_going_on(distinct=False)], _DAY_40, DEFAULT)
        assert contract.treatment is Treatment.CATCH_UP
        assert contract.catch_up == {"service": _usd(-8)}
        assert contract.future == _usd(48)
        assert contract.formula("service") == (
            "32.00 USD of 80.00 USD earned before 2026-02-10, less 40.00 USD recognized = -8.00 USD"
        )

    def test_the_month_of_the_modification_holds_the_catch_up_and_the_months_before_are_left(self) -> None:
        contract = modify(_usd(80), [_going_on(distinct=False)], _DAY_40, DEFAULT)
        # January 31 days at 1.00; until 1 March 59 days at 0.80, less 31.00
        assert list(contract.months(_SERVICE).values()) == [
            Money(3100, "USD"),
            Money(1620, "USD"),
            Money(2480, "USD"),
            Money(800, "USD"),
        ]

    def test_months_before_need_the_original_plan(self) -> None:
        contract = modify(_usd(80), [replace(_going_on(distinct=False), original=None)], _DAY_40, DEFAULT)
        assert contract.until(_DAY_40) == _usd(40)
        with pytest.raises(InvalidTerms, match="the plan of service before 2026-02-10 is not given"):
            contract.until(date(2026, 2, 1))


class TestMixed:
    def _contract(self, policy: MixedModification) -> ModifiedContract:
        service = replace(_going_on(distinct=False), remaining_standalone_price=Fraction(50))
        training = replace(_added("training", 100, date(2026, 5, 1)))
        policies = replace(DEFAULT, mixed_modification=policy)
        return modify(_usd(160), [service, training], _DAY_40, policies)

    def test_the_total_price_may_be_allocated_by_total_standalone_prices(self) -> None:
        contract = self._contract(MixedModification.TOTAL_PRICE)
        assert contract.treatment is Treatment.MIXED
        assert [each.lifetime for each in contract.obligations] == [_usd(80), _usd(80)]
        assert contract.total_catch_up == _usd(-8)

    def test_the_remaining_price_may_be_allocated_by_remaining_standalone_prices(self) -> None:
        contract = self._contract(MixedModification.REMAINING_PRICE)
        # 120 by 50:100; the service is then worth 40 + 40 in all
        assert [each.lifetime for each in contract.obligations] == [_usd(80), _usd(80)]
        assert contract.allocation is not None
        assert contract.allocation.amounts == {"service": _usd(40), "training": _usd(80)}
        assert contract.lifetime == _usd(160)

    def test_a_distinct_share_of_the_total_price_includes_its_revenue_so_far(self) -> None:
        rest = replace(
            _going_on(distinct=True), promise=Promise("rest", 3, Fraction(100), OverTime(_SERVICE))
        )
        total = replace(DEFAULT, mixed_modification=MixedModification.TOTAL_PRICE)
        contract = modify(_usd(400), [_going_on(distinct=False), rest], _DAY_40, total)
        assert [each.lifetime for each in contract.obligations] == [_usd(200), _usd(200)]
        assert contract.until(_SERVICE.end) == _usd(400)

    def test_a_distinct_share_smaller_than_its_revenue_is_refused(self) -> None:
        rest = replace(_going_on(distinct=True), promise=Promise("rest", 3, Fraction(1), OverTime(_SERVICE)))
        with pytest.raises(
            InvalidTerms, match=r"promises.rest: 40.00 USD is recognized, more than its share"
        ):
            modify(_usd(160), [_going_on(distinct=False), rest], _DAY_40, DEFAULT)


@given(
    before=st.integers(1, 10**8),
    after=st.integers(0, 10**8),
    elapsed=st.integers(1, 99),
    distinct=st.booleans(),
)
def test_revenue_ends_at_the_new_price_and_days_before_the_change_keep_theirs(
    before: int, after: int, elapsed: int, distinct: bool
) -> None:
    day = _SERVICE.start + timedelta(days=elapsed)
    obligation = Obligation("service", 0, Money(before, "USD"), Fraction(1), OverTime(_SERVICE))
    promise = ModifiedPromise.of(obligation, day, DEFAULT, distinct=distinct)
    price = Money(after, "USD")
    if distinct and promise.recognized.minor > after:
        return
    contract = modify(price, [promise], day, DEFAULT)
    assert contract.until(_SERVICE.end) == contract.lifetime == price
    assert contract.until(day) == obligation.plan(DEFAULT).until(day)
    assert contract.historical + contract.total_catch_up + contract.future == price
    months = contract.months(Period(_SERVICE.start, add_months(_SERVICE.end, 1)))
    assert sum(each.minor for each in months.values()) == after


@pytest.mark.parametrize(
    ("price", "promises", "problem"),
    [
        (_usd(1), [], "promises: there are none"),
        (_usd(-1), [_going_on(distinct=True)], "price: -1.00 USD is negative"),
        (
            Money(100, "JPY"),
            [_going_on(distinct=True)],
            r"promises\[0\].recognized: is in USD, the price in JPY",
        ),
    ],
)
def test_impossible_modifications_are_refused(
    price: Money, promises: list[ModifiedPromise], problem: str
) -> None:
    with pytest.raises(InvalidTerms, match=problem):
        modify(price, promises, _DAY_40, DEFAULT)


def test_a_separate_contract_is_no_modification() -> None:
    with pytest.raises(InvalidTerms, match="add it beside this one"):
        modify(_usd(1), [_going_on(distinct=True)], _DAY_40, DEFAULT, Treatment.SEPARATE_CONTRACT)


def test_added_consideration_is_added_to_what_was_agreed() -> None:
    agreed = [_obligation("a", 100), _obligation("b", 20, sequence=1)]
    assert updated_price(agreed, _usd(-30)) == _usd(90)


class TestRepricing:
    def test_a_line_ends_where_a_new_price_begins(self) -> None:
        year = Period(date(2026, 1, 1), date(2027, 1, 1))
        lines = price_segments(year, _usd(10), [(date(2026, 3, 16), _usd(20))], PROFILES["zuora"])
        assert [each.period for each in lines] == [
            Period(date(2026, 1, 1), date(2026, 3, 16)),
            Period(date(2026, 3, 16), date(2027, 1, 1)),
        ]
        # two months and 15/31 of March; 16/31 and nine months
        assert [each.amount for each in lines] == [Money(2484, "USD"), Money(19032, "USD")]

    def test_a_change_outside_the_period_is_refused(self) -> None:
        with pytest.raises(InvalidTerms, match=r"changes\[0\].day: 2026-04-11 is not between"):
            price_segments(_SERVICE, _usd(1), [(_SERVICE.end, _usd(2))], DEFAULT)
