"""What each expectation means, for both evaluators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal

import pytest

from integration_pipeline.quality import gx, native
from integration_pipeline.quality.rows import Row
from integration_pipeline.quality.rules import (
    Between,
    Expectation,
    InSet,
    IsNull,
    MatchesRegex,
    NotNull,
    PairEqual,
    PairOrdered,
    Suite,
    Unique,
    Verdict,
)
from integration_pipeline_tests.quality.batches import rows_of, suite_of

Evaluate = Callable[[Suite, Sequence[Row]], Verdict]


@pytest.fixture(params=[native.evaluate, gx.evaluate], ids=["native", "great expectations"])
def evaluate(request: pytest.FixtureRequest) -> Evaluate:
    return request.param


def failed(evaluate: Evaluate, expectation: Expectation, **columns: Sequence[object]) -> list[object]:
    """Row ids, which `rows_of` numbers from 0."""
    return [failure.row_id for failure in evaluate(suite_of(expectation), rows_of(**columns)).failures]


def test_not_null_fails_nulls_and_passes_empty_text(evaluate: Evaluate) -> None:
    assert failed(evaluate, NotNull("a"), a=["x", None, "", 0]) == [1]


def test_is_null_fails_every_value_even_an_empty_one(evaluate: Evaluate) -> None:
    assert failed(evaluate, IsNull("a"), a=[None, "problem", "", 0]) == [1, 2, 3]


def test_between_includes_both_bounds_and_skips_nulls(evaluate: Evaluate) -> None:
    assert failed(evaluate, Between("a", 1, 3), a=[0, 1, 2, 3, 4, None]) == [0, 4]


def test_between_with_one_bound_leaves_the_other_side_open(evaluate: Evaluate) -> None:
    assert failed(evaluate, Between("a", 1, None), a=[0, 1, 10**30]) == [0]
    assert failed(evaluate, Between("a", None, 1), a=[-(10**30), 1, 2]) == [2]


def test_between_compares_dates(evaluate: Evaluate) -> None:
    days = [date(1999, 12, 31), date(2000, 1, 1), date(2100, 1, 1), date(2100, 1, 2), None]
    assert failed(evaluate, Between("a", date(2000, 1, 1), date(2100, 1, 1)), a=days) == [0, 3]


def test_between_compares_large_integers_exactly(evaluate: Evaluate) -> None:
    # The nearest double of each of these is 2**62, the bound itself.
    around = [2**62 - 1, 2**62, 2**62 + 1, None]
    assert failed(evaluate, Between("a", 2**62, 2**62), a=around) == [0, 2]


def test_between_compares_decimals_exactly(evaluate: Evaluate) -> None:
    values = [Decimal("0.4999999999999999999999"), Decimal("0.5"), 1]
    assert failed(evaluate, Between("a", Decimal("0.5"), None), a=values) == [0]


def test_in_set_fails_what_is_not_listed_and_skips_nulls(evaluate: Evaluate) -> None:
    assert failed(evaluate, InSet("a", ("won", "lost")), a=["won", "open", None, "WON"]) == [1, 3]


def test_in_set_compares_large_integers_exactly(evaluate: Evaluate) -> None:
    assert failed(evaluate, InSet("a", (2**53,)), a=[2**53, 2**53 + 1]) == [1]


def test_in_set_tells_a_number_from_its_text(evaluate: Evaluate) -> None:
    assert failed(evaluate, InSet("a", (1,)), a=[1, "1"]) == [1]


def test_matches_regex_is_about_the_whole_text(evaluate: Evaluate) -> None:
    values = ["USD", "usd", "USDX", "XUSD", "USD\n", "", "ＵＳＤ", None]
    assert failed(evaluate, MatchesRegex("a", "[A-Z]{3}"), a=values) == [1, 2, 3, 4, 5, 6]


def test_matches_regex_keeps_alternatives_within_its_anchors(evaluate: Evaluate) -> None:
    assert failed(evaluate, MatchesRegex("a", "in|out"), a=["in", "out", "into", "about"]) == [2, 3]


def test_matches_regex_knows_letters_beyond_ascii(evaluate: Evaluate) -> None:
    assert failed(evaluate, MatchesRegex("a", r"\w+"), a=["Zürich", "東京", "😀"]) == [2]


def test_unique_fails_every_row_of_a_group_of_equals_and_skips_nulls(evaluate: Evaluate) -> None:
    assert failed(evaluate, Unique(("a",)), a=["x", "y", "x", None, None, "X"]) == [0, 2]


def test_unique_tells_large_integers_apart(evaluate: Evaluate) -> None:
    assert failed(evaluate, Unique(("a",)), a=[2**53, 2**53 + 1, None, 2**62, 2**62]) == [3, 4]


def test_unique_over_several_columns_compares_them_together(evaluate: Evaluate) -> None:
    assert failed(evaluate, Unique(("a", "b")), a=["x", "x", "x", "x", "x"], b=[1, 2, 1, None, None]) == [
        0,
        2,
    ]


def test_pair_equal_fails_a_difference_of_one_at_any_size_and_skips_nulls(evaluate: Evaluate) -> None:
    assert failed(evaluate, PairEqual("a", "b"), a=[1, 2**62, 5, None], b=[1, 2**62 + 1, None, 5]) == [1]


def test_pair_ordered_allows_equality_and_skips_nulls(evaluate: Evaluate) -> None:
    first, second = date(2025, 1, 31), date(2025, 2, 28)
    assert failed(
        evaluate,
        PairOrdered("a", "b"),
        a=[first, first, second, None, first],
        b=[second, first, first, first, None],
    ) == [2]


def test_a_missing_column_is_null(evaluate: Evaluate) -> None:
    verdict = evaluate(suite_of(NotNull("a"), IsNull("b")), [{"row_id": "only"}])
    assert [(failure.row_id, failure.rule) for failure in verdict.failures] == [("only", "rule 0")]


def test_a_decimal_that_is_not_a_number_is_null(evaluate: Evaluate) -> None:
    assert failed(evaluate, NotNull("a"), a=[Decimal("NaN"), Decimal("sNaN"), Decimal(1)]) == [0, 1]


def test_an_empty_batch_passes(evaluate: Evaluate) -> None:
    verdict = evaluate(suite_of(NotNull("a"), Unique(("a", "b")), PairEqual("a", "b")), [])
    assert (verdict.evaluated, verdict.failures) == (0, ())


def test_two_rules_may_expect_the_same_of_one_column(evaluate: Evaluate) -> None:
    verdict = evaluate(suite_of(NotNull("a"), NotNull("a")), rows_of(a=[None]))
    assert [failure.rule for failure in verdict.failures] == ["rule 0", "rule 1"]


def test_failures_come_in_rule_order_and_then_in_row_order(evaluate: Evaluate) -> None:
    rows = [{"row_id": name, "a": value} for name, value in [("z", -1), ("y", None), ("x", -2)]]
    verdict = evaluate(suite_of(Between("a", 0, None), NotNull("a")), rows)
    assert [(failure.rule, failure.row_id) for failure in verdict.failures] == [
        ("rule 0", "z"),
        ("rule 0", "x"),
        ("rule 1", "y"),
    ]


def test_a_repeated_row_id_hides_no_failure(evaluate: Evaluate) -> None:
    rows = [{"row_id": 7, "a": None}, {"row_id": 7, "a": 1}, {"row_id": 7, "a": None}]
    assert [failure.row_id for failure in evaluate(suite_of(NotNull("a")), rows).failures] == [7, 7]


def test_a_verdict_names_the_suite_its_version_and_the_rows_it_saw(evaluate: Evaluate) -> None:
    suite = suite_of(NotNull("a"))
    verdict = evaluate(suite, rows_of(a=[1, None, None]))
    assert (verdict.suite, verdict.suite_version, verdict.evaluated) == ("sample", suite.version, 3)
    assert verdict.failed_row_ids == {1, 2}


@pytest.mark.parametrize(
    ("expectation", "value", "complaint"),
    [
        (NotNull("a"), 1.5, r"row 0: column 'a' holds 1.5 \(float\)"),
        (Between("a", 1, None), "12", "row 0: rule 'rule 0' compares text with number in a"),
        (Between("a", date(2000, 1, 1), None), 20250131, "compares number with date"),
        (MatchesRegex("a", "[0-9]+"), 12, "compares number with text"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(
    evaluate: Evaluate, expectation: Expectation, value: object, complaint: str
) -> None:
    with pytest.raises(TypeError, match=complaint):
        evaluate(suite_of(expectation), rows_of(a=[value]))


def test_a_row_without_an_id_is_refused(evaluate: Evaluate) -> None:
    with pytest.raises(TypeError, match="row 0 of the batch: 'row_id' is None"):
        evaluate(suite_of(NotNull("a")), [{"a": 1}])
