"""Asking a company's own rules: what they bill, and what they may not answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from integration_pipeline.billing.custom import (
    CustomRule,
    CustomRuleFailed,
    CustomRules,
    NumberedDocument,
    NumberSeries,
    Parameters,
    Part,
    Price,
    RuleKind,
)
from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import DEFAULT, DayCount
from integration_pipeline.billing.schedule import build_schedule
from integration_pipeline.billing.terms import ContractTerms, load_terms

Contract = Callable[..., ContractTerms]
ChargeTerms = Callable[..., dict[str, Any]]

JANUARY = Period(date(2026, 1, 1), date(2026, 2, 1))
HALF = Period(date(2026, 1, 1), date(2026, 1, 17))
INVOICE = NumberedDocument("us", "invoice", date(2026, 3, 1), "USD", "US-INV-")


def rule(
    kind: RuleKind, function: Callable[..., object], name: str = "usual", **parameters: Any
) -> CustomRule:
    return CustomRule(kind, name, "acme-rules", "1.0.0", function, Parameters.of(parameters))


def rules(kind: RuleKind, function: Callable[..., object], **parameters: Any) -> CustomRules:
    return CustomRules((rule(kind, function, **parameters),))


def answering(answer: object) -> Callable[..., object]:
    def function(**_: object) -> object:
        return answer

    return function


def raising(error: Exception) -> Callable[..., object]:
    def function(**_: object) -> object:
        raise error

    return function


class TestChargeModels:
    def test_bill_the_sum_of_their_parts(self, contract: Contract, charge: ChargeTerms) -> None:
        def stepped(*, quantity: Fraction, parameters: Parameters, currency: str) -> Price:
            rate = parameters.decimal("rate")
            return Price([Part.units(quantity, rate), Part.fixed(5), Part.percent(200, Decimal("1.5"))])

        policies = replace(DEFAULT, custom=rules(RuleKind.CHARGE_MODEL, stepped))
        price = {"model": "custom", "name": "usual", "parameters": {"rate": "1.25"}}
        line = build_schedule(contract(charge(unit_price=None, price=price)), policies).lines[0]
        assert line.amount == Money(1175, "USD")
        assert line.explanation.formula == (
            "3 × 1.25 USD + 5.00 USD + 200.00 USD × 1.5 % (usual of acme-rules 1.0.0) = 11.75 USD"
        )
        assert line.explanation.inputs[1].value == 'usual {"rate":"1.25"}'
        assert line.explanation.rule_version == f"{DEFAULT.version}, acme-rules 1.0.0"

    def test_price_what_was_used_of_a_metered_charge(self, contract: Contract, charge: ChargeTerms) -> None:
        policies = replace(DEFAULT, custom=rules(RuleKind.CHARGE_MODEL, answering(Price([Part.fixed(7)]))))
        price = {"model": "custom", "name": "usual"}
        terms = contract(charge(unit_price=None, price=price, metric={"metric": "calls"}))
        assert {line.amount.minor for line in build_schedule(terms, policies).lines} == {700}

    def test_are_part_of_the_terms_that_are_stored(self, contract: Contract, charge: ChargeTerms) -> None:
        price = {"model": "custom", "name": "usual", "parameters": {"rates": ["1.25", "0.75"]}}
        terms = contract(charge(unit_price=None, price=price))
        assert load_terms(terms.model_dump_json()) == terms

    @pytest.mark.parametrize(
        ("answer", "complaint"),
        [
            (12.5, r"answered 12\.5 \(float\); it has to answer a Price"),
            (Price([Part.fixed(1.5)]), r"answered 1\.5 \(float\); it has to answer an int, a Decimal"),  # pyright: ignore[reportArgumentType] - the fault under test
            (Price([Part.units(Decimal("NaN"), 1)]), "has to answer a finite number"),
            (Price([Part.units(True, 1)]), "True .bool."),
            (Price([Part.fixed(10**16)]), "at most 1,000,000,000,000,000"),
            (Price(["12.00"]), "has to answer a Part in every place"),  # pyright: ignore[reportArgumentType] - the fault under test
        ],
    )
    def test_must_answer_exact_prices(self, answer: object, complaint: str) -> None:
        with pytest.raises(CustomRuleFailed, match=complaint):
            rules(RuleKind.CHARGE_MODEL, answering(answer)).price("usual", Fraction(1), Parameters(), "USD")

    def test_that_nobody_offers_are_refused_with_those_that_are(self) -> None:
        known = rules(RuleKind.CHARGE_MODEL, answering(Price()))
        with pytest.raises(
            CustomRuleFailed, match=r"charge_model 'other' is not known; there is usual of acme-rules 1\.0\.0"
        ):
            known.price("other", Fraction(1), Parameters(), "USD")


class TestDiscounts:
    def test_take_off_what_they_answer(self, contract: Contract, charge: ChargeTerms) -> None:
        def tenth(*, price: Fraction, parameters: Parameters, currency: str) -> Fraction:
            return price / 10

        policies = replace(DEFAULT, custom=rules(RuleKind.DISCOUNT, tenth))
        terms = contract(charge(discounts=[{"custom": "usual"}]))
        line = build_schedule(terms, policies).lines[0]
        assert line.amount == Money(32400, "USD")
        assert "− usual {}: 36.00 USD" in line.explanation.formula

    def test_take_no_more_than_there_is(self, contract: Contract) -> None:
        policies = replace(DEFAULT, custom=rules(RuleKind.DISCOUNT, answering(10**6)))
        schedule = build_schedule(contract(discounts=[{"custom": "usual"}]), policies)
        assert schedule.total == Money(0, "USD")

    def test_must_not_be_surcharges(self) -> None:
        with pytest.raises(CustomRuleFailed, match="takes -1 off; a surcharge is a charge of its own"):
            rules(RuleKind.DISCOUNT, answering(-1)).discount("usual", Fraction(9), Parameters(), "USD")

    def test_go_without_percentage_or_amount(self, contract: Contract) -> None:
        with pytest.raises(InvalidTerms, match="state one of percent, amount and custom"):
            contract(discounts=[{"custom": "usual", "percent": "5"}])


class TestProrations:
    def test_say_what_parts_of_a_period_cost(self, contract: Contract) -> None:
        def by_weeks(*, part: Period, full: Period, parameters: Parameters) -> Fraction:
            return Fraction(part.days // 7, 4)

        policies = replace(DEFAULT, day_count=DayCount.CUSTOM, custom=rules(RuleKind.PRORATION, by_weeks))
        terms = contract(start="2026-01-11", end="2026-03-01", term_months=None, anchor={"kind": "calendar"})
        first, second = build_schedule(terms, policies).lines
        assert (first.amount, second.amount) == (Money(27000, "USD"), Money(36000, "USD"))
        assert "3/4 of 2026-01-01..2026-02-01 (usual of acme-rules 1.0.0)" in first.explanation.formula

    def test_are_not_asked_about_full_periods(self) -> None:
        assert rules(RuleKind.PRORATION, raising(ValueError())).share(JANUARY, JANUARY) == (1, 1)

    def test_are_asked_once_about_the_same_days(self) -> None:
        answers = iter([Fraction(1, 2), Fraction(1, 3)])

        def moody(**_: object) -> Fraction:
            return next(answers)

        custom = rules(RuleKind.PRORATION, moody)
        assert custom.share(HALF, JANUARY) == custom.share(HALF, JANUARY) == (1, 2)

    @pytest.mark.parametrize("answer", [0.5, "1/2", None, -1])
    def test_must_answer_a_share(self, answer: object) -> None:
        with pytest.raises(CustomRuleFailed, match=r"usual of acme-rules 1\.0\.0 answer"):
            rules(RuleKind.PRORATION, answering(answer)).share(HALF, JANUARY)

    def test_go_with_the_day_count_that_asks_them(self) -> None:
        with pytest.raises(ValueError, match="go together"):
            replace(DEFAULT, day_count=DayCount.CUSTOM)
        with pytest.raises(ValueError, match="go together"):
            replace(DEFAULT, custom=rules(RuleKind.PRORATION, answering(1)))


class TestNumbering:
    def test_chooses_the_series(self) -> None:
        def by_month(*, document: NumberedDocument, parameters: Parameters) -> NumberSeries:
            return NumberSeries(f"{document.prefix}{document.issue_date:%y%m}/", parameters.whole("digits"))

        assert rules(RuleKind.NUMBERING, by_month, digits=4).series(INVOICE) == NumberSeries(
            "US-INV-2603/", 4
        )

    def test_is_the_rule_sets_where_there_is_no_rule(self) -> None:
        assert CustomRules().series(INVOICE) is None

    @pytest.mark.parametrize(
        "answer",
        ["US-", NumberSeries("US-2026"), NumberSeries("U S-"), NumberSeries("U-", 0), NumberSeries("")],
    )
    def test_must_keep_series_apart(self, answer: object) -> None:
        with pytest.raises(CustomRuleFailed, match="it has to answer"):
            rules(RuleKind.NUMBERING, answering(answer)).series(INVOICE)


class TestHolds:
    def test_give_their_reasons_one_after_the_other(self, contract: Contract) -> None:
        terms = contract()
        custom = CustomRules(
            (
                rule(RuleKind.HOLD, answering("is large"), "size"),
                rule(RuleKind.HOLD, answering(None), "never"),
                rule(RuleKind.HOLD, answering("is new"), "age"),
            )
        )
        invoice = build_schedule(terms).invoices[0]
        assert [(held.name, why) for held, why in custom.holds(invoice, terms)] == [
            ("size", "is large"),
            ("age", "is new"),
        ]

    def test_must_answer_a_reason_or_nothing(self, contract: Contract) -> None:
        terms = contract()
        with pytest.raises(CustomRuleFailed, match=r"answered True .* a reason or None"):
            list(rules(RuleKind.HOLD, answering(True)).holds(build_schedule(terms).invoices[0], terms))


class TestAFailure:
    def test_names_rule_contract_and_charge_and_is_for_quarantine(
        self, contract: Contract, charge: ChargeTerms
    ) -> None:
        custom = rules(RuleKind.CHARGE_MODEL, raising(ZeroDivisionError("division by zero")))
        terms = contract(charge(unit_price=None, price={"model": "custom", "name": "usual"}))
        with pytest.raises(InvalidTerms) as failure:
            build_schedule(terms, replace(DEFAULT, custom=custom))
        assert str(failure.value) == (
            "terms of contract C-1 cannot be billed: charge seats: usual of acme-rules 1.0.0 failed with "
            "ZeroDivisionError: division by zero"
        )
        assert isinstance(failure.value.__cause__, ZeroDivisionError)

    def test_of_a_discount_on_documents_names_the_contract(self, contract: Contract) -> None:
        custom = rules(RuleKind.DISCOUNT, raising(ValueError("no rate for 2026")))
        with pytest.raises(InvalidTerms, match=r"contract C-1 .* failed: no rate for 2026"):
            build_schedule(contract(discounts=[{"custom": "usual"}]), replace(DEFAULT, custom=custom))


@pytest.mark.parametrize("kind", [RuleKind.PRORATION, RuleKind.NUMBERING])
def test_two_rules_for_one_choice_are_refused(kind: RuleKind) -> None:
    with pytest.raises(ValueError, match=f"more than one {kind}"):
        CustomRules((rule(kind, answering(1), "one"), rule(kind, answering(1), "other")))


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two packages have a discount named 'usual'"):
        CustomRules((rule(RuleKind.DISCOUNT, answering(1)), rule(RuleKind.DISCOUNT, answering(2))))


def test_another_version_of_a_package_makes_other_policies() -> None:
    function = answering(1)
    older = rules(RuleKind.DISCOUNT, function)
    newer = CustomRules((replace(older.rules[0], version="1.0.1"),))
    assert replace(DEFAULT, custom=older).as_json() != replace(DEFAULT, custom=newer).as_json()
