"""The benchmarks of accounting systems run and come to figures, with a handful of documents each."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from sqlalchemy import Engine

from benchmarks.accounting import data_set, latency, lost_answers, throttle
from benchmarks.accounting.books import ledger_on
from integration_pipeline.sandbox.datasets.public import COLUMNS

_OPPORTUNITIES = 12


def test_lost_answers_leaves_no_problems(engine: Engine) -> None:
    found = lost_answers.measured(ledger_on(engine), 5, 1, "quickbooks", singles=True)

    assert (found.documents, found.problems) == (5, ())
    assert found.calls >= 5


def test_throttle_counts_the_calls_of_the_limit_that_binds(engine: Engine) -> None:
    found = throttle.measured(ledger_on(engine), "quickbooks", 61, speed=20.0, answer_ms=100, day=None)

    # Two batches of 30; the last document goes alone, which is no batch.
    assert (found["calls"], found["calls_of_the_binding_limit"]) == (3, 2)
    assert (found["left_pending"], found["refused_429"], found["totals_equal"]) == (0, 0, True)


def test_throttle_stops_at_a_days_end_and_says_so(engine: Engine) -> None:
    found = throttle.measured(ledger_on(engine), "xero", 150, speed=1.0, answer_ms=0, day=2)

    assert found["left_pending"] == 50
    assert found["paused_until"] is not None
    assert found["refused_429"] == 1


def test_latency_follows_deals_into_both_systems() -> None:
    [found] = latency.measured([10.0], 1.0, ms=5, history=0, warm_up_seconds=0.4)

    assert {name: each.documents for name, each in found.posted.items()} == {"quickbooks": 5, "xero": 5}
    assert all(each.webhook_to_posted.p50 > 0 for each in found.posted.values())


def test_a_data_set_comes_to_the_same_totals_everywhere(engine: Engine, small_set: Path) -> None:
    found = data_set.measured(ledger_on(engine), small_set)

    assert found.problems == []
    totals = {found.totals_minor[name] for name in ("own ledger", "quickbooks", "xero")}
    assert totals == {100 * sum(range(1, _OPPORTUNITIES + 1)) * 100}
    assert found.counts["invoices paid"] == 1


@pytest.fixture
def small_set(tmp_path: Path) -> Path:
    """Some opportunities of two accounts, all won, in the public data set's form."""
    _write(tmp_path, "accounts.csv", [{"account": "Acme"}, {"account": "Globex"}])
    _write(tmp_path, "products.csv", [{"product": "GTX Pro", "series": "GTX", "sales_price": "4821"}])
    _write(tmp_path, "sales_teams.csv", [{"sales_agent": "Ada Byron"}])
    _write(
        tmp_path,
        "sales_pipeline.csv",
        [
            {
                "opportunity_id": f"OPP{number}",
                "sales_agent": "Ada Byron",
                "product": "GTX Pro",
                "account": ("Acme", "Globex")[number % 2],
                "deal_stage": "Won",
                "engage_date": "1/2/2017",
                "close_date": "3/1/2017",
                "close_value": str(100 * number),
            }
            for number in range(1, _OPPORTUNITIES + 1)
        ],
    )
    return tmp_path


def _write(folder: Path, file: str, rows: list[dict[str, str]]) -> None:
    with (folder / file).open("w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS[file], restval="")
        writer.writeheader()
        writer.writerows(rows)
