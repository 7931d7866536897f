"""What reading a few deals with all they refer to costs: calls, rounds, wall and CPU milliseconds; JSON out.

Everything real: a HubSpot sandbox with a few thousand deals in a process of its own, an embedded PostgreSQL
that syncs to disk. Cases: new deals of customers nobody knows yet, new deals of known ones, and deals read
before, each read as the real-time worker does; beside it, as many deals read one type after the other, every
type with its links and its own transaction. A call of the sandbox takes a few milliseconds, one of
HubSpot's a hundred: rounds and calls hold everywhere, milliseconds do not.

    .venv/bin/python benchmarks/fetch.py [--deals 3000] [--samples 30]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median

import httpx
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.crm.hubspot.api import HubSpotApi
from integration_pipeline.crm.hubspot.config import TARGETS, HubSpotSettings
from integration_pipeline.crm.hubspot.fetching import joined
from integration_pipeline.crm.hubspot.source import HubSpotSource
from integration_pipeline.crm.records import CrmRecord, ObjectType, Wanted
from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.pipeline.context import Pipeline, register
from integration_pipeline.pipeline.extract import extract, extract_deals
from integration_pipeline.pipeline.landing import land
from integration_pipeline.rules.document import read_rule_set
from integration_pipeline.runtime import open_engine
from integration_pipeline.sandbox.hubspot.limits import Limits
from integration_pipeline.sandbox.server import SandboxProcess
from integration_pipeline.settings import DEFAULT_MAPPING
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline.store.migrate import upgrade
from integration_pipeline.transport.client import BearerAuth, VendorClient

TOKEN = "pat-benchmark"  # noqa: S105 - of a sandbox that ends with this script
SIZES = (1, 5, 20)
_DEALS_PER_CUSTOMER = 5
_BATCH = 100
_COMPANY, _CONTACT, _OF_CONTACT, _DEAL = 5, 3, 1, 20
Input = dict[str, object]
Read = Callable[[Sequence[str]], int]


class Account:
    """The account that is read from."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def customers(self, count: int) -> list[tuple[str, str]]:
        """Companies with a contact each."""
        companies = self._create("companies", [_input(name=f"Company {each}") for each in range(count)])
        contacts = self._create(
            "contacts", [_input((each, _OF_CONTACT), email=f"ada@{each}.example") for each in companies]
        )
        return list(zip(companies, contacts, strict=True))

    def deals(self, customers: Sequence[tuple[str, str]]) -> list[str]:
        """A won deal with two line items of each."""
        deals = self._create(
            "deals",
            [
                _input(
                    (company, _COMPANY),
                    (contact, _CONTACT),
                    dealname="Licences",
                    dealstage="closedwon",
                    pipeline="default",
                    closedate="2026-03-10T12:00:00Z",
                    deal_currency_code="USD",
                )
                for company, contact in customers
            ],
        )
        for name in ("Seats", "Setup"):
            items = [_input((deal, _DEAL), name=name, quantity="10", price="25.00") for deal in deals]
            self._create("line_items", items)
        return deals

    def _create(self, kind: str, inputs: Sequence[Input]) -> list[str]:
        ids: list[str] = []
        for start in range(0, len(inputs), _BATCH):
            body = {"inputs": inputs[start : start + _BATCH]}
            answer = self._http.post(f"/crm/v3/objects/{kind}/batch/create", json=body).raise_for_status()
            ids += [result["id"] for result in answer.json()["results"]]
        return ids


def _input(*to: tuple[str, int], **properties: str) -> Input:
    links = [
        {
            "to": {"id": target},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}],
        }
        for target, type_id in to
    ]
    return {"properties": properties, "associations": links}


class CountingSource(HubSpotSource):
    """Counts rounds of calls: those that go out together."""

    rounds = 0

    def fetch_together(self, wanted: Sequence[Wanted]) -> list[CrmRecord]:
        self.rounds += 1
        return super().fetch_together(wanted)


