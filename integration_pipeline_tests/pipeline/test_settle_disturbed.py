"""Two runs at once, and runs that are killed: nothing is settled twice, nothing is lost."""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import Engine, create_engine

from integration_pipeline.payments.movements import MovementKind, Payer
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.pipeline.settle import settle
from integration_pipeline_tests.pipeline import settle_and_die
from integration_pipeline_tests.pipeline.cashier import CASH, CREDITS, FEES, IN_TRANSIT, Cashier
from integration_pipeline_tests.pipeline.conftest import Office


@pytest.fixture
def cashier(office: Office) -> Cashier:
    return Cashier(office)


def at_once(cashier: Cashier, runs: int) -> list[StageReport]:
    """So many runs, started together, each on a server session of its own."""
    start = Barrier(runs)

    def run(engine: Engine) -> StageReport:
        start.wait()
        return settle(replace(cashier.office.pipeline, engine=engine))

    engines = [create_engine(cashier.office.pipeline.engine.url) for _ in range(runs)]
    with ThreadPoolExecutor(runs) as pool:
        reports = list(pool.map(run, engines))
    for engine in engines:
        engine.dispose()
    return reports


def settled(cashier: Cashier) -> int:
    return cashier.office.value("SELECT count(*) FROM payments.settlements")


def test_runs_at_once_settle_every_movement_once(cashier: Cashier) -> None:
    numbers = cashier.bill(*map(str, range(1, 21)))
    for each, number in enumerate(numbers):
        cashier.line(f"line-{each}", 10_000, text=number)
    cashier.receive()
    reports = at_once(cashier, 4)

    assert sum(report.counts["settled"] for report in reports) == settled(cashier) == 20
    assert cashier.balances() == {CASH: 200_000}
    cashier.prove()


def test_runs_at_once_book_what_is_of_no_customer_once(cashier: Cashier) -> None:
    for each in range(40):
        cashier.moves(MovementKind.FEE, f"txn_{each}", -10)
    cashier.receive()
    reports = at_once(cashier, 4)

    assert sum(report.counts["settled"] for report in reports) == settled(cashier) == 40
    assert sum(report.counts["waiting"] for report in reports) == 0
    assert cashier.balances() == {FEES: 400, IN_TRANSIT: -400}


def test_runs_at_once_never_give_one_balance_away_twice(cashier: Cashier) -> None:
    """Each run is given another payment of one invoice: only the customer's lock is in the way."""
    [number] = cashier.bill("1")
    for each in range(4):
        cashier.line(f"line-{each}", 6_000, text=number)
    cashier.receive()
    ids = [cashier.number(f"line-{each}") for each in range(4)]
    start = Barrier(4)

    def run(movement_id: int) -> int:
        engine = create_engine(cashier.office.pipeline.engine.url)
        start.wait()
        try:
            return settle(replace(cashier.office.pipeline, engine=engine), movements=[movement_id]).counts[
                "settled"
            ]
        finally:
            engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(run, ids))

    # 60.00 and 40.00 of 100.00; the rest of the second is the customer's; what comes after that waits.
    assert sum(counts) == 2
    assert cashier.open() == {number: (0, "paid")}
    assert cashier.balances() == {CASH: 12_000, CREDITS: -2_000}
    cashier.prove()


def test_a_run_killed_anywhere_ends_in_the_books_of_an_undisturbed_one(cashier: Cashier) -> None:
    cashier.office.portal.company("7", domain="acme.example")
    numbers = cashier.bill("1", "2", "3")
    cashier.line("line-1", 4_000, text=numbers[0])
    cashier.line("line-2", 26_000, payer=Payer(email="ap@acme.example"))
    cashier.line("line-3", 77)
    cashier.receive()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([settle_and_die.__name__])
    url = cashier.office.pipeline.engine.url.render_as_string(hide_password=False)
    deaths = 0
    for nth in range(1, 200, 3):
        process = context.Process(target=settle_and_die.die, args=(url, nth))
        process.start()
        process.join()
        cashier.prove()
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        deaths += 1

    assert deaths > 7
    assert settled(cashier) == 2
    assert set(cashier.open().values()) == {(0, "paid")}
    assert cashier.balances() == {CASH: 30_000}
    assert cashier.state("line-3")[0] == "waiting"
