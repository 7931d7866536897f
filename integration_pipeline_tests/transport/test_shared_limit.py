from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, text

from integration_pipeline.transport.client import RetryPolicy, VendorClient
from integration_pipeline.transport.clock import SpedUpClock
from integration_pipeline.transport.failures import Explanation, FailureTable, QuotaExhausted
from integration_pipeline.transport.limits import DAY, AtOnce, Limit, QuotaSpentError, Window
from integration_pipeline.transport.shared_limit import SharedRateLimiter
from integration_pipeline_tests.transport.strict_vendor import StrictServer

if TYPE_CHECKING:
    from integration_pipeline_tests.conftest import NewDatabase

Share = Callable[..., SharedRateLimiter]


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


@pytest.fixture
def share(engine: Engine) -> Iterator[Share]:
    """Make a limiter of one tenant of Acme, as another process would."""
    opened: list[SharedRateLimiter] = []

    def share(*limits: Limit, account: str = "tenant-1", speed: float = 1.0) -> SharedRateLimiter:
        opened.append(
            SharedRateLimiter(
                url_of(engine),
                "acme",
                account,
                limits,
                clock=SpedUpClock(speed),
                registry=CollectorRegistry(),
            )
        )
        return opened[-1]

    yield share
    for limiter in opened:
        limiter.close()


def use(limiter: SharedRateLimiter, calls: int = 1, bucket: str | None = None) -> None:
    for _ in range(calls):
        with limiter.slot(bucket):
            pass


class TestSharing:
    def test_what_one_process_used_the_other_waits_for(self, share: Share) -> None:
        one, other = share(Window(3, 60.0), speed=100), share(Window(3, 60.0), speed=100)
        use(other)
        use(one, 2)

        with other.slot() as waited:
            pass

        # More than the way to the database takes, which counts as well.
        assert waited > 20.0

    def test_tells_how_much_of_the_fullest_limit_is_used(self, share: Share) -> None:
        limiter = share(Window(4, 60.0), Window(10, 60.0, "search"))
        assert limiter.load() == 0.0

        use(limiter, 3)

        assert limiter.load() == 0.75

    def test_a_used_up_quota_is_told_to_all_at_once_and_not_slept_on(self, share: Share) -> None:
        day = Window(2, DAY, name="day")
        one, other = share(day), share(day)
        use(one)
        use(other)

        for limiter in (one, other):
            with pytest.raises(QuotaSpentError, match="day") as caught:
                use(limiter)
            assert caught.value.free_in is not None
            assert DAY - 60 < caught.value.free_in <= DAY + 2

    def test_what_the_vendor_says_to_one_process_holds_for_all(self, share: Share) -> None:
        day, search = Window(1_000, DAY, name="day"), Window(10, 1.0, "search")
        one, other = share(day, search), share(day, search)
        one.exhausted(free_in=7_200.0)

        with pytest.raises(QuotaSpentError) as caught:
            use(other, bucket="search")
        assert caught.value.free_in == pytest.approx(7_200.0, abs=60)

    def test_a_refusal_of_one_process_holds_all_back(self, share: Share) -> None:
        minute = Window(100, 60.0)
        one, other = share(minute, speed=100), share(minute, speed=100)
        use(other)
        one.throttled(pause=40.0)

        with other.slot() as waited:
            pass

        assert waited > 20.0

    def test_of_a_tenant_leaves_other_tenants_alone(self, share: Share) -> None:
        day = Window(1, DAY, name="day")
        use(share(day))

        use(share(day, account="tenant-2"))

    def test_takes_the_vendors_word_for_what_others_used(self, share: Share) -> None:
        day = Window(1_000, DAY, name="day")
        one = share(day)
        use(one)
        one.observed("day", 0)

        with pytest.raises(QuotaSpentError):
            use(one)

    def test_a_slot_at_once_is_free_for_another_process_when_its_call_ended(self, share: Share) -> None:
        one, other = share(AtOnce(1)), share(AtOnce(1))
        ended: list[float] = []

        def work() -> None:
            with other.slot():
                ended.append(time.monotonic())

        with one.slot():
            thread = threading.Thread(target=work)
            thread.start()
            # Time enough for a slot to be given, were there another.
            thread.join(0.2)
            left = time.monotonic()
        thread.join()

        assert ended[0] >= left

    def test_threads_of_a_process_use_a_slot_each(self, share: Share, engine: Engine) -> None:
        limiter = share(Window(100, 60.0))
        start = threading.Barrier(16)

        def work() -> None:
            start.wait()
            use(limiter, 5)

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        with engine.connect() as connection:
            used = connection.execute(
                text("SELECT sum(slice) FROM ops.quotas, unnest(calls) AS slice")
            ).scalar_one()
        assert used == 80

    def test_names_for_two_limits_have_to_differ(self, share: Share) -> None:
        with pytest.raises(ValueError, match="called the same"):
            share(Window(1, 60.0), Window(2, 60.0))


