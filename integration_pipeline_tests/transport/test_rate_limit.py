from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration_pipeline.transport.limits import Window
from integration_pipeline.transport.rate_limit import RateLimiter

if TYPE_CHECKING:
    from integration_pipeline_tests.transport.conftest import WoundClock


def call(limiter: RateLimiter, clock: WoundClock, bucket: str | None = None, took: float = 0.0) -> float:
    """One call; gives the moment it started."""
    with limiter.slot(bucket):
        started = clock.now()
        clock.sleep(took)
    return started


class TestWindows:
    def test_lets_a_burst_through_and_makes_the_next_call_wait_for_the_window(
        self, clock: WoundClock
    ) -> None:
        limiter = RateLimiter([Window(3, 10.0)], clock)

        assert [call(limiter, clock) for _ in range(5)] == [0.0, 0.0, 0.0, 10.0, 10.0]

    def test_counts_a_slow_call_from_its_end(self, clock: WoundClock) -> None:
        limiter = RateLimiter([Window(1, 10.0)], clock)

        assert [call(limiter, clock, took=4.0) for _ in range(3)] == [0.0, 14.0, 28.0]

    def test_a_bucket_is_held_to_its_own_window_and_to_the_general_one(self, clock: WoundClock) -> None:
        limiter = RateLimiter([Window(4, 10.0), Window(2, 1.0, "search")], clock)

        assert [call(limiter, clock, "search") for _ in range(4)] == [0.0, 0.0, 1.0, 1.0]
        assert call(limiter, clock) == 10.0

    def test_other_buckets_are_not_held_to_it(self, clock: WoundClock) -> None:
        limiter = RateLimiter([Window(1, 60.0, "search")], clock)
        call(limiter, clock, "search")

        assert call(limiter, clock, "list") == 0.0
        assert call(limiter, clock) == 0.0

    def test_a_call_that_raises_gives_its_slot_back(self, clock: WoundClock) -> None:
        limiter = RateLimiter([Window(1, 1.0)], clock)
        with pytest.raises(KeyError), limiter.slot():
            raise KeyError

        assert call(limiter, clock) == 1.0

    @pytest.mark.parametrize(("limit", "seconds"), [(0, 1.0), (1, 0.0)])
    def test_a_window_nobody_can_pass_is_refused(self, limit: int, seconds: float) -> None:
        with pytest.raises(ValueError, match="a window needs"):
            Window(limit, seconds)

    # The clock is wound back for every example, so one may serve them all.
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        limit=st.integers(1, 6),
        calls=st.lists(st.tuples(st.floats(0, 0.4), st.floats(0, 1), st.floats(0, 0.5)), max_size=40),
    )
    def test_no_window_of_the_vendor_holds_one_call_too_many(
        self, clock: WoundClock, limit: int, calls: list[tuple[float, float, float]]
    ) -> None:
        """Whatever the latency, and wherever within the call the vendor counted it."""
        clock.time = 0.0
        limiter = RateLimiter([Window(limit, 1.0)], clock)
        counted: list[float] = []
        for took, counted_at, idle in calls:
            started = call(limiter, clock, took=took)
            counted.append(started + took * counted_at)
            clock.sleep(idle)

        for index, moment in enumerate(counted[limit:]):
            assert moment - counted[index] >= 1.0 - 1e-9


class TestThrottling:
    def test_pauses_everybody_and_narrows_the_window(self, clock: WoundClock) -> None:
        limiter = RateLimiter([Window(10, 10.0)], clock)
        limiter.throttled(pause=3.0)

        starts = [call(limiter, clock) for _ in range(8)]

        assert starts == [3.0] * 7 + [13.0]

    def test_a_search_refused_does_not_narrow_the_general_window(self, clock: WoundClock) -> None:
        limiter = RateLimiter([Window(10, 10.0), Window(5, 1.0, "search")], clock)
        limiter.throttled("search", pause=2.0)

        assert [call(limiter, clock) for _ in range(6)] == [0.0] * 6
        assert call(limiter, clock, "search") == 2.0

    def test_several_refusals_at_once_are_one_lesson(self, clock: WoundClock) -> None:
        limiter = RateLimiter([Window(10, 10.0)], clock)
        for _ in range(5):
            limiter.throttled()

        assert [call(limiter, clock) for _ in range(7)] == [0.0] * 7

    def test_the_full_limit_comes_back_with_quiet_time(self, clock: WoundClock) -> None:
        limiter = RateLimiter([Window(10, 10.0)], clock)
        limiter.throttled()
        clock.sleep(30.0)

        assert [call(limiter, clock) for _ in range(10)] == [30.0] * 10

    def test_at_least_one_call_is_always_let_through(self, clock: WoundClock) -> None:
        limiter = RateLimiter([Window(1, 1.0)], clock)
        for _ in range(5):
            limiter.throttled()
            clock.sleep(1.0)

        assert call(limiter, clock) == 5.0


class TestThreads:
    def test_share_the_limit(self) -> None:
        limiter = RateLimiter([Window(10, 0.1)])
        spans: list[tuple[float, float]] = []
        lock = threading.Lock()

        def work() -> None:
            for _ in range(6):
                with limiter.slot():
                    started = time.monotonic()
                    ended = time.monotonic()
                with lock:
                    spans.append((started, ended))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        starts = sorted(started for started, _ in spans)
        assert len(starts) == 48
        assert all(later - earlier >= 0.1 for earlier, later in zip(starts, starts[10:], strict=False))

    def test_wait_for_calls_in_flight_when_these_hold_every_slot(self) -> None:
        limiter = RateLimiter([Window(1, 0.01)])
        order: list[str] = []
        entered = threading.Event()

        def second() -> None:
            entered.set()
            with limiter.slot():
                order.append("second")

        with limiter.slot():
            thread = threading.Thread(target=second)
            thread.start()
            entered.wait()
            order.append("first")
        thread.join()

        assert order == ["first", "second"]
