"""The search for the highest rate that is kept up."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.latency.figures import Latencies, Spread
from benchmarks.latency.series import Series
from benchmarks.latency.sustained import highest


def measured(rate: float, *, p99: float = 30.0, lag: float = 0.1, closed: float | None = None) -> Series:
    spread = Spread(count=1, mean=p99, p50=p99, p95=p99, p99=p99, max=p99)
    return Series(
        name=f"{rate:g} deals/s",
        deals_per_second=rate,
        seconds=1.0,
        deals=1,
        newcomers=0,
        closed_per_second=rate if closed is None else closed,
        booked_per_second=rate,
        settled_after_last_seconds=lag,
        latencies_ms=Latencies(spread, spread, spread, spread, spread, None, 1.0, 1.0),
        where_the_time_goes_ms={},
        batches=None,
        webhooks=1,
        webhooks_sent_again=0,
        crm_calls_per_deal=1.0,
        cpu_ms_per_deal={},
        processors_busy_elsewhere=0.0,
        load_average=0.0,
        each_ms=[p99],
    )


def up_to(limit: float) -> Callable[[float], Series]:
    return lambda rate: measured(rate, p99=30.0 if rate <= limit else 900.0)


def test_the_search_climbs_until_a_rate_is_not_kept_up_and_closes_in_on_the_limit() -> None:
    found = highest([measured(20), measured(100)], up_to(120), steps=10)
    assert [each.deals_per_second for each in found.tried] == [130.0, 114.0, 121.7]
    assert found.deals_per_second == 114.0


def test_it_tries_nothing_above_a_rate_that_is_known_to_be_too_high() -> None:
    found = highest([measured(50), measured(100, p99=900.0)], up_to(1_000), steps=10)
    assert max(each.deals_per_second for each in found.tried) < 100


def test_a_bad_moment_at_a_low_rate_does_not_bound_what_went_well_at_a_higher_one() -> None:
    found = highest([measured(1, p99=900.0), measured(50)], up_to(60), steps=3)
    assert [each.deals_per_second for each in found.tried] == [65.0, 57.0, 60.9]


def test_it_descends_when_no_known_rate_is_kept_up() -> None:
    found = highest([measured(100, p99=900.0)], up_to(60), steps=10)
    assert found.deals_per_second is not None
    assert 54 < found.deals_per_second <= 60


def test_it_makes_no_more_attempts_than_it_was_given() -> None:
    assert len(highest([measured(10)], up_to(1_000), steps=3).tried) == 3


def test_a_backlog_and_a_load_that_was_held_up_are_not_kept_up() -> None:
    for bad in (measured(50, lag=4.0), measured(50, closed=40.0)):
        assert highest([measured(20), bad], up_to(1_000), steps=0).deals_per_second == 20
