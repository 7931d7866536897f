"""How much of a vendor's limit several processes use together, what they are refused, what a slot costs.

Real HTTP to a vendor that counts in sliding windows, whose time runs faster than ours so that the twenty
minutes 10,000 invoices take are over sooner. Prints JSON: `utilisation` is the time a perfect schedule needs
over the time it took, by the vendor's own clock; `steady_utilisation` looks at it from the first full window
on. What does not keep up on a busy machine is the calling: take a smaller speed then.

    python benchmarks/quotas.py [--calls 10000] [--speed 20] [--processes 3] [--threads 6]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine

from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline.store.migrate import upgrade
from integration_pipeline.transport.client import RetryPolicy, VendorClient
from integration_pipeline.transport.clock import SpedUpClock
from integration_pipeline.transport.limits import AtOnce, Limit, Window
from integration_pipeline.transport.shared_limit import SharedRateLimiter
from integration_pipeline_tests.transport.strict_vendor import StrictServer, soonest

TENANTS: dict[str, tuple[tuple[Limit, ...], int]] = {
    # Limits, and how many of the calls are made: Xero takes 50 invoices in one.
    "quickbooks": ((AtOnce(10), Window(500, 60.0, name="minute")), 1),
    "xero": ((AtOnce(5), Window(60, 60.0, name="minute"), Window(5_000, 86_400.0, name="day")), 50),
}


def make_calls(database: str, server: str, tenant: str, speed: float, calls: int, threads: int) -> None:
    """One process, as fast as it is allowed to."""
    clock = SpedUpClock(speed)
    left = threading.BoundedSemaphore(calls)
    limits, _ = TENANTS[tenant]
    registry = CollectorRegistry()
    with (
        SharedRateLimiter(database, tenant, "benchmark", limits, clock=clock, registry=registry) as limiter,
        VendorClient(
            tenant,
            server,
            limiter=limiter,
            clock=clock,
            retries=RetryPolicy(attempts=50, total_seconds=60_000.0),
            registry=registry,
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


def measured(
    database: str, tenant: str, speed: float, calls: int, processes: int, threads: int
) -> dict[str, object]:
    limits, invoices_a_call = TENANTS[tenant]
    share = calls // invoices_a_call // processes
    spawn = multiprocessing.get_context("spawn")
    with StrictServer(speed, limits=limits) as server:
        workers = [
            spawn.Process(target=make_calls, args=(database, server.url, tenant, speed, share, threads))
            for _ in range(processes)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        took = server.moments[-1] - server.moments[0]
        return {
            "calls": server.accepted,
            "refused": server.refused,
            "vendor_minutes": round(took / 60, 2),
            "utilisation": round(soonest(limits, server.accepted) / took, 4),
            "steady_utilisation": round(_steady(limits, server.moments), 4),
        }


def _steady(limits: Sequence[Limit], moments: Sequence[float]) -> float:
    """The same once the first window was full: without the time its calls and the last ones take to make."""
    minute = next(limit for limit in limits if isinstance(limit, Window))
    full = len(moments) // minute.limit
    if full < 2:
        return 1.0
    first, last = moments[minute.limit - 1], moments[full * minute.limit - 1]
    return (full - 1) * minute.seconds / (last - first)


def round_trip(database: str, tenant: str) -> dict[str, float]:
    """Milliseconds a caller spends on a slot that is free."""
    wide = [Window(10**6, 60.0, name="minute"), Window(10**6, 1.0, name="second")]
    spent: list[float] = []
    with SharedRateLimiter(database, tenant, "round trip", wide, registry=CollectorRegistry()) as limiter:
        for _ in range(1_000):
            started = time.perf_counter()
            with limiter.slot():
                spent.append((time.perf_counter() - started) * 1e3)
    cuts = quantiles(spent, n=100)
    return {"p50_ms": round(cuts[49], 2), "p90_ms": round(cuts[89], 2), "p99_ms": round(cuts[98], 2)}


@contextmanager
def database() -> Generator[str]:
    with tempfile.TemporaryDirectory() as scratch, EmbeddedPostgres.start(Path(scratch)) as server:
        server.ensure_database("quotas")
        engine = create_engine(server.url("quotas"))
        upgrade(engine)
        engine.dispose()
        yield server.url("quotas")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=10_000, help="invoices")
    parser.add_argument("--speed", type=float, default=20.0, help="seconds of the vendor's in one of ours")
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--threads", type=int, default=6, help="in each process")
    given = parser.parse_args()
    with database() as url:
        report: dict[str, object] = {
            tenant: measured(url, tenant, given.speed, given.calls, given.processes, given.threads)
            for tenant in TENANTS
        }
        report["round_trip"] = round_trip(url, "acme")
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
