"""What the stages take for a handful of changed deals in a database that already holds many; JSON out.

Everything real: an embedded PostgreSQL that syncs to disk, filled by landing records and running the stages
on them. A sample lands new won deals (each with a line item) of customers that are known, and runs what
follows extraction on just these, in a session as a worker's. Per stage: wall and CPU milliseconds of this
process, CPU milliseconds of the server's, statements and commits: medians over the samples, and the 99th
percentile of the whole. CPU times hold on a busy machine, wall times do not.

    .venv/bin/python benchmarks/micro_batches.py [--deals 10000] [--changed 1 5] [--samples 200] [--home ...]

With `--home` the filled database is kept in that folder, and taken again by the next run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from statistics import median

import psycopg
from sqlalchemy import Engine, create_engine, event, text

from integration_pipeline.crm.records import Association, CrmRecord, ObjectType
from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.pipeline.context import Pipeline, register
from integration_pipeline.pipeline.landing import land
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import AFTER_EXTRACTION, WORKER_SESSION, after_extraction
from integration_pipeline.rules.document import read_rule_set
from integration_pipeline.runtime import open_engine
from integration_pipeline.settings import DEFAULT_MAPPING
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline.store.migrate import upgrade

AS_OF = date(2026, 6, 30)
SOURCE = "hubspot"
_BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
_DEALS_PER_COMPANY = 5
_DAYS = 540
_WARM_UP = 30


def company(number: int) -> CrmRecord:
    properties = {"name": f"Company {number}", "domain": f"company-{number}.example"}
    return _record(ObjectType.COMPANY, number, properties)


def line_item(number: int) -> CrmRecord:
    """Every third is a subscription, billed monthly."""
    price = {"name": "Seats", "quantity": str(1 + number % 40), "price": "25.00"}
    every = {"recurringbillingfrequency": "monthly"} if number % 3 == 0 else {}
    return _record(ObjectType.LINE_ITEM, number, {**price, **every})


def deal(number: int, companies: int, *, won: bool) -> CrmRecord:
    """Half of those won run for half a year."""
    closed = _BEGINNING + timedelta(days=number % _DAYS)
    properties = {
        "dealname": f"Deal {number}",
        "dealstage": "closedwon" if won else "appointmentscheduled",
        "closedate": f"{closed.date().isoformat()}T12:00:00Z",
        "deal_currency_code": "USD",
        "billing_entity": ("us", "eu")[number % 2],
    }
    if number % 3 == 0:
        properties |= {"contract_start_date": closed.date().isoformat(), "contract_term_months": "6"}
    links = {
        ObjectType.COMPANY: (Association(str(number % companies)),),
        ObjectType.LINE_ITEM: (Association(str(number)),),
    }
    return _record(ObjectType.DEAL, number, properties, links)


def _record(
    kind: ObjectType,
    number: int,
    properties: dict[str, str],
    links: dict[ObjectType, tuple[Association, ...]] | None = None,
) -> CrmRecord:
    modified = _BEGINNING + timedelta(seconds=number)
    return CrmRecord(SOURCE, kind, str(number), modified, False, properties, links or {})


def fill(pipeline: Pipeline, deals: int) -> dict[str, float]:
    """`deals` deals, half of them won, with all that follows; seconds by stage."""
    companies = deals // _DEALS_PER_COMPANY
    _land(pipeline, [company(each) for each in range(companies)])
    _land(pipeline, [line_item(each) for each in range(deals)])
    _land(
        pipeline,
        [deal(each, companies, won=each * 7 % 100 < 50) for each in range(deals)],
    )
    with pipeline.engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    seconds = {name: stage(pipeline, Scope.everything()).seconds for name, stage in AFTER_EXTRACTION}
    with pipeline.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))
    return seconds


def _land(pipeline: Pipeline, records: Sequence[CrmRecord]) -> None:
    with pipeline.engine.begin() as connection:
        for chunk in chunked(records, 5_000):
            land(connection, chunk, datetime.now(UTC))


class Meter:
    """What an engine and its server's processes have done so far."""

    def __init__(self, engine: Engine) -> None:
        self._statements = 0
        self._commits = 0
        self._backends: set[int] = set()
        event.listen(engine, "before_cursor_execute", self._count_statement)
        event.listen(engine, "commit", self._count_commit)
        event.listen(engine, "connect", self._know_backend)

    def read(self) -> dict[str, float]:
        """By name; the difference of two readings is what lies between them."""
        return {
            "wall_ms": time.perf_counter() * 1e3,
            "cpu_ms": time.process_time() * 1e3,
            "server_cpu_ms": sum(map(_cpu_ms, self._backends)),
            "statements": self._statements,
            "commits": self._commits,
        }

    def _count_statement(self, *_: object) -> None:
        self._statements += 1

    def _count_commit(self, *_: object) -> None:
        self._commits += 1

    def _know_backend(self, connection: psycopg.Connection, *_: object) -> None:
        self._backends.add(connection.info.backend_pid)


