"""A whole data set through every system, and the same totals everywhere; JSON out.

The public CRM sales opportunities in a sandbox HubSpot: billed in the own ledger, posted to QuickBooks and to
Xero, a tenth of the invoices paid by card (Stripe) and by bank (Plaid), settled, the payments posted to both,
the deals in the CRM told. Then everything is counted in every system. `problems` is empty if all agree, and
the exit code 0. Sandboxes refuse nobody for his rate here: `throttle` measures that.

    python -m benchmarks.accounting.data_set FOLDER
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
from pydantic import SecretStr

from benchmarks.accounting.books import own_ledger, rows, total_booked
from benchmarks.accounting.money import Bill, Money, money
from benchmarks.accounting.storm import problems
from benchmarks.accounting.vendors import NAMES, SINCE, Standing, Vendor, sandbox
from integration_pipeline.accounting.target import AccountingTarget
from integration_pipeline.crm.hubspot.config import HubSpotSettings
from integration_pipeline.crm.hubspot.source import HubSpotSource
from integration_pipeline.crm.hubspot.writing import HubSpotWriter
from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.pipeline.context import Pipeline, PostsTo, register
from integration_pipeline.pipeline.receive import receive
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.settle import settle
from integration_pipeline.pipeline.stages import sync
from integration_pipeline.pipeline.standing import verify
from integration_pipeline.pipeline.write_back import write_back
from integration_pipeline.posting.delivery import deliver
from integration_pipeline.sandbox.datasets.load import load
from integration_pipeline.sandbox.datasets.public import read_public
from integration_pipeline.sandbox.hubspot.limits import Limits
from integration_pipeline.sandbox.server import SandboxProcess
from integration_pipeline.settings import MAPPINGS

_TOKEN = "pat-benchmark"  # noqa: S105 - it opens nothing but the sandbox of this program
_FREELY = 1_000_000
_PAID_SHARE = 10


@dataclass(slots=True)
class Outcome:
    """What was counted where, seconds by stage, and what does not agree."""

    counts: dict[str, int] = field(default_factory=dict[str, int])
    totals_minor: dict[str, int] = field(default_factory=dict[str, int])
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    problems: list[str] = field(default_factory=list[str])

    @contextmanager
    def timed(self, stage: str) -> Generator[None]:
        began = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - began, 2)

    def as_json(self) -> dict[str, object]:
        return {
            "counts": self.counts,
            "totals_minor": self.totals_minor,
            "seconds": self.seconds,
            "problems": self.problems,
            "load_average": round(os.getloadavg()[0], 1),
        }


def measured(ledger: Pipeline, data: Path) -> Outcome:
    """All of it, for the data set in the folder `data`, with an own ledger that is empty yet."""
    outcome = Outcome()
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        with outcome.timed("start"):
            crm = running.enter_context(SandboxProcess(folder / "hubspot", token=_TOKEN))
            vendors = [Vendor(name, running.enter_context(sandbox(name, folder / name))) for name in NAMES]
            paying = running.enter_context(money(folder))
        targets = [vendor.target(vendor.config()) for vendor in vendors]
        for target in targets:
            running.callback(target.close)
        pipeline = replace(
            ledger,
            mapping=read_mapping(MAPPINGS / "hubspot_sales_opportunities.yaml"),
            as_of=None,
            targets=tuple(PostsTo(target.name, "us", SINCE) for target in targets),
        )
        register(pipeline)
        settings = HubSpotSettings(
            token=SecretStr(_TOKEN),
            base_url=crm.base_url,
            overlap_minutes=0,
            requests_per_ten_seconds=_FREELY,
        )
        with outcome.timed("load the CRM"):
            _without_limits(crm.base_url)
            load(read_public(data), crm.base_url, _TOKEN)
        with outcome.timed("bill"), HubSpotSource(settings) as source:
            for report in sync(pipeline, source, Scope.everything()):
                outcome.seconds[f"bill: {report.stage}"] = round(report.seconds, 2)
        _deliver(pipeline, targets, outcome, "documents")
        _pay(pipeline, paying, outcome)
        _deliver(pipeline, targets, outcome, "payments")
        with outcome.timed("tell the CRM"), HubSpotWriter(settings) as writer:
            fields = pipeline.mapping.write_back
            assert fields is not None  # noqa: S101 - the mapping has that section
            there = writer.writable_fields()
            if missing := [each for each in fields.wanted_fields() if each.name not in there]:
                writer.create_fields(missing)
            told = write_back(pipeline, writer, Scope.everything())
            outcome.counts |= {f"CRM: {name}": count for name, count in told.counts.items()}
            known = write_back(pipeline, writer, Scope.everything(), check=True)
            if known.counts["deals_written"] or known.refused:
                outcome.problems.append(f"the CRM did not keep what it was told: {known.counts}")
        _hold_together(pipeline, vendors, targets, outcome)
    return outcome


def _deliver(pipeline: Pipeline, targets: list[AccountingTarget], outcome: Outcome, what: str) -> None:
    for target in targets:
        with outcome.timed(f"{what} to {target.name}"):
            report = deliver(pipeline, [target])
        for name, count in report.counts.items():
            outcome.counts[name] = outcome.counts.get(name, 0) + count


def _pay(pipeline: Pipeline, paying: Money, outcome: Outcome) -> None:
    bills = [
        Bill(row["number"], row["open_minor"], row["name"])
        for row in rows(pipeline, _BILLS)
        if row["place"] % _PAID_SHARE == 0
    ]
    with outcome.timed("customers pay"):
        paying.pay_by_card(bills[::2])
        paying.pay_by_bank(bills[1::2])
    with outcome.timed("receive"):
        for source in (paying.cards, paying.bank):
            counts = receive(pipeline, source).counts
            outcome.counts[f"received from {source.name.value}"] = counts["received"]
    with outcome.timed("settle"):
        settled = settle(pipeline)
    outcome.counts |= {f"movements {name}": count for name, count in settled.counts.items() if count}
    outcome.counts["invoices paid"] = len(bills)
    outcome.totals_minor["paid by customers"] = sum(bill.minor for bill in bills)
    outcome.totals_minor["settled"] = settled.money["applied", "USD"]
    if settled.money["applied", "USD"] != sum(bill.minor for bill in bills):
        outcome.problems.append(f"{settled.money} was settled of what customers paid")


def _hold_together(
    pipeline: Pipeline, vendors: list[Vendor], targets: list[AccountingTarget], outcome: Outcome
) -> None:
    with outcome.timed("verify"), pipeline.engine.connect() as connection:
        outcome.problems += verify(connection, pipeline).problems
    booked = Standing(*total_booked(pipeline))
    outcome.counts["documents in the own ledger"] = booked.documents
    outcome.totals_minor["own ledger"] = booked.minor
    [customers] = rows(
        pipeline,
        "SELECT count(DISTINCT customer_id) AS count FROM billing.documents"
        " INNER JOIN posting.ledger_intents ON ledger_intents.document_id = documents.id",
    )
    outcome.counts["customers billed"] = customers["count"]
    for vendor, target in zip(vendors, targets, strict=True):
        with outcome.timed(f"reconcile {vendor.name}"):
            outcome.problems += [f"{vendor.name}: {each}" for each in problems(pipeline, target)]
        there = vendor.standing()
        outcome.counts[f"documents in {vendor.name}"] = there.documents
        outcome.totals_minor[vendor.name] = there.minor
        outcome.counts[f"customers in {vendor.name}"] = vendor.customers()
        if there != booked:
            outcome.problems.append(f"{vendor.name} has {there}, the own ledger {booked}")
        if outcome.counts[f"customers in {vendor.name}"] != customers["count"]:
            outcome.problems.append(f"{vendor.name} has other customers than were billed")
    for row in rows(pipeline, _UNSETTLED):
        outcome.problems.append(f"{row['count']} movements are {row['state']}: {row['reason']}")
    for row in rows(pipeline, _INTENTS):
        outcome.counts[f"{row['subject']} intents {row['state']}, {row['target']}"] = row["count"]


def _without_limits(base_url: str) -> None:
    limits = Limits(requests_per_ten_seconds=None, requests_per_day=None, searches_per_second=None)
    answer = httpx.put(
        f"{base_url}/_sandbox/limits",
        json=limits.model_dump(),
        headers={"Authorization": f"Bearer {_TOKEN}"},
    )
    answer.raise_for_status()


_BILLS = """
    SELECT
        balance.number, balance.open_minor, customer.name,
        row_number() OVER (ORDER BY balance.number) AS place
    FROM ledger.document_balances AS balance
    INNER JOIN billing.documents AS document ON document.id = balance.document_id
    INNER JOIN crm.customers AS customer ON customer.id = document.customer_id
    WHERE balance.kind = 'invoice' AND balance.open_minor > 0
    ORDER BY balance.number
"""
_UNSETTLED = """
    SELECT state, reason, count(*) AS count FROM payments.movements
    WHERE state <> 'settled'
    GROUP BY state, reason
"""
_INTENTS = """
    SELECT target, subject, state, count(*) AS count FROM posting.intents
    WHERE target <> 'ledger'
    GROUP BY target, subject, state
    ORDER BY target, subject, state
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accounting.data_set", description=__doc__)
    parser.add_argument("folder", type=Path, help="with the CSV files of the public data set")
    given = parser.parse_args()
    with own_ledger() as ledger:
        outcome = measured(ledger, given.folder)
    sys.stdout.write(json.dumps(outcome.as_json(), indent=2) + "\n")
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
