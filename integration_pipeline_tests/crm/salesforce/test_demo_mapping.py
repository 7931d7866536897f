"""From custom fields of an org to the books: a deal of the demo company's kind, through every stage."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from integration_pipeline.billing.usage.events import UsageEvent
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.salesforce.source import SalesforceSource
from integration_pipeline.mapping.document import Mapping, read_mapping
from integration_pipeline.pipeline.context import Pipeline, register
from integration_pipeline.pipeline.extract import extract_records
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import run_stages, sync
from integration_pipeline.pipeline.usage import record_usage
from integration_pipeline.rules.document import read_rule_set
from integration_pipeline.settings import MAPPINGS
from integration_pipeline_tests.crm.salesforce.conftest import Org

AS_OF = date(2026, 5, 1)
_NUMBERS = frozenset(
    {
        "Term_Months__c", "Renewal_Term_Months__c", "Renewal_Uplift__c", "Ramp_Percent_Off__c",
        "Ramp_Days__c", "Minimum_Commitment__c",
    }
)  # fmt: skip
_OBJECTS = {
    ObjectType.DEAL: "Opportunity",
    ObjectType.LINE_ITEM: "OpportunityLineItem",
    ObjectType.COMPANY: "Account",
}


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    return read_mapping(MAPPINGS / "salesforce_demo.yaml")


@pytest.fixture
def prepared(org: Org, mapping: Mapping) -> Org:
    """An org with every custom field the mapping reads, as an administrator would make them."""
    org.define_all(
        [
            {
                "object": entity,
                "name": name,
                "type": "double" if name in _NUMBERS else "textarea",
                "length": 4_000,
            }
            for kind, entity in _OBJECTS.items()
            for name in mapping.properties(kind)
            if name.endswith("__c")
        ]
    )
    return org


class Books:
    """A pipeline on an empty database, and what came of it."""

    def __init__(self, engine: Engine, mapping: Mapping) -> None:
        self.pipeline = Pipeline(engine, mapping, read_rule_set(), as_of=AS_OF)
        register(self.pipeline)

    def run(self, source: SalesforceSource) -> None:
        for _ in sync(self.pipeline, source, Scope.everything()):
            pass

    def rows(self, statement: str) -> list[dict[str, Any]]:
        with self.pipeline.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement)).mappings()]

    def planned(self) -> list[tuple[str, int]]:
        """Issue date and total in minor units of every document that is planned."""
        rows = self.rows(
            "SELECT issue_date, total_minor FROM billing.documents WHERE state = 'planned'"
            " ORDER BY issue_date, id"
        )
        return [(row["issue_date"].isoformat(), row["total_minor"]) for row in rows]

    def posted(self) -> list[tuple[str, int]]:
        rows = self.rows("SELECT issue_date, total_minor FROM ledger.documents ORDER BY entry_id")
        return [(row["issue_date"].isoformat(), row["total_minor"]) for row in rows]

    def held(self) -> list[dict[str, Any]]:
        return self.rows("SELECT external_id, rule, reason FROM posting.quarantine WHERE state = 'open'")


@pytest.fixture
def books(engine: Engine, mapping: Mapping) -> Books:
    return Books(engine, mapping)


def contract(org: Org, **fields: object) -> str:
    """A won opportunity of Acme for half a year from February on."""
    account = org.create("Account", Name="Acme", Website="acme.example", BillingCountry="United States")
    terms = {"Contract_Start__c": "2026-02-01", "Term_Months__c": 6, "Renewal__c": "Fixed term"}
    return org.deal(AccountId=account, CloseDate="2026-01-20", **{**terms, **fields})


def test_a_ninety_day_ramp_ends_on_its_ninety_first_day(
    prepared: Org, source: SalesforceSource, books: Books
) -> None:
    deal = contract(prepared, Ramp_Days__c=90, Ramp_Percent_Off__c=50)
    prepared.line_item(deal, Quantity=10, UnitPrice=100, Billing_Frequency__c="Monthly")

    books.run(source)

    # February, March, April are 89 days: of May, one day of 31 is at half price.
    assert books.held() == []
    assert books.planned() == [
        ("2026-02-01", 50_000),
        ("2026-03-01", 50_000),
        ("2026-04-01", 50_000),
        ("2026-05-01", 98_387),
        ("2026-06-01", 100_000),
        ("2026-07-01", 100_000),
    ]
    assert books.posted() == books.planned()[:4]
    assert books.rows("SELECT DISTINCT source, deal_key FROM crm.deals") == [
        {"source": "salesforce", "deal_key": f"salesforce:{deal}"}
    ]


def test_a_written_ramp_steps_by_months(prepared: Org, source: SalesforceSource, books: Books) -> None:
    deal = contract(prepared, Ramp__c="months 1-2: 50%\nmonth 3: 75%")
    prepared.line_item(deal, Quantity=10, UnitPrice=100, Billing_Frequency__c="Monthly")

    books.run(source)

    assert [total for _, total in books.planned()] == [50_000, 50_000, 75_000, 100_000, 100_000, 100_000]


def test_usage_is_billed_by_the_tiers_of_a_custom_field(
    prepared: Org, source: SalesforceSource, books: Books
) -> None:
    deal = contract(prepared)
    prepared.line_item(
        deal,
        "API calls",
        Usage_Metric__c="api_calls",
        Usage_Tiers__c="1-1000: 0.10; 1001+: 0.08",
        Tier_Model__c="Graduated",
        Billing_Frequency__c="Monthly",
    )
    used = datetime(2026, 2, 10, 12, tzinfo=UTC)
    record_usage(
        books.pipeline,
        [
            UsageEvent(
                event_id="february",
                customer="acme",
                contract_id=f"salesforce:{deal}",
                metric="api_calls",
                occurred_at=used,
                received_at=used,
                quantity=Decimal(1_500),
            )
        ],
    )

    books.run(source)

    # 1,000 at 0.10 and 500 at 0.08.
    assert books.held() == []
    assert books.posted() == [("2026-03-01", 14_000)]


def test_an_announced_deal_is_read_and_billed_by_itself(
    prepared: Org, source: SalesforceSource, books: Books
) -> None:
    deal = contract(prepared)
    prepared.line_item(deal, Quantity=10, UnitPrice=100)

    _, concerned = extract_records(books.pipeline, source, {ObjectType.DEAL: [deal]})
    run_stages(books.pipeline, Scope.deals({f"salesforce:{each}" for each in concerned}))

    assert books.posted() == [("2026-02-01", 100_000)]


def test_what_nobody_can_read_is_held_by_name(prepared: Org, source: SalesforceSource, books: Books) -> None:
    deal = contract(prepared, Ramp__c="slowly at first")
    prepared.line_item(deal, Quantity=10, UnitPrice=100, Billing_Frequency__c="Monthly")

    books.run(source)

    [held] = books.held()
    assert held["external_id"] == deal
    assert "Ramp__c 'slowly at first'" in str(held["reason"])
    assert books.posted() == []
