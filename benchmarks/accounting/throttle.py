"""How much of the vendors' documented limits the poster uses, and what it is refused; JSON out.

The sandbox enforces them (QuickBooks 40 batches a minute of 30 items, 500 calls a minute, 10 a second; Xero
60 calls a minute of 50 documents, 5 at once, 5,000 a day) on a clock that runs faster than ours, and takes as
long for an answer as is told, by its own clock. `utilisation` is the time a perfect schedule needs for the
calls of the limit that binds, as many at once as are allowed, over the time they took; `perfect_minutes` all
by the vendor's clock. What does not keep up on a busy machine is the calling: take a smaller speed then.

With `--day CALLS` Xero's day has room for so many calls only: what it has no room for stays pending, and the
target says until when.

    python -m benchmarks.accounting.throttle [--documents 10000] [--vendor xero] [--speed 4]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from benchmarks.accounting.books import book_invoices, own_ledger, posting_to, rows, total_booked
from benchmarks.accounting.vendors import NAMES, SINCE, Standing, Vendor, VendorName, sandbox
from integration_pipeline.accounting.target import AccountingTarget, Outcome, Outgoing
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.post import enlist
from integration_pipeline.posting.delivery import Delivery
from integration_pipeline.transport.clock import SpedUpClock
from integration_pipeline.transport.limits import Window
from integration_pipeline.transport.shared_limit import SharedRateLimiter
from integration_pipeline_tests.transport.strict_vendor import soonest

_LOOK_AGAIN = 0.05
# The window that binds: calls of 30 documents at QuickBooks, of 50 at Xero.
_BINDING: dict[VendorName, Window] = {
    "quickbooks": Window(40, 60.0, "batch", name="batches"),
    "xero": Window(60, 60.0, name="minute"),
}


class Timed:
    """A connector that notes when each batch of documents was on its way, by our clock."""

    def __init__(self, target: AccountingTarget) -> None:
        self._target = target
        self.batches: list[tuple[float, float]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        began = time.monotonic()
        outcomes = self._target.send(batch)
        self.batches.append((began, time.monotonic()))
        return outcomes


def measured(
    ledger: Pipeline, name: VendorName, documents: int, speed: float, answer_ms: int, day: int | None
) -> dict[str, Any]:
    """Post so many invoices of known customers to one vendor under its limits, of an own ledger that is
    empty yet.
    """
    book_invoices(ledger, documents)
    with tempfile.TemporaryDirectory() as scratch, sandbox(name, Path(scratch)) as process:
        vendor = Vendor(name, process)
        pipeline = posting_to(ledger, name, SINCE)
        with pipeline.engine.begin() as connection:
            enlist(connection, pipeline.targets)
        vendor.introduce(pipeline)
        limits: dict[str, Any] = {} if day is None else {"per_day": day}
        process.admin("PUT", "/limits", limits)
        process.admin("PUT", "/clock", {"speed": str(speed)})
        process.admin("PUT", "/latency", {"ms": int(answer_ms / speed)})
        process.admin("PUT", "/requests", {"on": True})
        return _posted(vendor, pipeline, documents, speed, answer_ms)


def _posted(
    vendor: Vendor, pipeline: Pipeline, documents: int, speed: float, answer_ms: int
) -> dict[str, Any]:
    clock = SpedUpClock(speed)
    config = vendor.config(limited=True)
    with SharedRateLimiter(
        pipeline.database_url, vendor.name, config.account, config.limits(), clock=clock
    ) as limiter:
        target = Timed(vendor.target(config, limiter=limiter, clock=clock))
        stop = threading.Event()
        rounds: Counter[str] = Counter()
        delivery = Delivery(
            cast("AccountingTarget", target),
            pipeline.database_url,
            done=lambda each: rounds.update(each.counts),
        )
        poster = threading.Thread(target=delivery.run, args=(stop,))
        poster.start()
        while _due(pipeline) and not _paused_for_long(pipeline):
            time.sleep(_LOOK_AGAIN)
        stop.set()
        poster.join()
        target.close()
    requests = vendor.process.admin("GET", "/requests")["requests"]
    answered = Counter(str(each["status"]) for each in requests)
    binding = _BINDING[vendor.name]
    counted = [
        each
        for each in requests
        if each["status"] != 429 and (binding.bucket is None or each["path"].endswith("/batch"))
    ]
    began = min(start for start, _ in target.batches)
    took = (max(end for _, end in target.batches) - began) * speed
    answer = answer_ms / 1e3
    perfect = soonest(config.limits(), len(counted), answer=answer) + answer
    under_way = [(end - start) * speed for start, end in target.batches]
    [writer] = rows(pipeline, "SELECT paused_until, paused_for FROM posting.writers")
    booked = total_booked(pipeline)
    left = _due(pipeline)
    return {
        "vendor": vendor.name,
        "documents": documents,
        "speed": speed,
        "answer_ms": answer_ms,
        "calls": len(requests),
        "calls_of_the_binding_limit": len(counted),
        "refused_429": answered["429"],
        "vendor_minutes": round(took / 60, 2),
        "perfect_minutes": round(perfect / 60, 2),
        "utilisation": round(perfect / took, 4),
        "documents_a_minute": round((documents - left) / took * 60),
        "calls_under_way_at_once": round(sum(under_way) / took, 2),
        "left_pending": left,
        "paused_until": writer["paused_until"] and writer["paused_until"].isoformat(),
        "paused_for": writer["paused_for"],
        "totals_equal": left > 0 or vendor.standing() == Standing(*booked),
        "load_average": round(os.getloadavg()[0], 1),
    }


def _due(pipeline: Pipeline) -> int:
    [row] = rows(
        pipeline,
        "SELECT count(*) AS due FROM posting.intents"
        " WHERE target <> 'ledger' AND state IN ('pending', 'claimed', 'uncertain')",
    )
    return row["due"]


def _paused_for_long(pipeline: Pipeline) -> bool:
    return bool(
        rows(
            pipeline,
            "SELECT FROM posting.writers WHERE paused_until > clock_timestamp() + interval '2 minutes'",
        )
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accounting.throttle", description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--vendor", choices=NAMES, help="both without it")
    parser.add_argument("--speed", type=float, default=4.0, help="seconds of the vendor's in one of ours")
    parser.add_argument(
        "--answer-ms", type=int, default=2_000, help="the vendor takes for an answer, by its clock"
    )
    parser.add_argument("--day", type=int, help="calls that Xero's day has room for")
    given = parser.parse_args()
    vendors: tuple[VendorName, ...] = NAMES if given.vendor is None else (given.vendor,)
    if given.day is not None:
        vendors = ("xero",)
    found: list[dict[str, Any]] = []
    for each in vendors:
        with own_ledger() as ledger:
            found.append(measured(ledger, each, given.documents, given.speed, given.answer_ms, given.day))
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 0 if all(each["totals_equal"] for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
