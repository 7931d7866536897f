"""The functions that give out slots, at moments of our choosing and against a vendor's strict counter."""

from __future__ import annotations

import heapq
import json
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import count

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import Engine

from integration_pipeline.transport.limits import AtOnce, Limit, Window
from integration_pipeline.transport.quota_table import Rule
from integration_pipeline_tests.transport.strict_vendor import soonest

MINUTE = Window(3, 60.0, name="minute", slack=0.0)
DAY = Window(5, 86_400.0, name="day", slack=0.0)
MIDNIGHT = 20_000 * 86_400.0


@dataclass(frozen=True)
class Answer:
    waits: list[float]
    again: float | None
    spent: str | None
    free_in: float | None
    remaining: list[int]


class Quotas:
    """The rows of one vendor's account, asked at moments told in seconds since `MIDNIGHT`."""

    def __init__(self, connection: psycopg.Connection, *limits: Limit, account: str = "tenant-1") -> None:
        self._connection = connection
        self._rules = [Rule.of(limit, account, 1.0) for limit in limits]

    def take(
        self,
        at: float,
        wanted: int = 1,
        *,
        horizon: float = 0.0,
        returned: tuple[int, ...] = (),
        drawn: tuple[int, ...] | None = None,
        news: dict[str, int] | None = None,
    ) -> Answer:
        limits = [{**asdict(rule), **(news or {})} for rule in self._rules]
        with self._connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(
                "SELECT * FROM ops.take_slots('acme', %s, %s::jsonb, %s, %s, %s, %s)",
                (
                    wanted,
                    json.dumps(limits),
                    list(returned),
                    list(drawn or range(wanted)),
                    horizon,
                    MIDNIGHT + at,
                ),
                prepare=True,
            ).fetchone()
        assert row is not None
        return Answer(**row)

    def refuse(self, at: float, pause: float = 0.0) -> None:
        self._connection.execute(
            "SELECT ops.refuse_slots('acme', %s::jsonb, %s, %s)", (self._limits(), pause, MIDNIGHT + at)
        )

    def spend(self, at: float, free_in: float | None) -> None:
        self._connection.execute(
            "SELECT ops.spend_quotas('acme', %s::jsonb, %s, %s)", (self._limits(), free_in, MIDNIGHT + at)
        )

    def _limits(self) -> str:
        return json.dumps([asdict(rule) for rule in self._rules])


@pytest.fixture
def connection(engine: Engine) -> Iterator[psycopg.Connection]:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connected:
        yield connected


class TestWindows:
    def test_give_what_they_allow_and_say_when_more_is_free(self, connection: psycopg.Connection) -> None:
        quotas = Quotas(connection, MINUTE)

        assert quotas.take(0.0, 2) == Answer([0.0, 0.0], None, None, None, [3])
        assert (short := quotas.take(10.0, 2)).waits == [0.0]
        assert short.again == pytest.approx(50.0)
        assert short.remaining == [1]
        assert quotas.take(59.9).waits == []
        assert quotas.take(60.0, 2).waits == [0.0, 0.0]

    def test_reserve_ahead_as_far_as_asked(self, connection: psycopg.Connection) -> None:
        quotas = Quotas(connection, MINUTE)
        quotas.take(0.0, 2)
        quotas.take(20.0)

        given = quotas.take(50.0, 3, horizon=15.0)

        assert given.waits == pytest.approx([10.0, 10.0])
        assert given.again == pytest.approx(15.0)
        assert quotas.take(80.0).waits == [0.0]

    def test_keep_a_slot_for_the_slack_as_well(self, connection: psycopg.Connection) -> None:
        quotas = Quotas(connection, replace(MINUTE, limit=1, slack=2.0))
        quotas.take(0.0)

        assert quotas.take(61.0).again == pytest.approx(1.0)

    def test_never_give_more_than_they_allow_at_once(self, connection: psycopg.Connection) -> None:
        assert Quotas(connection, MINUTE).take(0.0, 10).waits == [0.0] * 3

    def test_hold_a_call_to_all_that_count_it(self, connection: psycopg.Connection) -> None:
        second = Window(1, 1.0, "search", slack=0.0)
        everything, searching = Quotas(connection, MINUTE), Quotas(connection, MINUTE, second)

        assert searching.take(0.0, 3, horizon=5.0).waits == [0.0]
        assert searching.take(1.0).waits == [0.0]
        assert everything.take(1.0).waits == [0.0]
        assert searching.take(2.0).again == pytest.approx(58.0)

    def test_of_two_accounts_are_two(self, connection: psycopg.Connection) -> None:
        one, other = Quotas(connection, MINUTE), Quotas(connection, MINUTE, account="tenant-2")
        one.take(0.0, 3)

        assert other.take(0.0, 3).waits == [0.0] * 3

    def test_of_the_whole_app_are_one(self, connection: psycopg.Connection) -> None:
        app = replace(MINUTE, whole_app=True)
        one, other = Quotas(connection, app), Quotas(connection, app, account="tenant-2")
        one.take(0.0, 2)

        assert other.take(0.0, 2).waits == [0.0]


