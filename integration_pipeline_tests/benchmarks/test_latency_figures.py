"""What the latency benchmark makes of moments: figures that can be trusted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.latency.figures import (
    STAGES,
    Batch,
    Latencies,
    Spread,
    Way,
    lag_seconds,
    throughput,
    where_it_goes,
)
from benchmarks.latency.statements import read_log

BATCH = Batch(1, started_at=100.010, finished_at=100.040, deals=1, stages={"extract": 0.008, "post": 0.010})
WAY = Way(
    deal="1",
    newcomer=False,
    intended_at=99.990,
    sent_at=100.000,
    received_at=100.004,
    acknowledged_at=100.006,
    booked_at=100.036,
    settled_at=100.040,
    batch=BATCH,
)


def later(seconds: float, **changes: object) -> Way:
    moments = ("intended_at", "sent_at", "received_at", "acknowledged_at", "booked_at", "settled_at")
    return replace(WAY, **{name: getattr(WAY, name) + seconds for name in moments} | changes)


def test_a_percentile_is_the_smallest_duration_that_so_many_do_not_exceed() -> None:
    spread = Spread.of(float(each) for each in range(200, 0, -1))
    assert (spread.p50, spread.p95, spread.p99, spread.max) == (100.0, 190.0, 198.0, 200.0)


def test_one_duration_is_all_percentiles() -> None:
    assert Spread.of([7.0]) == Spread(1, 7.0, 7.0, 7.0, 7.0, 7.0)


def test_nothing_measured_is_no_figure() -> None:
    with pytest.raises(ValueError, match="nothing to measure"):
        Spread.of([])


def test_a_latency_ends_when_all_is_settled_and_a_load_that_is_late_hides_nothing() -> None:
    found = Latencies.of([WAY])
    assert found.webhook_to_books.max == pytest.approx(40.0)
    assert found.webhook_to_commit.max == pytest.approx(36.0)
    assert found.intended_to_books.max == pytest.approx(50.0)
    assert found.webhook_to_acknowledgement.max == pytest.approx(6.0)


def test_shares_within_the_goals_count_deals() -> None:
    slow = replace(WAY, settled_at=WAY.sent_at + 0.3)
    lost = replace(WAY, settled_at=WAY.sent_at + 0.7)
    found = Latencies.of([WAY, WAY, slow, lost])
    assert (found.share_within_50_ms, found.share_within_500_ms) == (0.5, 0.75)


def test_what_a_deal_waits_for_adds_up_to_its_latency() -> None:
    ways = [WAY, later(3.0, settled_at=103.5)]
    parts = where_it_goes(ways)
    assert sum(parts.values()) == pytest.approx(Latencies.of(ways).webhook_to_books.mean, abs=0.05)
    assert parts["extract"] == pytest.approx(8.0)
    assert set(STAGES) < set(parts)


def test_throughput_and_lag_are_those_of_all_deals_together() -> None:
    ways = [WAY, later(0.5), later(1.0)]
    assert throughput(ways) == pytest.approx(3 / 1.04, abs=0.1)
    assert lag_seconds(ways) == pytest.approx(0.05)


def test_statements_are_added_up_over_their_phases_and_lines(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text(
        "2026-11-23 03:29:00.553 UTC [1] LOG:  duration: 0.500 ms  bind _pg3_1: SELECT a\n"
        "\t  FROM b\n"
        "2026-11-23 03:29:00.554 UTC [1] LOG:  duration: 1.500 ms  execute _pg3_1: SELECT a\n"
        "\t  FROM b\n"
        "2026-11-23 03:29:00.560 UTC [1] LOG:  checkpoint starting: time\n"
        "2026-11-23 03:29:00.561 UTC [1] LOG:  duration: 2.000 ms  statement: COMMIT\n"
    )
    costs = read_log(log)
    assert {name: (cost.executions, cost.total) for name, cost in costs.items()} == {
        "SELECT a FROM b": (1, 2.0),
        "COMMIT": (1, 2.0),
    }
