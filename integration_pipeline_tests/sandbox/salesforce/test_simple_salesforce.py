"""The org as simple-salesforce uses it: its ordinary flows, none of them changed for the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline_tests.sandbox.salesforce.conftest import KEY, USER, Connect, KeyPair

EXTERNAL = {"object": "Account", "name": "Legacy_Id__c", "type": "string", "external_id": True}


class TestLoggingIn:
    def test_by_client_credentials(self, connect: Connect) -> None:
        assert connect().query("SELECT Name FROM Organization")["totalSize"] == 1

    def test_by_a_signed_assertion(self, connect: Connect, key_pair: KeyPair) -> None:
        logged_in = connect(username=USER, consumer_key=KEY, privatekey=key_pair.private)

        assert logged_in.auth_type == "jwt-bearer"
        assert logged_in.query("SELECT Name FROM User")["totalSize"] == 1

    def test_with_a_wrong_secret_is_refused(self, connect: Connect) -> None:
        with pytest.raises(SalesforceAuthenticationFailed, match="invalid_client"):
            connect(consumer_key=KEY, consumer_secret="wrong", domain="acme.my")

    def test_with_somebody_elses_key_is_refused(self, connect: Connect) -> None:
        with pytest.raises(SalesforceAuthenticationFailed, match="invalid_grant"):
            connect(username=USER, consumer_key=KEY, privatekey=KeyPair().private)

    def test_anew_happens_unnoticed_when_the_session_ended(
        self, salesforce: Any, sandbox: VendorProcess
    ) -> None:
        sandbox.admin("DELETE", "/sessions")

        assert salesforce.Account.create({"Name": "Acme"})["success"]


def test_a_record_is_created_read_changed_and_deleted(salesforce: Any) -> None:
    account_id = salesforce.Account.create({"Name": "Acme", "NumberOfEmployees": 7})["id"]

    assert salesforce.Account.get(account_id)["NumberOfEmployees"] == 7
    assert salesforce.Account.update(account_id, {"Name": "Acme Corp"}) == 204
    assert salesforce.Account.get(account_id)["Name"] == "Acme Corp"
    assert salesforce.Account.delete(account_id) == 204
    with pytest.raises(SalesforceResourceNotFound, match="ENTITY_IS_DELETED"):
        salesforce.Account.get(account_id)


def test_an_upsert_creates_then_changes_then_finds_too_many(salesforce: Any, sandbox: VendorProcess) -> None:
    sandbox.admin("POST", "/fields", {"fields": [EXTERNAL]})

    assert salesforce.Account.upsert("Legacy_Id__c/A-1", {"Name": "Acme"}) == 201
    assert salesforce.Account.upsert("Legacy_Id__c/A-1", {"Name": "Acme Corp"}) == 200
    assert salesforce.Account.get_by_custom_id("Legacy_Id__c", "A-1")["Name"] == "Acme Corp"
    salesforce.Account.create({"Name": "Its double", "Legacy_Id__c": "A-1"})
    with pytest.raises(SalesforceMoreThanOneRecord):
        salesforce.Account.upsert("Legacy_Id__c/A-1", {"Name": "Which?"})


def test_describe_tells_of_custom_fields(salesforce: Any, sandbox: VendorProcess) -> None:
    custom = {
        "object": "Opportunity",
        "name": "Renewal__c",
        "type": "picklist",
        "values": ["Fixed", "Evergreen"],
    }
    sandbox.admin("POST", "/fields", {"fields": [custom]})

    fields = {each["name"]: each for each in salesforce.Opportunity.describe()["fields"]}

    assert fields["Renewal__c"]["custom"]
    assert [each["value"] for each in fields["Renewal__c"]["picklistValues"]] == ["Fixed", "Evergreen"]
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    everything: Any = salesforce.describe()
    assert "OpportunityLineItem" in {each["name"] for each in everything["sobjects"]}


def test_all_pages_of_a_query_are_read(salesforce: Any) -> None:
    names = [f"Acme {place:03}" for place in range(450)]
    salesforce.bulk2.Account.insert(records=[{"Name": name} for name in names], wait=0)

    read = salesforce.query_all_iter(
        "SELECT Name FROM Account ORDER BY Name", headers={"Sforce-Query-Options": "batchSize=200"}
    )

    assert [each["Name"] for each in read] == names


def test_deleted_records_are_in_query_all_and_in_the_deletions(salesforce: Any) -> None:
    account_id = salesforce.Account.create({"Name": "Acme"})["id"]
    kept_id = salesforce.Account.create({"Name": "Globex"})["id"]
    salesforce.Account.delete(account_id)
    now = datetime.now(UTC)
    times = now - timedelta(hours=1), now + timedelta(minutes=5)

    everything = salesforce.query("SELECT Id, IsDeleted FROM Account", include_deleted=True)["records"]

    assert {each["Id"]: each["IsDeleted"] for each in everything} == {account_id: True, kept_id: False}
    assert [each["id"] for each in salesforce.Account.deleted(*times)["deletedRecords"]] == [account_id]
    assert salesforce.Account.updated(*times)["ids"] == [kept_id]
    # Without a zone the library writes a time that ends in a colon.
    naive = [each.replace(tzinfo=None) for each in times]
    assert salesforce.Account.updated(*naive)["ids"] == [kept_id]


def test_bulk_inserts_and_bulk_queries(salesforce: Any) -> None:
    inserted = salesforce.bulk2.Account.insert(
        records=[{"Name": "Acme"}, {"Name": "Globex"}, {"Name": ""}], wait=0
    )

    assert inserted[0]["numberRecordsProcessed"] == 3
    assert inserted[0]["numberRecordsFailed"] == 1
    failed = salesforce.bulk2.Account.get_failed_records(inserted[0]["job_id"])
    assert "REQUIRED_FIELD_MISSING" in failed
    pages = list(salesforce.bulk2.Account.query("SELECT Name FROM Account", max_records=1))
    assert "".join(pages) == '"Name"\n"Acme"\n"Name"\n"Globex"\n'


def test_errors_are_the_librarys_exceptions(salesforce: Any) -> None:
    with pytest.raises(SalesforceMalformedRequest, match="MALFORMED_QUERY"):
        salesforce.query("SELECT FROM Account")
    with pytest.raises(SalesforceMalformedRequest, match="No such column 'Color'"):
        salesforce.query("SELECT Color FROM Account")
    with pytest.raises(SalesforceResourceNotFound):
        salesforce.Account.get("001Wx0000000abcAAA")


def test_the_allowance_is_told_and_ends_in_a_refusal(salesforce: Any, sandbox: VendorProcess) -> None:
    sandbox.admin("PUT", "/allowance", {"requests_per_day": 2})

    assert salesforce.limits()["DailyApiRequests"] == {"Max": 2, "Remaining": 1}
    salesforce.query("SELECT Id FROM Account")
    assert salesforce.api_usage["api-usage"] == (2, 2)
    with pytest.raises(SalesforceRefusedRequest, match="REQUEST_LIMIT_EXCEEDED"):
        salesforce.query("SELECT Id FROM Account")