class TestRefusals:
    def test_hold_everybody_back_as_long_as_told(self, connection: psycopg.Connection) -> None:
        quotas = Quotas(connection, MINUTE)
        quotas.take(0.0)
        quotas.refuse(1.0, 30.0)

        assert quotas.take(2.0).again == pytest.approx(29.0)
        assert quotas.take(31.0).waits == [0.0]

    def test_narrow_a_window_when_they_come_back_and_give_it_free_with_quiet_time(
        self, connection: psycopg.Connection
    ) -> None:
        quotas = Quotas(connection, Window(100, 10.0, slack=0.0))
        quotas.take(0.0)

        quotas.refuse(0.0)
        quotas.refuse(0.5)
        assert quotas.take(11.0, 0).remaining == [100]
        quotas.refuse(12.0)
        assert quotas.take(12.0, 0).remaining == [80]
        assert quotas.take(22.0, 0).remaining == [90]
        assert quotas.take(32.0, 0).remaining == [100]


class TestQuotas:
    def test_of_a_rolling_day_are_said_to_be_used_up_at_once(self, connection: psycopg.Connection) -> None:
        quotas = Quotas(connection, MINUTE, DAY)
        for hour in range(5):
            quotas.take(hour * 3_600.0)

        told = quotas.take(20_000.0)

        assert (told.waits, told.spent, told.remaining) == ([], "day", [3, 0])
        assert told.free_in == pytest.approx(66_400.0)
        assert quotas.take(86_400.0, 2).waits == [0.0]

    def test_of_a_civil_day_start_again_at_midnight(self, connection: psycopg.Connection) -> None:
        quotas = Quotas(connection, replace(DAY, resets="utc day"))
        quotas.take(86_000.0, 5)

        assert quotas.take(86_390.0).free_in == pytest.approx(10.0)
        assert quotas.take(86_400.0, 5).waits == [0.0] * 5

    @pytest.mark.parametrize(
        ("resets", "free_in", "again"),
        [("rolling", 7_200.0, 7_200.0), ("rolling", None, 3_600.0), ("utc day", None, 86_300.0)],
    )
    def test_the_vendor_calls_used_up_stay_so_until_they_are_free(
        self, connection: psycopg.Connection, resets: str, free_in: float | None, again: float
    ) -> None:
        quotas = Quotas(connection, replace(DAY, resets=resets))
        quotas.spend(100.0, free_in)

        assert quotas.take(100.0).free_in == pytest.approx(again)
        assert quotas.take(100.0 + again - 1.0).spent == "day"
        assert quotas.take(100.0 + again).waits == [0.0]


class TestNews:
    def test_of_less_left_than_we_counted_takes_it_away(self, connection: psycopg.Connection) -> None:
        quotas = Quotas(connection, MINUTE)
        quotas.take(0.0)

        assert quotas.take(1.0, 3, news={"observed": 1}).waits == [0.0]

    def test_of_more_left_in_a_short_window_is_older_than_our_own_calls(
        self, connection: psycopg.Connection
    ) -> None:
        quotas = Quotas(connection, MINUTE)
        quotas.take(0.0, 3)

        assert quotas.take(1.0, news={"observed": 3}).waits == []

    def test_of_far_more_left_in_a_day_is_believed(self, connection: psycopg.Connection) -> None:
        quotas = Quotas(connection, DAY)
        quotas.take(0.0, 5)

        assert quotas.take(1.0, 5, news={"observed": 3}).waits == [0.0] * 3

    def test_of_calls_made_unseen_counts_them(self, connection: psycopg.Connection) -> None:
        quotas = Quotas(connection, MINUTE)

        assert quotas.take(0.0, 3, news={"unreported": 2}).waits == [0.0]


