"""The pipeline on HubSpot's own API, as the sandbox imitates it: what only real requests can show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.crm.hubspot.config import HubSpotSettings
from integration_pipeline.crm.hubspot.source import HubSpotSource
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.extract import extract, extract_deals, extract_records
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import sync
from integration_pipeline.sandbox.hubspot.limits import Limits
from integration_pipeline.sandbox.server import SandboxProcess
from integration_pipeline_tests.pipeline.conftest import Office

TOKEN = "pat-na1-pipeline-test"
DEAL_COMPANY, DEAL_CONTACT, CONTACT_COMPANY, LINE_ITEM_DEAL = 5, 3, 1, 20
WON = {
    "dealname": "Acme licences",
    "dealstage": "closedwon",
    "pipeline": "default",
    "closedate": "2026-03-10T12:00:00Z",
    "deal_currency_code": "USD",
}


class Account:
    """A HubSpot account that people work in."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def create(self, kind: str, *to: tuple[str, int], **properties: str) -> str:
        links = [
            {
                "to": {"id": target},
                "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}],
            }
            for target, type_id in to
        ]
        return self._ask(
            "POST", f"/crm/v3/objects/{kind}", {"properties": properties, "associations": links}
        )["id"]

    def update(self, kind: str, identifier: str, **properties: str) -> None:
        self._ask("PATCH", f"/crm/v3/objects/{kind}/{identifier}", {"properties": properties})

    def archive(self, kind: str, identifier: str) -> None:
        self._ask("DELETE", f"/crm/v3/objects/{kind}/{identifier}")

    def merge(self, kind: str, survivor: str, other: str) -> None:
        self._ask(
            "POST", f"/crm/v3/objects/{kind}/merge", {"primaryObjectId": survivor, "objectIdToMerge": other}
        )

    def modified(self, deal: str) -> str:
        return self._ask("GET", f"/crm/v3/objects/deals/{deal}")["updatedAt"]

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, str]:
        answer = self._http.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(
        tmp_path_factory.mktemp("sandbox"), token=TOKEN, limits=Limits.unlimited()
    ) as running:
        yield running


@pytest.fixture
def account(sandbox: SandboxProcess) -> Iterator[Account]:
    with httpx.Client(base_url=sandbox.base_url, headers=sandbox.headers) as http:
        http.post("/_sandbox/reset").raise_for_status()
        http.put("/_sandbox/limits", json=Limits.unlimited().model_dump()).raise_for_status()
        yield Account(http)


@pytest.fixture
def source(sandbox: SandboxProcess) -> Iterator[HubSpotSource]:
    settings = HubSpotSettings(
        token=SecretStr(TOKEN),
        base_url=sandbox.base_url,
        overlap_minutes=0,
        requests_per_ten_seconds=100_000,
        searches_per_second=100_000,
    )
    with HubSpotSource(settings, registry=CollectorRegistry()) as opened:
        yield opened


def run(pipeline: Pipeline, source: HubSpotSource) -> None:
    for _ in sync(pipeline, source, Scope.everything()):
        pass


def test_a_new_line_item_reaches_the_invoice_although_the_deal_does_not_count_as_modified(
    account: Account, source: HubSpotSource, office: Office
) -> None:
    company = account.create("companies", name="Acme")
    deal = account.create("deals", (company, DEAL_COMPANY), **WON)
    account.create("line_items", (deal, LINE_ITEM_DEAL), name="Seats", quantity="10", price="10.00")
    run(office.pipeline, source)
    # Something later, so that no cursor stands where the deal could be seen once more.
    account.create("deals", dealname="Later", dealstage="contractsent", pipeline="default")
    run(office.pipeline, source)
    assert [total for _, total, _ in office.posted()] == [10_000]

    before = account.modified(deal)
    account.create("line_items", (deal, LINE_ITEM_DEAL), name="Setup", quantity="1", price="5.00")
    assert account.modified(deal) == before
    run(office.pipeline, source)

    assert sorted(total for _, total, _ in office.posted()) == [10_000, 10_000, 10_500]
    assert office.quarantined() == []


def test_an_archived_line_item_leaves_the_invoice(
    account: Account, source: HubSpotSource, office: Office
) -> None:
    company = account.create("companies", name="Acme")
    deal = account.create("deals", (company, DEAL_COMPANY), **WON)
    for name in ("Seats", "Setup"):
        item = account.create("line_items", (deal, LINE_ITEM_DEAL), name=name, quantity="1", price="10.00")
    run(office.pipeline, source)
    account.archive("line_items", item)
    run(office.pipeline, source)

    assert sorted(total for _, total, _ in office.posted()) == [1_000, 2_000, 2_000]


def test_an_archived_deal_is_held_because_it_was_invoiced(
    account: Account, source: HubSpotSource, office: Office
) -> None:
    company = account.create("companies", name="Acme")
    deal = account.create("deals", (company, DEAL_COMPANY), **(WON | {"amount": "12.00"}))
    run(office.pipeline, source)
    account.archive("deals", deal)
    run(office.pipeline, source)

    assert office.quarantined() == [(deal, "nothing_was_invoiced")]