class TestDatabaseAway:
    @pytest.fixture
    def away(self, new_database: NewDatabase) -> Iterator[SharedRateLimiter]:
        """A database in which nobody made the tables yet."""
        empty = new_database("template0")
        with SharedRateLimiter(
            url_of(empty),
            "acme",
            "tenant-1",
            [Window(10, 60.0, name="minute"), Window(50, DAY, name="day")],
            clock=SpedUpClock(600),
            registry=CollectorRegistry(),
        ) as limiter:
            yield limiter

    def test_leaves_each_process_a_share_of_the_limits(
        self, away: SharedRateLimiter, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING)
        waits: list[float] = []
        for _ in range(3):
            with away.slot() as waited:
                waits.append(waited)

        assert waits[2] > 30.0
        assert [record.getMessage() for record in caplog.records] == [
            "the database of acme quotas is away (InvalidSchemaName): "
            "this process uses 20 % of them by itself"
        ]

    def test_keeps_quotas_from_being_slept_on(self, away: SharedRateLimiter) -> None:
        use(away, 10)

        with pytest.raises(QuotaSpentError):
            use(away)

    def test_does_not_tell_the_password(self) -> None:
        limiter = SharedRateLimiter(
            "postgresql+psycopg://me:s3cret@127.0.0.1:1/books",
            "acme",
            "tenant-1",
            [Window(10, 60.0)],
            registry=CollectorRegistry(),
        )
        use(limiter)

        assert "s3cret" not in repr(vars(limiter)) + repr(vars(limiter._table))  # pyright: ignore[reportPrivateUsage]


def make_calls(database: str, server: str, speed: float, calls: int, threads: int) -> None:
    """One process with several threads, calling the vendor as fast as it is allowed to."""
    clock = SpedUpClock(speed)
    left = threading.BoundedSemaphore(calls)
    with (
        SharedRateLimiter(
            database, "acme", "tenant-1", StrictServer.LIMITS, clock=clock, registry=CollectorRegistry()
        ) as limiter,
        VendorClient(
            "acme",
            server,
            limiter=limiter,
            clock=clock,
            retries=RetryPolicy(attempts=20, total_seconds=6_000.0),
            registry=CollectorRegistry(),
        ) as client,
    ):

        def work() -> None:
            while left.acquire(blocking=False):
                client.write("POST", "/invoices", operation="invoice.create", json={}, idempotent=True)

        working = [threading.Thread(target=work) for _ in range(threads)]
        for thread in working:
            thread.start()
        for thread in working:
            thread.join()


class TestProcesses:
    def test_keep_to_a_strict_vendors_limits_together(self, engine: Engine) -> None:
        speed, calls = 60.0, 60
        spawn = multiprocessing.get_context("spawn")
        with StrictServer(speed) as server:
            workers = [
                spawn.Process(target=make_calls, args=(url_of(engine), server.url, speed, calls, 4))
                for _ in range(3)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()

            assert [worker.exitcode for worker in workers] == [0, 0, 0]
            assert server.accepted == 180
            assert server.refused <= 5

    def test_that_die_leave_no_slot_behind_for_ever(self, engine: Engine) -> None:
        one_at_once = AtOnce(1, lease_seconds=0.3)

        def limiter() -> SharedRateLimiter:
            return SharedRateLimiter(
                url_of(engine), "acme", "tenant-1", [one_at_once], registry=CollectorRegistry()
            )

        dying, living = limiter(), limiter()
        held = dying.slot()
        held.__enter__()

        with living.slot():
            pass
        living.close()


class TestClient:
    def test_stops_before_a_quota_another_process_met(self, share: Share) -> None:
        table = FailureTable(lambda _: Explanation(failure=QuotaExhausted))
        day = Window(1_000, DAY, name="day")
        with (
            StrictServer(1.0, refuses_all=True) as server,
            VendorClient(
                "acme", server.url, failures=table, limiter=share(day), registry=CollectorRegistry()
            ) as one,
            VendorClient(
                "acme", server.url, failures=table, limiter=share(day), registry=CollectorRegistry()
            ) as other,
        ):
            with pytest.raises(QuotaExhausted, match="answered 429"):
                one.read("GET", "/things", operation="things")
            with pytest.raises(QuotaExhausted, match="was not sent"):
                other.read("GET", "/things", operation="things")

            assert server.refused == 1