def _cpu_ms(pid: int) -> float:
    """Of a process, by the scheduler's own account of it (Linux); nothing where there is none."""
    account = Path(f"/proc/{pid}/schedstat")
    return int(account.read_text().split()[0]) / 1e6 if account.exists() else 0.0


def sample(
    pipeline: Pipeline, meter: Meter, numbers: Sequence[int], companies: int
) -> dict[str, dict[str, float]]:
    """One run over new won deals of these numbers: readings by stage, and of the `whole`."""
    _land(pipeline, [line_item(each) for each in numbers])
    _land(pipeline, [deal(each, companies, won=True) for each in numbers])
    scope = Scope.deals(f"{SOURCE}:{each}" for each in numbers)
    readings: dict[str, dict[str, float]] = {}
    first = before = meter.read()
    for report in after_extraction(pipeline, scope):
        after = meter.read()
        readings[report.stage] = _difference(before, after)
        before = meter.read()
    readings["whole"] = _difference(first, meter.read())
    return readings


def _difference(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in after}


def measure(
    pipeline: Pipeline, deals: int, changed: int, samples: int, unused: Iterator[int]
) -> dict[str, object]:
    """Medians of `samples` runs over `changed` new deals each, after some that are not counted."""
    meter = Meter(pipeline.engine)
    pipeline.engine.dispose()
    found = [
        sample(pipeline, meter, list(islice(unused, changed)), deals // _DEALS_PER_COMPANY)
        for _ in range(_WARM_UP + samples)
    ][_WARM_UP:]
    wall = sorted(each["whole"]["wall_ms"] for each in found)
    return {
        "deals": deals,
        "changed": changed,
        "whole_p99_ms": round(wall[len(wall) * 99 // 100], 2),
        "whole_least_ms": round(wall[0], 2),
        "stages": {
            stage: {name: round(median(each[stage][name] for each in found), 2) for name in found[0][stage]}
            for stage in found[0]
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Stages over a handful of deals, in milliseconds.")
    parser.add_argument("--deals", type=int, default=10_000, help="deals in the database already")
    parser.add_argument("--changed", type=int, nargs="+", default=[1, 5], help="new deals of a run")
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--home", type=Path, help="where to keep the filled database")
    chosen = parser.parse_args()
    with nullcontext(chosen.home) if chosen.home else tempfile.TemporaryDirectory() as home:
        figures = _figures(Path(home), chosen.deals, chosen.changed, chosen.samples)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


def _figures(home: Path, deals: int, changed: Sequence[int], samples: int) -> dict[str, object]:
    mapping, rules = read_mapping(DEFAULT_MAPPING), read_rule_set()
    with EmbeddedPostgres.start(home) as server:
        database = f"deals_{deals}"
        server.ensure_database(database)
        engine = open_engine(server.url(database))
        upgrade(engine)
        pipeline = Pipeline(engine, mapping, rules, as_of=AS_OF)
        register(pipeline)
        with engine.connect() as connection:
            newest = connection.execute(text(_NEWEST)).scalar_one()
        filled = fill(pipeline, deals) if newest is None else None
        engine.dispose()
        engine = create_engine(server.url(database), connect_args=dict(WORKER_SESSION), hide_parameters=True)
        pipeline = replace(pipeline, engine=engine)
        unused = count(max(deals, (newest or 0) + 1))
        runs = [measure(pipeline, deals, each, samples, unused) for each in changed]
        engine.dispose()
    return {"fill_seconds": filled, "runs": runs}


_NEWEST = "SELECT max(CAST(external_id AS bigint)) FROM raw.heads WHERE object_type = 'deal'"

if __name__ == "__main__":
    main()
