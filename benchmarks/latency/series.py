"""One series: so many deals closed at such a rate, followed into the books, every one of them.

Belongs here: driving the load, collecting what the CRM, the inbox and the ledger know about each deal.
Does not belong here: what the collected moments come to (`figures`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection, text

from benchmarks.latency import machine
from benchmarks.latency.figures import (
    Batch,
    Batches,
    Latencies,
    Way,
    lag_seconds,
    throughput,
    where_it_goes,
)
from benchmarks.latency.portal import Delivery, OpenDeal, closing_day
from benchmarks.latency.stand import NO_LIMIT, ROOT, Stand
from integration_pipeline.crm.hubspot.config import HubSpotSettings
from integration_pipeline.crm.hubspot.source import HubSpotSource
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import sync
from integration_pipeline.runtime import pipeline_on

_POLL_SECONDS = 0.1
_DAYS_OF_HISTORY = 365


class NotSettled(RuntimeError):  # noqa: N818 - reads as the statement it makes
    """Deals were closed and are not in the books, or more often than once."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of a series. `newcomers` is their share; `patience` in seconds, for the last deals."""

    name: str
    rate: float
    seconds: float
    newcomers: float
    patience: float = 60.0

    @property
    def deals(self) -> int:
        return max(1, round(self.rate * self.seconds))


@dataclass(frozen=True, slots=True)
class Series:
    """A series' figures; `closed_per_second` is what the load achieved. Field names are those of the JSON."""

    name: str
    deals_per_second: float
    seconds: float
    deals: int
    newcomers: int
    closed_per_second: float
    booked_per_second: float
    settled_after_last_seconds: float
    latencies_ms: Latencies
    where_the_time_goes_ms: Mapping[str, float]
    batches: Batches | None
    webhooks: int
    webhooks_sent_again: int
    crm_calls_per_deal: float
    cpu_ms_per_deal: Mapping[str, float]
    processors_busy_elsewhere: float | None
    load_average: float
    each_ms: Sequence[float]
    """Every deal's latency, in ascending order."""


def prepare(stand: Stand, order: Order) -> list[OpenDeal]:
    """Open deals that are extracted already; nobody announces them."""
    newcomers = round(order.deals * order.newcomers)
    deals = stand.portal.open_deals(order.deals - newcomers, newcomers, closing_on=closing_day())
    _sync(stand)
    return deals


