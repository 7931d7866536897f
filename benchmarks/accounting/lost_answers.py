"""Thousands of documents to an accounting system of which a fifth of the calls goes wrong; JSON out.

Connections that break before or after the vendor did what was asked, answers cut in half, 503, calls that
hang or are carried out when the caller has given up, 429; and now and then the poster's database session is
ended after the vendor has answered. Afterwards each intent has one equal document there, and both sides
reconcile: otherwise `problems` says what does not hold, and the exit code is 1.

    python -m benchmarks.accounting.lost_answers 1000 --seed 7 --vendor xero [--singles]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.accounting.books import book_invoices, own_ledger, posting_to
from benchmarks.accounting.storm import IMPATIENT, SHORT, Weathered, weather
from benchmarks.accounting.vendors import NAMES, SINCE, Vendor, VendorName, sandbox
from integration_pipeline.pipeline.context import Pipeline


def measured(
    ledger: Pipeline, documents: int, seed: int, name: VendorName, *, singles: bool = False
) -> Weathered:
    """One storm on one vendor, of an own ledger that is empty yet."""
    book_invoices(ledger, documents)
    with tempfile.TemporaryDirectory() as scratch, sandbox(name, Path(scratch)) as process:
        vendor = Vendor(name, process)
        target = vendor.target(vendor.config(), retries=IMPATIENT, time_limits=SHORT)
        try:
            return weather(
                posting_to(ledger, target.name, SINCE),
                target,
                process.admin,
                path=vendor.api,
                seed=seed,
                largest_batch=1 if singles else None,
                patience=60.0 + documents,
            )
        finally:
            target.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accounting.lost_answers", description=__doc__)
    parser.add_argument("documents", type=int, nargs="?", default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--vendor", choices=NAMES, help="both without it")
    parser.add_argument("--singles", action="store_true", help="each document in a call of its own")
    given = parser.parse_args()
    vendors: tuple[VendorName, ...] = NAMES if given.vendor is None else (given.vendor,)
    found: list[Weathered] = []
    for each in vendors:
        with own_ledger() as ledger:
            found.append(measured(ledger, given.documents, given.seed, each, singles=given.singles))
    sys.stdout.write(json.dumps([each.as_json() for each in found], indent=2) + "\n")
    return 1 if any(each.problems for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
