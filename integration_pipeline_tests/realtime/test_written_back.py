"""What comes of our own writes: HubSpot announces them, and they change nothing here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.crm.hubspot.config import HubSpotSettings
from integration_pipeline.crm.hubspot.source import HubSpotSource
from integration_pipeline.crm.hubspot.writing import HubSpotWriter
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import sync
from integration_pipeline.pipeline.write_back import write_back
from integration_pipeline.sandbox.hubspot.limits import Limits
from integration_pipeline.sandbox.server import SandboxProcess
from integration_pipeline_tests.gateway.conftest import gateway_settings, served, url_of
from integration_pipeline_tests.gateway.hubspot import SECRET
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.realtime.conftest import Inbox, working

TOKEN = "pat-na1-write-back-test"
DEAL_COMPANY = 5
WON = {
    "dealname": "Acme licences",
    "dealstage": "closedwon",
    "pipeline": "default",
    "closedate": "2026-03-10T12:00:00Z",
    "deal_currency_code": "USD",
    "amount": "1200.00",
}


@dataclass(frozen=True, slots=True)
class HubSpot:
    """An account that announces every change of a deal, also of what we write ourselves."""

    http: httpx.Client
    settings: HubSpotSettings

    def announce_to(self, gateway: str, properties: set[str]) -> None:
        kinds: list[dict[str, str]] = [{"eventType": "deal.creation"}]
        kinds += [{"eventType": "deal.propertyChange", "propertyName": each} for each in sorted(properties)]
        body = {
            "targetUrl": f"{gateway}/webhooks/hubspot",
            "clientSecret": SECRET,
            "subscriptions": kinds,
            "retry_scale": 0.000_1,
        }
        self.http.put("/_sandbox/webhooks", json=body).raise_for_status()

    def win(self) -> str:
        [company] = self._create("companies", {"properties": {"name": "Acme"}})
        link = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": DEAL_COMPANY}
        deal = {"properties": WON, "associations": [{"to": {"id": company}, "types": [link]}]}
        return self._create("deals", deal)[0]

    def _create(self, kind: str, one: Mapping[str, object]) -> list[str]:
        answer = self.http.post(f"/crm/v3/objects/{kind}/batch/create", json={"inputs": [one]})
        assert answer.is_success, answer.text
        return [each["id"] for each in answer.json()["results"]]


@pytest.fixture
def hubspot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubSpot]:
    folder = tmp_path_factory.mktemp("hubspot")
    with (
        SandboxProcess(folder, token=TOKEN, limits=Limits.unlimited()) as running,
        httpx.Client(base_url=running.base_url, headers=running.headers, timeout=30) as http,
    ):
        settings = HubSpotSettings(token=SecretStr(TOKEN), base_url=running.base_url, overlap_minutes=0)
        yield HubSpot(http, settings)


def test_a_write_of_ours_comes_back_and_makes_no_new_version_nor_invoice_nor_write(
    hubspot: HubSpot, office: Office, inbox: Inbox
) -> None:
    fields = office.pipeline.mapping.write_back
    assert fields is not None
    with (
        served(gateway_settings(url_of(office.pipeline.engine))) as gateway,
        HubSpotSource(hubspot.settings, registry=CollectorRegistry()) as source,
        HubSpotWriter(hubspot.settings, registry=CollectorRegistry()) as writer,
        working(inbox, source),
    ):
        writer.create_fields(fields.wanted_fields())
        hubspot.announce_to(gateway, {"dealstage", "amount", *fields.field_names()} - {"billing_problem"})
        deal = hubspot.win()
        inbox.wait_for("SELECT count(*) = 1 FROM ledger.documents")
        before = _made(office)

        report = write_back(office.pipeline, writer, Scope.everything())

        assert report.counts["deals_written"] == 1
        # Status, numbers, both amounts, currency, due date; what stays empty is no change.
        inbox.wait_for(
            "SELECT count(*) = 7 FROM inbox.events "
            "WHERE body ->> 'propertyName' LIKE '%invoice%' OR body ->> 'propertyName' = 'amount_due'"
        )
        inbox.wait_until_settled()
        # No worker had to look at any of them.
        inbox.wait_for("SELECT count(*) = 7 FROM inbox.events WHERE state = 'done' AND batch_id IS NULL")
        reports = {each.stage: each.counts for each in sync(office.pipeline, source, Scope.everything())}

        assert (reports["extract"]["read_deal"], reports["extract"]["new_deal"]) == (1, 0)
        assert reports["normalize"]["deals_read"] == 0
        assert _made(office) == before
        assert writer.read_deals([deal], ["invoice_status"])[deal]["invoice_status"] == "Overdue"
        write_back(office.pipeline, writer, Scope.everything())
        assert writer.metrics.by_operation()["deal.update"].requests == 1


def _made(office: Office) -> list[int]:
    return [
        office.value(f"SELECT count(*) FROM {table}")  # noqa: S608 - names from here
        for table in (
            "raw.records",
            "crm.deals",
            "billing.schedules",
            "billing.documents",
            "ledger.documents",
        )
    ]