class TypeByType:
    """The plain way: each type with its links, then the next; a transaction each."""

    _ORDER = (ObjectType.CONTACT, ObjectType.COMPANY, ObjectType.LINE_ITEM)

    def __init__(self, pipeline: Pipeline, client: VendorClient, settings: HubSpotSettings) -> None:
        self._pipeline = pipeline
        self._api = HubSpotApi(client, settings)
        self._pool = ThreadPoolExecutor(4)

    def read(self, deal_ids: Sequence[str]) -> int:
        found = self._type(ObjectType.DEAL, deal_ids)
        for kind in self._ORDER:
            ids = {link.external_id for record in found for link in record.associations.get(kind, ())}
            found += self._type(kind, sorted(ids))
        return 1 + len(self._ORDER)

    def _type(self, kind: ObjectType, ids: Sequence[str]) -> list[CrmRecord]:
        links = {
            target: self._pool.submit(self._api.associations, kind, target, ids)
            for target in TARGETS.get(kind, ())
        }
        records = joined(self._api.batch_read(kind, ids, self._pipeline.mapping.properties(kind)), links)
        with self._pipeline.engine.begin() as connection:
            land(connection, records, datetime.now(UTC))
        return records


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading; milliseconds."""

    calls: int
    rounds: int
    wall: float
    cpu: float


def sample(read: Read, calls: Callable[[], int], deals: Sequence[str]) -> Sample:
    before, wall, cpu = calls(), time.perf_counter(), time.process_time()
    rounds = read(deals)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Sample(calls() - before, rounds, wall * 1e3, cpu * 1e3)


def summary(samples: Sequence[Sample]) -> dict[str, float]:
    return {
        "calls": median(each.calls for each in samples),
        "rounds": median(each.rounds for each in samples),
        "wall_ms": round(median(each.wall for each in samples), 1),
        "cpu_ms": round(median(each.cpu for each in samples), 1),
    }


def compare(
    account: Account,
    pipeline: Pipeline,
    source: CountingSource,
    plain: VendorClient,
    settings: HubSpotSettings,
    samples: int,
) -> Iterator[dict[str, object]]:
    """Each case in turn: fresh deals for every sample, the two ways by turns."""
    type_by_type = TypeByType(pipeline, plain, settings)
    known = account.customers(200)
    extract_deals(pipeline, source, account.deals(known))

    def together(deals: Sequence[str]) -> int:
        before = source.rounds
        extract_deals(pipeline, source, deals, related_max_age=timedelta.max)
        return source.rounds - before

    for size in SIZES:
        for case in ("unknown customers", "known customers", "known deals"):
            count = size * samples * 2
            buyers = account.customers(count) if case == "unknown customers" else known * count
            made = account.deals(buyers[:count])
            for ids in chunked(made if case == "known deals" else [], _BATCH):
                extract_deals(pipeline, source, ids)
            fresh = iter(made)
            taken: dict[str, list[Sample]] = {"together": [], "type by type": []}
            for _ in range(samples):
                for name, read, metrics in (
                    ("together", together, source.metrics),
                    ("type by type", type_by_type.read, plain.metrics),
                ):
                    deals = list(islice(fresh, size))
                    taken[name].append(sample(read, lambda of=metrics: of.totals().requests, deals))
            now, before = summary(taken["together"]), summary(taken["type by type"])
            ratio = {name: round(now[name] / before[name], 2) for name in now}
            yield {"deals": size, "case": case, "now": now, "type_by_type": before, "ratio": ratio}


def measure(deals: int, samples: int) -> dict[str, object]:
    """All cases against an account of so many deals, all of them read before."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        with (
            SandboxProcess(home / "sandbox", token=TOKEN, limits=Limits.unlimited()) as sandbox,
            httpx.Client(base_url=sandbox.base_url, headers=sandbox.headers, timeout=60) as http,
            EmbeddedPostgres.start(home / "postgres") as server,
        ):
            server.ensure_database("fetch")
            engine = open_engine(server.url("fetch"))
            upgrade(engine)
            pipeline = Pipeline(engine, read_mapping(DEFAULT_MAPPING), read_rule_set())
            register(pipeline)
            account = Account(http)
            customers = account.customers(deals // _DEALS_PER_CUSTOMER)
            account.deals(customers * _DEALS_PER_CUSTOMER)
            settings = HubSpotSettings(
                token=SecretStr(TOKEN),
                base_url=sandbox.base_url,
                requests_per_ten_seconds=1_000_000,
                searches_per_second=1_000_000,
            )
            with (
                CountingSource(settings, registry=CollectorRegistry()) as source,
                VendorClient(
                    "hubspot",
                    settings.base_url,
                    auth=BearerAuth(settings.token),
                    registry=CollectorRegistry(),
                ) as plain,
            ):
                extract(pipeline, source)
                cases = list(compare(account, pipeline, source, plain, settings, samples))
            engine.dispose()
    return {"deals_in_account": deals, "samples": samples, "cases": cases}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--deals", type=int, default=3_000)
    parser.add_argument("--samples", type=int, default=30)
    given = parser.parse_args()
    sys.stdout.write(json.dumps(measure(given.deals, given.samples), indent=2) + "\n")
