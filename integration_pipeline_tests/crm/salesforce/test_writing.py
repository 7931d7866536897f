"""Fields of deals written back, each deal for itself."""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline.crm.salesforce.source import SalesforceSource
from integration_pipeline.crm.salesforce.writing import DealUpdate
from integration_pipeline_tests.crm.salesforce.conftest import Org


def test_numbers_keep_their_digits_and_none_empties_a_field(org: Org, source: SalesforceSource) -> None:
    org.define(object="Opportunity", name="Invoiced__c", type="currency", precision=18, scale=2)
    deal = org.deal(NextStep="Call them")
    changes = {"Invoiced__c": Decimal("1234567890.05"), "NextStep": None}

    [written] = source.update_deals([DealUpdate(deal, changes)])

    assert written.problem is None
    [record] = org.http.get("/query", params={"q": "SELECT Invoiced__c, NextStep FROM Opportunity"}).json()[
        "records"
    ]
    assert Decimal(str(record["Invoiced__c"])) == Decimal("1234567890.05")
    assert record["NextStep"] is None


def test_a_refused_deal_spoils_no_other(org: Org, source: SalesforceSource) -> None:
    good, gone = org.deal(), org.deal()
    org.delete("Opportunity", gone)

    results = source.update_deals(
        [
            DealUpdate(gone, {"NextStep": "Invoiced"}),
            DealUpdate(good, {"NextStep": "Invoiced"}),
            DealUpdate(good, {"IsWon": False}),
        ]
    )

    assert [each.external_id for each in results] == [gone, good, good]
    assert results[0].problem == "entity is deleted (ENTITY_IS_DELETED)"
    assert results[1].problem is None
    assert "INVALID_FIELD_FOR_INSERT_UPDATE" in str(results[2].problem)
    assert org.get("Opportunity", good)["NextStep"] == "Invoiced"


def test_a_locked_record_is_waited_for(org: Org, source: SalesforceSource) -> None:
    deal = org.deal()
    org.fault(path="*/composite/sobjects", times=2, fault={"kind": "error", "status": 423})

    [written] = source.update_deals([DealUpdate(deal, {"NextStep": "Invoiced"})])

    assert written.problem is None


def test_more_than_two_hundred_deals_take_several_calls(org: Org, source: SalesforceSource) -> None:
    deals = org.create_many(
        "Opportunity", [{"Name": "Acme", "StageName": "Closed Won", "CloseDate": "2026-03-10"}] * 201
    )
    source.owners()
    org.watch()

    results = source.update_deals([DealUpdate(deal, {"NextStep": "Invoiced"}) for deal in deals])

    assert [each.problem for each in results] == [None] * 201
    assert [each["method"] for each in org.requests()] == ["PATCH", "PATCH"]
