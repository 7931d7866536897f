"""Declaring rules: what is refused, and when a suite's version changes."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from integration_pipeline.quality.rules import Between, MatchesRegex, NotNull, RowRule, Suite, Unique
from integration_pipeline.quality.suites import DEALS
from integration_pipeline_tests.quality.batches import suite_of


def test_a_version_is_short_and_the_same_for_the_same_declaration() -> None:
    assert re.fullmatch("[0-9a-f]{12}", DEALS.version)
    assert Suite(DEALS.name, DEALS.rules).version == DEALS.version


@pytest.mark.parametrize(
    "change",
    [
        {"expectation": NotNull("another_column")},
        {"reason": "another reason"},
        {"waivable": True},
    ],
    ids=["expectation", "wording", "waivable"],
)
def test_a_version_changes_with_any_part_of_a_rule(change: dict[str, object]) -> None:
    first, *rest = DEALS.rules
    assert Suite(DEALS.name, (replace(first, **change), *rest)).version != DEALS.version


def test_a_version_changes_with_the_order_of_rules() -> None:
    assert Suite(DEALS.name, DEALS.rules[::-1]).version != DEALS.version


@pytest.mark.parametrize(
    ("minimum", "maximum", "complaint"),
    [
        (None, None, "needs a minimum or a maximum"),
        (2, 1, "not below"),
        (1, date(2000, 1, 1), "not below"),
        (2**62 + 1, None, "not exact as a double"),
        (None, Decimal("0.1"), "not exact as a double"),
    ],
)
def test_between_refuses_bounds_an_evaluator_could_not_hold(
    minimum: int | None, maximum: int | Decimal | date | None, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Between("a", minimum, maximum)


def test_a_regex_with_capturing_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="groups in"):
        MatchesRegex("a", "(USD|EUR)")


def test_a_regex_that_does_not_compile_is_refused() -> None:
    with pytest.raises(re.error):
        MatchesRegex("a", "[A-Z")


def test_unique_over_no_column_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a column"):
        Unique(())


def test_two_rules_of_one_name_are_refused() -> None:
    (rule,) = suite_of(NotNull("a")).rules
    with pytest.raises(ValueError, match=r"several rules named \['rule 0'\]"):
        Suite("sample", (rule, rule))


@pytest.mark.parametrize("template", ["{deal_name", "{0}", "{row.secret}", "{amount:.2f}", "{amount!s}"])
def test_a_template_that_could_not_be_filled_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="rule 'sample': template"):
        RowRule(name="sample", expectation=NotNull("a"), field="a", reason=template, next_step="mend it")
