"""Cases of our own, in the shape of published ones, through the whole runner."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration_pipeline_tests.cases.case_file import read_cases
from integration_pipeline_tests.cases.registry import Case
from integration_pipeline_tests.cases.report import as_text
from integration_pipeline_tests.cases.runner import Verdict, run, run_case

OWN = read_cases(Path(__file__).parent / "own_cases.json")


@pytest.mark.parametrize("case", OWN, ids=lambda case: case.id)
def test_a_case_worked_by_hand_passes(case: Case) -> None:
    outcome = run_case(case)
    assert outcome.verdict is Verdict.PASSED, as_text([outcome])


def test_no_setting_of_our_own_cases_is_left_without_a_meaning() -> None:
    assert [outcome.settings.unknown for outcome in run(OWN)] == [()] * len(OWN)