def test_the_deals_of_line_items_cost_one_request_for_a_thousand_of_them(
    account: Account, source: HubSpotSource, office: Office
) -> None:
    deal = account.create("deals", **WON)
    for _ in range(3):
        account.create("line_items", (deal, LINE_ITEM_DEAL), name="Seats", quantity="1", price="1.00")
    extract(office.pipeline, source)

    sent = {name: totals.requests for name, totals in source.metrics.by_operation().items()}
    assert sent[f"{ObjectType.LINE_ITEM}.associations.{ObjectType.DEAL}"] == 1
    # The list was read with their line items already: nothing had to be read again.
    assert "deal.batch_read" not in sent


@dataclass(frozen=True, slots=True)
class Customer:
    """A company with a contact, which buys."""

    account: Account
    company: str
    contact: str

    def deal(self) -> str:
        """A won deal with two line items."""
        links = [(self.company, DEAL_COMPANY), (self.contact, DEAL_CONTACT)]
        deal = self.account.create("deals", *links, **WON)
        for name in ("Seats", "Setup"):
            self.account.create("line_items", (deal, LINE_ITEM_DEAL), name=name, quantity="1", price="10.00")
        return deal


def requests(source: HubSpotSource) -> Counter[str]:
    return Counter({name: totals.requests for name, totals in source.metrics.by_operation().items()})


def links_of(office: Office, kind: str, external_id: str) -> Any:
    return office.value(
        """
        SELECT record.associations
        FROM raw.heads AS head INNER JOIN raw.records AS record ON record.id = head.record_id
        WHERE head.object_type = :kind AND head.external_id = :id
        """,
        kind=kind,
        id=external_id,
    )


class TestCertainDeals:
    """Requests by kind of call: HubSpot allows 190 in ten seconds for everything."""

    @pytest.fixture
    def customer(self, account: Account) -> Customer:
        company = account.create("companies", name="Acme")
        contact = account.create("contacts", (company, CONTACT_COMPANY), email="ada@acme.example")
        return Customer(account, company, contact)

    def test_of_a_new_customer_cost_a_request_for_each_type_of_record(
        self, customer: Customer, source: HubSpotSource, office: Office
    ) -> None:
        deal = customer.deal()

        extract_deals(office.pipeline, source, [deal])

        assert requests(source) == {
            "deal.read": 1,
            "company.batch_read": 1,
            "contact.read": 1,
            "line_item.batch_read": 1,
        }

    def test_of_a_known_customer_cost_two_requests(
        self, customer: Customer, source: HubSpotSource, office: Office
    ) -> None:
        extract_deals(office.pipeline, source, [customer.deal()])
        before = requests(source)

        extract_deals(office.pipeline, source, [customer.deal()], related_max_age=timedelta.max)

        assert requests(source) - before == {"deal.read": 1, "line_item.batch_read": 1}

    def test_cost_five_requests_for_fifty_of_known_customers(
        self, customer: Customer, source: HubSpotSource, office: Office
    ) -> None:
        extract_deals(office.pipeline, source, [customer.deal()])
        before = requests(source)
        deals = [customer.deal() for _ in range(50)]

        extract_deals(office.pipeline, source, deals, related_max_age=timedelta.max)

        assert (requests(source) - before).total() == 5

    def test_land_what_reading_all_lands(
        self, customer: Customer, source: HubSpotSource, office: Office
    ) -> None:
        deals = [customer.deal() for _ in range(5)]
        for certain in (deals[:1], deals[1:]):
            extract_deals(office.pipeline, source, certain, related_max_age=timedelta.max)
        landed = office.rows("SELECT * FROM raw.records ORDER BY id")

        report = extract(office.pipeline, source)

        assert {row["object_type"] for row in landed} == {"deal", "company", "contact", "line_item"}
        assert report.counts["read_line_item"] == 10
        assert office.rows("SELECT * FROM raw.records ORDER BY id") == landed

    def test_that_were_archived_or_never_were_leave_the_others_alone(
        self, customer: Customer, source: HubSpotSource, office: Office
    ) -> None:
        archived, kept = customer.deal(), customer.deal()
        extract_deals(office.pipeline, source, [archived, kept])
        customer.account.archive("deals", archived)

        report = extract_deals(office.pipeline, source, [archived, kept, "999999999999"])

        assert (report.counts["read_deal"], report.counts["new_deal"]) == (2, 1)
        assert office.value("SELECT external_id FROM raw.records WHERE archived") == archived

    def test_of_a_company_that_was_merged_come_with_the_one_that_survived(
        self, customer: Customer, source: HubSpotSource, office: Office
    ) -> None:
        deal = customer.deal()
        extract_deals(office.pipeline, source, [deal])
        survivor = customer.account.create("companies", name="Acme Holding")
        customer.account.merge("companies", survivor, customer.company)

        extract_deals(office.pipeline, source, [deal], related_max_age=timedelta.max)
        _, concerned = extract_records(
            office.pipeline, source, {ObjectType.COMPANY: [survivor, customer.company]}
        )

        assert [link["id"] for link in links_of(office, "deal", deal)["company"]] == [survivor]
        assert office.value("SELECT external_id FROM raw.records WHERE archived") == customer.company
        assert concerned == [deal]