def make_history(stand: Stand, deals: int) -> int:
    """Books of a company that is not new: deals closed over a year, one after another, in the books already.

    Answers how many documents they came to. Without a history PostgreSQL plans for empty tables.
    """
    opened = stand.portal.open_deals(deals, 0, closing_on=closing_day() - timedelta(days=_DAYS_OF_HISTORY))
    days = [
        closing_day() - timedelta(days=_DAYS_OF_HISTORY * (deals - place) // deals) for place in range(deals)
    ]
    stand.portal.close_in_bulk(opened, days)
    _sync(stand)
    with stand.engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM ledger.documents")).scalar_one()


def _sync(stand: Stand) -> None:
    settings = HubSpotSettings(
        token=SecretStr(stand.portal.token),
        base_url=stand.portal.base_url,
        overlap_minutes=0,
        requests_per_ten_seconds=NO_LIMIT,
        searches_per_second=NO_LIMIT,
    )
    with HubSpotSource(settings) as source:
        for _ in sync(pipeline_on(stand.engine, stand.settings), source, Scope.everything()):
            pass


def run(stand: Stand, order: Order, deals: Sequence[OpenDeal], programs: Mapping[str, int]) -> Series:
    """Close the deals and follow them. `programs`, by process id, do the work beside the stand's own.

    Raises `NotSettled` when one is not in the books `order.patience` seconds after the last was closed.
    """
    before = _Marks.now(stand)
    stand.listen()
    pids = {**stand.pids(), **programs}
    reading, calls = machine.read(pids), stand.portal.calls()
    plan, load_seconds = _close(stand, order, deals)
    _wait(stand, len(deals), before, order.patience)
    usage, calls = machine.read(pids).since(reading), stand.portal.calls() - calls
    load = machine.load_average()
    stand.portal.announce_nothing()
    ways, deliveries, batches = _collect(stand, before, plan)
    newcomers = sum(way.newcomer for way in ways)
    # One call of ours asked for the count; closing took the load one call, for a newcomer two.
    calls_of_worker = calls - 1 - len(deals) - newcomers
    intended = [each["intended_at"] for each in plan]
    answered = [each["answered_at"] for each in plan]
    return Series(
        name=order.name,
        deals_per_second=order.rate,
        seconds=order.seconds,
        deals=len(ways),
        newcomers=newcomers,
        closed_per_second=round(len(plan) / max(order.seconds, max(answered) - min(intended)), 1),
        booked_per_second=throughput(ways),
        settled_after_last_seconds=lag_seconds(ways),
        latencies_ms=Latencies.of(ways),
        where_the_time_goes_ms=where_it_goes(ways),
        batches=Batches.of(batches),
        webhooks=len(deliveries),
        webhooks_sent_again=sum(each.attempts > 1 for each in deliveries),
        crm_calls_per_deal=round(calls_of_worker / len(ways), 2),
        cpu_ms_per_deal=usage.ms_per(len(ways)) | {"load": round(1e3 * load_seconds / len(ways), 2)},
        processors_busy_elsewhere=usage.processors_busy_elsewhere,
        load_average=load,
        each_ms=sorted(round(way.latency_ms, 1) for way in ways),
    )


@dataclass(frozen=True, slots=True)
class _Marks:
    """What was there before a series."""

    event: int
    batch: int
    entry: int

    @classmethod
    def now(cls, stand: Stand) -> _Marks:
        with stand.engine.connect() as connection:
            row = connection.execute(text(_NEWEST)).one()
        return cls(row.event, row.batch, row.entry)


def _close(stand: Stand, order: Order, deals: Sequence[OpenDeal]) -> tuple[list[dict[str, Any]], float]:
    """The plan with what happened when, and the processor seconds that the load took."""
    plan_file, results_file = stand.home / "plan.json", stand.home / "results.json"
    plan_file.write_text(
        json.dumps(
            [
                {"at": place / order.rate, "deal": deal.id, "newcomer": deal.newcomer}
                for place, deal in enumerate(deals)
            ]
        )
    )
    before = os.times()
    with subprocess.Popen(  # noqa: S603 - our own module, run by our own interpreter
        [
            sys.executable,
            "-m",
            "benchmarks.latency.generator",
            stand.portal.base_url,
            str(plan_file),
            str(results_file),
        ],
        cwd=ROOT,
        env={**os.environ, **stand.environment(realtime=True)},
        stdin=subprocess.PIPE,
    ) as load:
        code = load.wait(timeout=order.seconds + 120)
    if code:
        raise NotSettled(f"series {order.name}: the CRM refused to close some deals; the lines above say why")
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return json.loads(results_file.read_text()), spent


def _wait(stand: Stand, deals: int, before: _Marks, patience: float) -> None:
    """Until every event is delivered and settled, and every deal booked."""
    deadline = time.monotonic() + patience
    while True:
        with stand.engine.connect() as connection:
            booked, waiting = connection.execute(text(_PROGRESS), {"after": before.entry}).one()
        undelivered = stand.portal.undelivered()
        if booked >= deals and not waiting and not undelivered:
            return
        if time.monotonic() > deadline:
            raise NotSettled(
                f"{booked} of {deals} deals are booked {patience:.0f} s after the last was closed, {waiting} "
                f"events wait in the inbox and {undelivered} in the CRM; see worker.log and gateway.log in "
                f"{stand.home}"
            )
        time.sleep(_POLL_SECONDS)


def _collect(
    stand: Stand, before: _Marks, plan: Sequence[Mapping[str, Any]]
) -> tuple[list[Way], list[Delivery], list[Batch]]:
    deliveries = stand.portal.new_deliveries()
    closings: dict[str, list[Delivery]] = defaultdict(list)
    for each in deliveries:
        if each.kind == "deal.propertyChange":
            closings[each.object_id].append(each)
    with stand.engine.connect() as connection:
        batches = _batches(connection, before.batch)
        events = _events(connection, before.event)
        booked = _booked(connection, before.entry)
    ways: list[Way] = []
    for each in plan:
        deal = each["deal"]
        entries = booked[deal]
        if len(entries) != 1:
            raise NotSettled(f"deal {deal} was closed once and has {len(entries)} invoices")
        # Of several events of a deal, the one that was settled with or next after its booking.
        settled = min(
            (row for row in events[deal] if row.finished_at >= entries[0]),
            key=lambda row: row.finished_at,
            default=None,
        )
        if settled is None or not closings[deal]:
            raise NotSettled(f"deal {deal} is booked, but no event of it was settled after that")
        sent = min(closings[deal], key=lambda delivery: delivery.sent_at)
        ways.append(
            Way(
                deal=deal,
                newcomer=each["newcomer"],
                intended_at=each["intended_at"],
                sent_at=sent.sent_at,
                received_at=settled.received_at.timestamp(),
                acknowledged_at=sent.acknowledged_at,
                booked_at=entries[0].timestamp(),
                settled_at=settled.finished_at.timestamp(),
                batch=batches.get(settled.batch_id),
            )
        )
    return ways, deliveries, list(batches.values())


def _batches(connection: Connection, after: int) -> dict[int, Batch]:
    found: dict[int, Batch] = {}
    for row in connection.execute(text(_BATCHES), {"after": after}):
        stages: defaultdict[str, float] = defaultdict(float)
        for report in row.reports:
            stages[report["stage"]] += report["seconds"]
        found[row.id] = Batch(
            row.id, row.started_at.timestamp(), row.finished_at.timestamp(), row.deals, dict(stages)
        )
    return found


def _events(connection: Connection, after: int) -> Mapping[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(text(_EVENTS), {"after": after}):
        found[row.deal].append(row)
    return found


def _booked(connection: Connection, after: int) -> Mapping[str, list[datetime]]:
    found: dict[str, list[datetime]] = defaultdict(list)
    for row in connection.execute(text(_BOOKED), {"after": after}):
        found[row.deal].append(row.booked_at)
    return found


_NEWEST = """
    SELECT
        (SELECT coalesce(max(id), 0) FROM inbox.events) AS event,
        (SELECT coalesce(max(id), 0) FROM inbox.batches) AS batch,
        (SELECT coalesce(max(id), 0) FROM ledger.journal_entries) AS entry
"""
_PROGRESS = """
    SELECT
        (SELECT count(*) FROM ledger.journal_entries WHERE id > :after),
        (SELECT count(*) FROM inbox.events WHERE state IN ('pending', 'failed'))
"""
_BATCHES = "SELECT id, started_at, finished_at, deals, reports FROM inbox.batches WHERE id > :after"
_EVENTS = """
    SELECT named.deal, event.received_at, event.finished_at, event.batch_id
    FROM inbox.events AS event
    CROSS JOIN unnest(event.external_ids) AS named (deal)
    WHERE event.id > :after AND event.object_type = 'deal' AND event.state = 'done'
"""
_BOOKED = """
    SELECT
        split_part(document.deal_key, ':', 2) AS deal, pg_xact_commit_timestamp(entry.xmin) AS booked_at
    FROM ledger.journal_entries AS entry
    INNER JOIN posting.intents AS intent ON intent.id = entry.intent_id
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    WHERE entry.id > :after
"""
