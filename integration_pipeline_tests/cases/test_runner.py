"""The runner: what it reports for wrong figures, unknown features, crashes and broken files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from integration_pipeline_tests.cases.__main__ import main
from integration_pipeline_tests.cases.notation import Inputs
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter
from integration_pipeline_tests.cases.runner import Outcome, Verdict, run_case

WEEKS: dict[str, Any] = {
    "id": "OWN-1",
    "kind": "test",
    "feature": "schedule/whole_periods_count",
    "inputs": {"period": "weekly", "start": "2026-03-02", "end": "2026-03-23"},
    "expected": {"whole_periods": 3},
    "settings": {},
    "convention": "",
    "notes": "",
}

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A file of cases, each given as the changes that make it of `WEEKS`."""

    def written(*changes: Mapping[str, Any]) -> Path:
        path = tmp_path / "cases.json"
        path.write_text(json.dumps([{**WEEKS, **change} for change in changes]))
        return path

    return written


def _run(**changes: Any) -> Outcome:
    return run_case(Case(**{**WEEKS, **changes}))


def test_a_wrong_figure_fails_with_both_figures(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(write({"expected": {"whole_periods": 4}}))]) == 1
    assert "whole_periods: expected 4, got 3" in capsys.readouterr().out


def test_a_figure_that_no_adapter_answers_is_not_expressible_by_name() -> None:
    outcome = _run(expected={"whole_periods": 3, "last_period": "2026-03-22"})
    assert outcome.verdict is Verdict.NOT_EXPRESSIBLE
    assert "does not answer last_period" in outcome.reason


def test_a_wrong_figure_beside_one_without_an_answer_fails() -> None:
    outcome = _run(expected={"whole_periods": 4, "last_period": "2026-03-22"})
    assert outcome.verdict is Verdict.FAILED


def test_a_right_file_exits_with_zero(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(write({}))]) == 0
    assert "OWN              1       0                0" in capsys.readouterr().out


def test_an_unknown_feature_is_not_expressible_and_fails_nothing(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(write({"feature": "nonsense/of_nobody"}))]) == 0
    assert "no adapter for feature nonsense/of_nobody" in capsys.readouterr().out


def test_an_input_that_no_adapter_reads_is_not_expressible_by_name() -> None:
    outcome = _run(inputs={**WEEKS["inputs"], "holidays": ["2026-03-09"]})
    assert (outcome.verdict, outcome.reason) == (Verdict.NOT_EXPRESSIBLE, "inputs not understood: holidays")


def test_a_crash_of_an_adapter_fails_the_case_and_names_the_exception() -> None:
    @adapter("test_runner/crash")
    def crash(case: Case) -> dict[str, Any]:
        return {"figure": 1 // len(case.siblings)}

    outcome = _run(feature="test_runner/crash")
    assert outcome.verdict is Verdict.FAILED
    assert "crash raised ZeroDivisionError" in outcome.reason


def test_the_next_adapter_is_asked_where_one_does_not_know_the_notation() -> None:
    @adapter("test_runner/shared")
    def first(case: Case) -> dict[str, Any]:
        raise NotExpressible("written by another system")

    @adapter("test_runner/*")
    def second(case: Case) -> dict[str, Any]:
        return {"whole_periods": Inputs.of(case).text("period").count("e") + 1}

    assert _run(feature="test_runner/shared").verdict is Verdict.PASSED


def test_only_the_asked_family_and_case_are_run(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write({}, {"id": "KB-1"}, {"id": "KB-2"})
    main([str(path), "--family", "KB", "--json"])
    assert [case["id"] for case in json.loads(capsys.readouterr().out)["cases"]] == ["KB-1", "KB-2"]
    main([str(path), "--id", "KB-2", "--json"])
    assert [case["id"] for case in json.loads(capsys.readouterr().out)["cases"]] == ["KB-2"]


def test_json_is_one_document_with_both_figures(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(write({"expected": {"whole_periods": 4}})), "--json"])
    [case] = json.loads(capsys.readouterr().out)["cases"]
    assert case["differences"] == [{"figure": "whole_periods", "expected": "4", "actual": "3"}]


def test_a_setting_without_a_meaning_is_named(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(write({"settings": {"day_count": "by the phase of the moon"}}))])
    assert "day_count: by the phase of the moon  [OWN-1]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": None}, "case OWN-1, key `inputs`: None; write an object"),
        ({"feature": 7}, "case OWN-1, key `feature`: 7; write a text"),
        ({"id": ["x"]}, "case number 1, key `id`: ['x']; write a text"),
        ({"settings": {"money": 2}}, "case OWN-1, key `settings.money`: 2; write a text"),
    ],
)
def test_a_malformed_case_is_named_with_its_key(
    change: dict[str, Any], message: str, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(write(change))]) == 2
    assert message in capsys.readouterr().err


def test_two_cases_of_one_id_are_refused(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(write({}, {}))]) == 2
    assert "case OWN-1, key `id`: used by an earlier case" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", "7", '{"tests": []}', "[NaN]", "[" * 100_000])
def test_a_file_that_holds_no_cases_is_refused_by_its_path(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    assert main([str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_a_missing_file_is_refused_by_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.json")]) == 2
    assert "none.json: No such file" in capsys.readouterr().err