class TestAtOnce:
    def test_gives_a_slot_again_when_a_call_ended(self, connection: psycopg.Connection) -> None:
        quotas = Quotas(connection, AtOnce(2))

        assert quotas.take(0.0, 3, drawn=(11, 12, 13)).waits == [0.0, 0.0]
        assert quotas.take(1.0, drawn=(13,)).again == 0.02
        assert quotas.take(1.0, drawn=(13,), returned=(11,)).waits == [0.0]
        assert quotas.take(1.0, 0, returned=(12, 13)).remaining == [2]

    def test_takes_the_slot_of_a_dead_process_back(self, connection: psycopg.Connection) -> None:
        quotas = Quotas(connection, AtOnce(1, lease_seconds=150.0))
        quotas.take(0.0, drawn=(11,))

        assert quotas.take(149.0).waits == []
        assert quotas.take(150.0).waits == [0.0]

    def test_that_is_full_uses_nothing_of_the_window(self, connection: psycopg.Connection) -> None:
        quotas = Quotas(connection, AtOnce(1), MINUTE)
        quotas.take(0.0, drawn=(11,))

        for _ in range(5):
            quotas.take(1.0, drawn=(12,))

        assert quotas.take(2.0, 0).remaining == [0, 2]


class StrictVendor:
    """Counts calls in sliding windows, to the microsecond, and what comes too early or too many at once."""

    def __init__(self, *limits: Limit) -> None:
        self._windows = [(limit, deque[float]()) for limit in limits if isinstance(limit, Window)]
        self._at_once = min((limit.limit for limit in limits if isinstance(limit, AtOnce)), default=10**6)
        self.under_way = 0
        self.accepted: list[float] = []
        self.refused = 0

    def takes(self, at: float) -> bool:
        for window, seen in self._windows:
            while seen and seen[0] <= at - window.seconds:
                seen.popleft()
        full = any(len(seen) >= window.limit for window, seen in self._windows)
        if full or self.under_way > self._at_once:
            self.refused += 1
            return False
        for _, seen in self._windows:
            seen.append(at)
        self.accepted.append(at)
        return True


XERO = (AtOnce(5), Window(60, 60.0, name="minute"))
QUICKBOOKS = (Window(500, 60.0, name="minute"), Window(10, 1.0, name="second"))
BRISK = (Window(10, 1.0, name="second"),)
CALLERS = 12


@pytest.mark.parametrize(
    ("limits", "calls"),
    [(XERO, 600), (QUICKBOOKS, 3_000), (BRISK, 1_000)],
    ids=["Xero", "QuickBooks", "brisk"],
)
def test_a_strict_counter_refuses_nothing_and_sees_its_limit_used(
    connection: psycopg.Connection, limits: tuple[Limit, ...], calls: int
) -> None:
    """Callers in many processes, ways to the vendor that differ by 25 ms, answers after 30 to 300 ms."""
    lots = random.Random(7)  # noqa: S311 - latencies
    vendor, quotas = StrictVendor(*limits), Quotas(connection, *limits)
    order, numbers = count(), count(1)
    returned: list[int] = []
    due = [(lots.uniform(0, 0.1), next(order), "asks", 0) for _ in range(CALLERS)]
    heapq.heapify(due)
    while len(vendor.accepted) < calls:
        at, _, what, lease = heapq.heappop(due)
        if what == "asks":
            lease = next(numbers)
            answer = quotas.take(at, horizon=1.0, returned=tuple(returned), drawn=(lease,))
            returned.clear()
            if answer.waits:
                arrives = at + answer.waits[0] + lots.uniform(0.005, 0.03)
                heapq.heappush(due, (arrives, next(order), "arrives", lease))
            else:
                heapq.heappush(due, (at + (answer.again or 0.0), next(order), "asks", 0))
        elif what == "arrives":
            vendor.under_way += 1
            vendor.takes(at)
            heapq.heappush(due, (at + lots.uniform(0.025, 0.27), next(order), "ends", lease))
        else:
            vendor.under_way -= 1
            returned.append(lease)
            heapq.heappush(due, (at, next(order), "asks", 0))

    assert vendor.refused == 0
    assert soonest(limits, calls) / (vendor.accepted[-1] - vendor.accepted[0]) >= 0.95
