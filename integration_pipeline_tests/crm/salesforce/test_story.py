"""The story of `docs/story.md`: a contract in Salesforce's custom fields becomes invoices in Xero."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from integration_pipeline.accounting.target import AccountingTarget
from integration_pipeline.billing.usage.events import UsageEvent
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.salesforce.source import SalesforceSource
from integration_pipeline.mapping.document import Mapping, read_mapping
from integration_pipeline.pipeline.context import Pipeline, PostsTo
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import sync
from integration_pipeline.pipeline.usage import record_usage
from integration_pipeline.posting.delivery import deliver
from integration_pipeline.rules.document import read_rule_set
from integration_pipeline.settings import MAPPINGS
from integration_pipeline_tests.crm.salesforce.conftest import Org
from integration_pipeline_tests.pipeline.conftest import registered
from integration_pipeline_tests.posting.conftest import SINCE, TENANT, Xero

STORY = Path(__file__).parents[3] / "docs" / "story.md"
AS_OF = date(2026, 8, 1)
TIERS = "1-1000: 0.10; 1001-5000: 0.08; 5001+: 0.05"
CALLS = {"2026-02": 800, "2026-03": 4_000, "2026-04": 6_200, "2026-05": 0, "2026-06": 1_001, "2026-07": 5_000}


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    return read_mapping(MAPPINGS / "salesforce_demo.yaml")


@pytest.fixture(scope="module")
def running_xero(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xero]:
    vendor = Xero(tmp_path_factory.mktemp("xero"))
    with vendor.sandbox:
        vendor.fresh()
        yield vendor


@pytest.fixture
def xero_target(running_xero: Xero) -> Iterator[AccountingTarget]:
    running_xero.fresh()
    target = running_xero.target()
    yield target
    target.close()


def signed_in_salesforce(org: Org, mapping: Mapping) -> str:
    """An opportunity as the story tells it; its id."""
    numbers = {"Term_Months__c", "Ramp_Percent_Off__c", "Ramp_Days__c"}
    org.define_all(
        [
            {
                "object": entity,
                "name": name,
                "type": "double" if name in numbers else "textarea",
                "length": 4_000,
            }
            for kind, entity in (
                (ObjectType.DEAL, "Opportunity"),
                (ObjectType.LINE_ITEM, "OpportunityLineItem"),
                (ObjectType.COMPANY, "Account"),
            )
            for name in mapping.properties(kind)
            if name.endswith("__c")
        ]
    )
    account = org.create("Account", Name="Brightwater Analytics", Website="https://www.brightwater.example")
    deal = org.deal(
        Name="Brightwater platform",
        AccountId=account,
        CloseDate="2026-01-20",
        Contract_Start__c="2026-02-01",
        Term_Months__c=6,
        Renewal__c="Fixed term",
        Ramp_Days__c=90,
        Ramp_Percent_Off__c=50,
    )
    org.line_item(deal, "Platform", Quantity=10, UnitPrice=100, Billing_Frequency__c="Monthly")
    org.line_item(
        deal,
        "API calls",
        Usage_Metric__c="api_calls",
        Usage_Tiers__c=TIERS,
        Tier_Model__c="Graduated",
        Billing_Frequency__c="Monthly",
    )
    return deal


def used(deal: str) -> list[UsageEvent]:
    """The month's calls, reported at once in its middle."""
    return [
        UsageEvent(
            event_id=month,
            customer="brightwater",
            contract_id=f"salesforce:{deal}",
            metric="api_calls",
            occurred_at=datetime.fromisoformat(f"{month}-15T12:00:00+00:00"),
            received_at=datetime.fromisoformat(f"{month}-15T12:00:00+00:00"),
            quantity=Decimal(calls),
        )
        for month, calls in CALLS.items()
        if calls
    ]


def in_xero(xero: Xero) -> dict[str, list[tuple[str, Decimal]]]:
    """Lines of every invoice there, by date, as Xero itself shows them."""
    token = xero.sandbox.admin("POST", "/connect", {})["access_token"]
    answer = httpx.get(
        f"{xero.sandbox.base_url}/api.xro/2.0/Invoices",
        params={"page": "1", "order": "Date"},
        headers={
            "Authorization": f"Bearer {SecretStr(token).get_secret_value()}",
            "xero-tenant-id": TENANT,
            "Accept": "application/json",
        },
    ).raise_for_status()
    return {
        invoice["DateString"][:10]: [
            (line["Description"].split("\n")[0], Decimal(str(line["LineAmount"])))
            for line in invoice["LineItems"]
        ]
        for invoice in answer.json()["Invoices"]
    }


def told() -> dict[str, Decimal]:
    """Date and total of each row of the story's table."""
    rows = re.findall(r"^\| (\d{4}-\d\d-\d\d) \|.*\| ([\d,.]+) \|$", STORY.read_text(), re.MULTILINE)
    return {day: Decimal(total.replace(",", "")) for day, total in rows}


def test_a_ninety_day_ramp_and_usage_tiers_in_custom_fields_are_the_right_invoices_in_xero(
    org: Org,
    source: SalesforceSource,
    engine: Engine,
    mapping: Mapping,
    running_xero: Xero,
    xero_target: AccountingTarget,
) -> None:
    deal = signed_in_salesforce(org, mapping)
    pipeline = registered(
        Pipeline(engine, mapping, read_rule_set(), as_of=AS_OF, targets=(PostsTo("xero", "us", SINCE),))
    )
    record_usage(pipeline, used(deal))

    for _ in sync(pipeline, source, Scope.everything()):
        pass
    deliver(pipeline, [xero_target])

    there = in_xero(running_xero)
    totals = {day: sum((amount for _, amount in lines), Decimal(0)) for day, lines in there.items()}
    assert totals == told()
    # Of May, one day of 31 is at half price; of April's 6,200 calls each tier takes its own.
    may = [Decimal("16.13"), Decimal("240.00"), Decimal("967.74")]
    assert sorted(amount for _, amount in there["2026-05-01"]) == may
