"""Fields of deals written back, each deal for itself."""

from __future__ import annotations

from integration_pipeline.crm.salesforce.source import SalesforceSource
from integration_pipeline.crm.write_back import CrmWriter
from integration_pipeline.transport.failures import Uncertain
from integration_pipeline_tests.crm.salesforce.conftest import Connect, Org


def test_values_reach_fields_of_every_type_with_all_their_digits(org: Org, source: SalesforceSource) -> None:
    for name, kind in (("Invoiced__c", "currency"), ("Paid_On__c", "date"), ("Billed__c", "boolean")):
        org.define(object="Opportunity", name=name, type=kind)
    deal = org.deal(NextStep="Call them")
    written = {
        "Invoiced__c": "1234567890.05",
        "Paid_On__c": "2026-03-31",
        "Billed__c": "true",
        "NextStep": None,
    }

    assert source.update_deals({deal: written}) == {}

    assert source.read_deals([deal], list(written)) == {deal: written}


def test_a_refused_deal_spoils_no_other(org: Org, source: SalesforceSource) -> None:
    good, gone, overlong = org.deal(), org.deal(), org.deal()
    org.delete("Opportunity", gone)

    refused = source.update_deals(
        {
            gone: {"NextStep": "Invoiced"},
            "006Wx00000zzzzz": {"NextStep": "Invoiced"},
            "no id": {"NextStep": "Invoiced"},
            overlong: {"NextStep": "x" * 256},
            good: {"NextStep": "Invoiced"},
        }
    )

    assert {each for each, refusal in refused.items() if refusal.gone} == {gone, "006Wx00000zzzzz", "no id"}
    assert "STRING_TOO_LONG" in refused[overlong].reason
    assert not refused[overlong].passing
    assert source.read_deals([good, gone, overlong], ["NextStep"]) == {
        good: {"NextStep": "Invoiced"},
        overlong: {"NextStep": None},
    }


def test_fields_that_are_not_there_or_not_ours_to_write_are_named(org: Org, source: SalesforceSource) -> None:
    deal, other = org.deal(), org.deal()

    refused = source.update_deals({deal: {"Invoiced__c": "1"}, other: {"IsWon": "false"}})

    assert refused[deal].missing == {"Invoiced__c"}
    assert refused[other].missing == {"IsWon"}
    assert "field-level security" in refused[deal].next_step


def test_writable_fields_are_those_that_take_values(org: Org, source: SalesforceSource) -> None:
    assert "Invoiced__c" not in source.writable_fields()
    org.define(object="Opportunity", name="Invoiced__c", type="currency")

    writable = source.writable_fields()

    assert {"Invoiced__c", "NextStep"} <= writable
    assert not {"IsWon", "Id", "SystemModstamp"} & writable
    org.watch()
    source.update_deals({org.deal(): {"Invoiced__c": "10.50"}})
    # Known as a number now, though it was not there when fields were first looked at.
    assert '"Invoiced__c":10.50' in org.requests()[-1]["body"]


def test_a_locked_record_is_waited_for(org: Org, source: SalesforceSource) -> None:
    deal = org.deal()
    org.fault(path="*/composite/sobjects", times=2, fault={"kind": "error", "status": 423})

    assert source.update_deals({deal: {"NextStep": "Invoiced"}}) == {}


def test_a_call_whose_answer_stays_away_is_uncertain(org: Org, connect: Connect) -> None:
    deal = org.deal()
    source = connect()
    org.fault(path="*/composite/sobjects", fault={"kind": "drop_after"})

    try:
        source.update_deals({deal: {"NextStep": "Invoiced"}})
    except Uncertain:
        assert org.get("Opportunity", deal)["NextStep"] == "Invoiced"
    else:
        raise AssertionError("nobody answered")


def test_more_than_two_hundred_deals_take_several_calls(org: Org, source: SalesforceSource) -> None:
    writer: CrmWriter = source
    won = {"Name": "Acme", "StageName": "Closed Won", "CloseDate": "2026-03-10"}
    deals = org.create_many("Opportunity", [won] * (writer.deals_in_a_call + 1))
    writer.update_deals({deals[0]: {"NextStep": "Once"}})
    org.watch()

    assert writer.update_deals({deal: {"NextStep": "Invoiced"} for deal in deals}) == {}

    assert [each["method"] for each in org.requests()] == ["PATCH", "PATCH"]
