"""The two evaluators say the same, and a row is judged alike in the real-time path and in a batch."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from integration_pipeline.quality import gx, native
from integration_pipeline.quality.rules import (
    Between,
    InSet,
    IsNull,
    MatchesRegex,
    NotNull,
    PairEqual,
    PairOrdered,
    Suite,
    Unique,
)
from integration_pipeline.quality.suites import SUITES
from integration_pipeline_tests.quality.batches import batches, suite_of

# Each column under the kinds of rule that suit it, so that no kind is only tried where the suites use it.
EVERY_KIND = suite_of(
    NotNull("anything"),
    IsNull("anything"),
    InSet("anything", ("USD", 1, 2**53, date(2000, 1, 1), Decimal("0.1"))),
    Unique(("anything",)),
    Between("number", 1, 2**62),
    Between("number", Decimal("-0.5"), None),
    InSet("number", (1, 2**53, 10**15)),
    Between("day", None, date(2100, 1, 1)),
    PairOrdered("day", "other_day"),
    PairEqual("day", "other_day"),
    PairEqual("anything", "number"),
    MatchesRegex("text", r"\w+|[^A-Z]"),
    Unique(("text", "number")),
)
EVERY_SUITE = [*SUITES.values(), EVERY_KIND]

# A validation by Great Expectations takes a tenth of a second however few the rows: few, large batches,
# and no shrinking, which would take minutes.
few = settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
many = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
each_suite = pytest.mark.parametrize("suite", EVERY_SUITE, ids=[suite.name for suite in EVERY_SUITE])


@each_suite
@few
@given(data=st.data())
def test_both_evaluators_report_the_same_failures(suite: Suite, data: st.DataObject) -> None:
    rows = data.draw(batches(suite, size=300))
    assert native.evaluate(suite, rows).failures == gx.evaluate(suite, rows).failures


@each_suite
@many
@given(data=st.data())
def test_a_row_alone_is_judged_as_in_a_batch_but_for_rules_that_compare_rows(
    suite: Suite, data: st.DataObject
) -> None:
    comparing = {rule.name for rule in suite.rules if isinstance(rule.expectation, Unique)}
    rows = data.draw(batches(suite, size=40))
    together = native.evaluate(suite, rows).failures
    alone = [failure for row in rows for failure in native.evaluate(suite, [row]).failures]
    assert not [failure for failure in alone if failure.rule in comparing]
    assert sorted(
        (failure for failure in together if failure.rule not in comparing), key=lambda failure: str(failure)
    ) == sorted(alone, key=lambda failure: str(failure))


@each_suite
@many
@given(data=st.data())
def test_the_order_of_rows_changes_only_the_order_of_failures(suite: Suite, data: st.DataObject) -> None:
    rows = data.draw(batches(suite, size=40))
    shuffled = data.draw(st.permutations(rows))
    assert set(native.evaluate(suite, shuffled).failures) == set(native.evaluate(suite, rows).failures)
