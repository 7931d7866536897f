"""HubSpot's sandbox for the standard tests: the connector that reads it, and the transport for writes."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

import httpx
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.crm.hubspot.config import HubSpotSettings
from integration_pipeline.crm.hubspot.errors import HUBSPOT_FAILURES
from integration_pipeline.crm.hubspot.source import HubSpotSource
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.sandbox.hubspot.limits import Limits
from integration_pipeline.sandbox.server import SandboxProcess
from integration_pipeline.transport.client import BearerAuth, VendorClient
from integration_pipeline.transport.metrics import Totals
from integration_pipeline_tests.vendors.rig import Fault, Seen, WoundClock

TOKEN = "pat-na1-standard-5ecre7"
_PAGE = 100
_ROOMY = 1_000_000
COMPANIES = "/crm/v3/objects/companies"


class Account:
    """The account in the sandbox, seen from outside of any connector."""

    renews = False
    secrets: Sequence[str] = (TOKEN,)

    def __init__(self, data_dir: Path) -> None:
        self._sandbox = SandboxProcess(data_dir, token=TOKEN)
        self._http = httpx.Client(headers=self._sandbox.headers, timeout=30)

    def __enter__(self) -> Self:
        self._sandbox.start()
        self._http.base_url = self._sandbox.base_url
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._sandbox.stop()

    @property
    def base_url(self) -> str:
        return self._sandbox.base_url

    def reset(self) -> None:
        self._ask("DELETE", "/_sandbox/faults")
        self._ask("POST", "/_sandbox/reset")
        self._ask("PUT", "/_sandbox/limits", Limits.unlimited().model_dump())

    def order(self, fault: Fault, *, times: int | None = None) -> None:
        rule = {"name": "ordered", "path": f"{COMPANIES}*", "fault": fault}
        rule |= {} if times is None else {"times": times}
        self._ask("PUT", "/_sandbox/faults", {"seed": 7, "rules": [rule]})

    def create(self, count: int) -> list[str]:
        ids: list[str] = []
        for start in range(0, count, _PAGE):
            inputs = [{"properties": {"name": "Acme"}}] * min(_PAGE, count - start)
            answer = self._ask("POST", f"{COMPANIES}/batch/create", {"inputs": inputs})
            ids += [result["id"] for result in answer.json()["results"]]
        return ids

    def change(self, external_id: str) -> None:
        self._ask("PATCH", f"{COMPANIES}/{external_id}", {"properties": {"name": "Acme Limited"}})

    def written(self, reference: str) -> int:
        filters = [{"propertyName": "name", "operator": "EQ", "value": reference}]
        self._ask("DELETE", "/_sandbox/faults")
        answer = self._ask("POST", f"{COMPANIES}/search", {"filterGroups": [{"filters": filters}]})
        return int(answer.json()["total"])

    def _ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        return self._http.request(method, path, json=body).raise_for_status()


class HubSpotRig(Account):
    """The connector; it reads companies here."""

    more_than_a_page = 2 * _PAGE + 5

    def connect(self, clock: WoundClock) -> AbstractContextManager[HubSpotSource]:
        settings = HubSpotSettings(
            token=SecretStr(TOKEN),
            base_url=self.base_url,
            requests_per_ten_seconds=_ROOMY,
            searches_per_second=_ROOMY,
            overlap_minutes=0,
        )
        return HubSpotSource(settings, registry=CollectorRegistry(), clock=clock)

    def totals(self, connector: HubSpotSource) -> Totals:
        return connector.metrics.totals()

    def read_one(self, connector: HubSpotSource, external_id: str) -> str:
        [record] = connector.fetch(ObjectType.COMPANY, [external_id], ["name"])
        return record.external_id

    def changes(self, connector: HubSpotSource, since: datetime | None) -> list[Seen]:
        return [
            Seen(record.external_id, record.modified_at)
            for group in connector.changed_since(ObjectType.COMPANY, since, ["name"])
            for record in group
        ]


class TransportRig(Account):
    """The transport with HubSpot's failures and nothing else; with a write, which the connector has not."""

    repeats_writes = False

    @contextmanager
    def connect(self, clock: WoundClock) -> Generator[VendorClient]:
        with VendorClient(
            "hubspot",
            self.base_url,
            auth=BearerAuth(SecretStr(TOKEN)),
            failures=HUBSPOT_FAILURES,
            registry=CollectorRegistry(),
            clock=clock,
        ) as client:
            yield client

    def totals(self, connector: VendorClient) -> Totals:
        return connector.metrics.totals()

    def read_one(self, connector: VendorClient, external_id: str) -> str:
        answer = connector.read("GET", f"{COMPANIES}/{external_id}", operation="company.read").json()
        return answer.field("id").identifier()

    def write(self, connector: VendorClient, reference: str) -> None:
        self._create(connector, {"name": reference})

    def write_refused(self, connector: VendorClient) -> None:
        self._create(connector, {"no_such_property": "1"})

    def _create(self, connector: VendorClient, properties: dict[str, str]) -> None:
        reply = connector.write(
            "POST", COMPANIES, operation="company.create", json={"properties": properties}
        )
        reply.json().field("id").identifier()
