"""Great Expectations as a guest: silent, offline, without files, and never in doubt in our favour."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from integration_pipeline.quality import gx
from integration_pipeline.quality.rules import Between, NotNull
from integration_pipeline_tests.quality.batches import rows_of, suite_of

PROGRAM = """
import socket

def refuse(*_):
    raise AssertionError("opened a connection")

socket.socket.connect = socket.getaddrinfo = refuse
from integration_pipeline.quality.gx import evaluate
from integration_pipeline.quality.suites import DEALS
print(len(evaluate(DEALS, [{"row_id": 1, "amount_minor": 0}]).failures))
"""


def test_evaluating_writes_no_file_prints_nothing_and_calls_nobody(tmp_path: Path) -> None:
    finished = subprocess.run(  # noqa: S603 - runs this interpreter on a fixed program
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PYTHONWARNINGS": "default::UserWarning"},
        capture_output=True,
        text=True,
        check=False,
    )
    # Without customer, currency and close date, and with an amount of nothing.
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "4\n", "")
    assert list(tmp_path.iterdir()) == []


def test_batches_judged_at_the_same_time_do_not_mix() -> None:
    suite = suite_of(Between("a", 0, 0))
    with ThreadPoolExecutor(4) as pool:
        batches = [rows_of(a=[1] * wrong + [0]) for wrong in range(8)]
        verdicts = pool.map(partial(gx.evaluate, suite), batches)
        assert [len(verdict.failures) for verdict in verdicts] == list(range(8))


def test_a_batch_with_more_failures_than_great_expectations_lists_values_reports_them_all() -> None:
    # Great Expectations cuts lists of failing values, though not of positions, at 200.
    verdict = gx.evaluate(suite_of(NotNull("a")), rows_of(a=[None] * 500))
    assert len(verdict.failures) == 500


class Incomparable(int):
    def __ge__(self, other: object) -> bool:
        raise ArithmeticError("cannot be compared")


def test_a_rule_that_could_not_be_evaluated_stops_the_batch() -> None:
    # Great Expectations catches the error and goes on with the other rules.
    suite = suite_of(NotNull("a"), Between("a", 0, None))
    with pytest.raises(gx.GreatExpectationsError, match=r"'rule 1' was not evaluated.*cannot be compared"):
        gx.evaluate(suite, rows_of(a=[Incomparable(1)]))
