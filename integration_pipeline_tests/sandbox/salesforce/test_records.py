"""Records: what is refused, what follows from what, what a deletion takes along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline_tests.sandbox.salesforce.conftest import Create

Query = Callable[..., list[dict[str, Any]]]
OPEN = {"StageName": "Prospecting", "CloseDate": "2026-03-10"}


def problem(answer: httpx.Response) -> tuple[int, str, list[str]]:
    [first] = answer.json()
    return answer.status_code, first["errorCode"], first.get("fields", [])


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "code", "named"),
        [
            ({}, "REQUIRED_FIELD_MISSING", ["Name"]),
            ({"Name": ""}, "REQUIRED_FIELD_MISSING", ["Name"]),
            ({"Name": "x" * 256}, "STRING_TOO_LONG", ["Name"]),
            ({"Name": "A", "Color": "red"}, "INVALID_FIELD", []),
            ({"Name": "A", "IsDeleted": True}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["IsDeleted"]),
            ({"Name": "A", "NumberOfEmployees": "many"}, "JSON_PARSER_ERROR", []),
            ({"Name": "A", "NumberOfEmployees": 10**8}, "NUMBER_OUTSIDE_VALID_RANGE", ["NumberOfEmployees"]),
            ({"Name": "A", "AnnualRevenue": 10**16}, "NUMBER_OUTSIDE_VALID_RANGE", ["AnnualRevenue"]),
            ({"Name": "A", "ParentId": "12"}, "MALFORMED_ID", ["ParentId"]),
            ({"Name": "A", "ParentId": "001Wx00000zzzzz"}, "INVALID_CROSS_REFERENCE_KEY", []),
            (
                {"Name": "A", "CurrencyIsoCode": "XTS"},
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                ["CurrencyIsoCode"],
            ),
        ],
    )  # fmt: skip
    def test_name_the_field(
        self, client: httpx.Client, fields: dict[str, Any], code: str, named: list[str]
    ) -> None:
        assert problem(client.post("/sobjects/Account", json=fields)) == (400, code, named)

    def test_of_another_object_s_id(self, client: httpx.Client, create: Create) -> None:
        contact = create("Contact", LastName="Ada")

        answer = client.post("/sobjects/Account", json={"Name": "A", "ParentId": contact})

        assert problem(answer) == (400, "MALFORMED_ID", ["ParentId"])

    def test_of_a_value_that_has_to_be_unique(
        self, client: httpx.Client, create: Create, sandbox: VendorProcess
    ) -> None:
        unique = {"object": "Account", "name": "Tax_Id__c", "type": "string", "unique": True}
        sandbox.admin("POST", "/fields", {"fields": [unique]})
        create("Account", Name="Acme", Tax_Id__c="DE1")

        answer = client.post("/sobjects/Account", json={"Name": "Globex", "Tax_Id__c": "DE1"})

        assert problem(answer) == (400, "DUPLICATE_VALUE", [])

    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "/sobjects/Nothing", 404, "NOT_FOUND"),
            ("GET", "/sobjects/Account/001Wx00000zzzzz", 404, "NOT_FOUND"),
            ("PUT", "/sobjects/Account", 405, "METHOD_NOT_ALLOWED"),
            ("POST", "/sobjects/OpportunityStage", 400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
            ("PATCH", "/sobjects/Account/Nothing__c/7", 404, "NOT_FOUND"),
            ("GET", "/nowhere", 404, "NOT_FOUND"),
        ],
    )
    def test_of_what_is_not_there(
        self, client: httpx.Client, method: str, path: str, status: int, code: str
    ) -> None:
        assert problem(client.request(method, path, json={}))[:2] == (status, code)

    def test_of_a_version_that_is_not_there(self, client: httpx.Client, sandbox: VendorProcess) -> None:
        assert client.get(f"{sandbox.base_url}/services/data/v99.0/sobjects").status_code == 404
        assert client.get(f"{sandbox.base_url}/services/data/v59.0/sobjects").status_code == 200

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"'])
    def test_of_a_body_that_is_none(self, client: httpx.Client, body: bytes) -> None:
        answer = client.post("/sobjects/Account", content=body)

        assert problem(answer)[:2] == (400, "JSON_PARSER_ERROR")


class TestOpportunities:
    def test_are_closed_and_won_by_their_stage(self, create: Create, client: httpx.Client) -> None:
        deal = create("Opportunity", Name="Acme", Amount=200, **OPEN)
        path = f"/sobjects/Opportunity/{deal}"
        before = client.get(path).json()
        client.patch(path, json={"StageName": "Closed Won"})
        after = client.get(path).json()

        shown = ("IsClosed", "IsWon", "Probability", "ExpectedRevenue")
        assert [before[name] for name in shown] == [False, False, 10.0, 20.0]
        assert [after[name] for name in shown] == [True, True, 100.0, 200.0]

    def test_are_worth_what_their_products_are(
        self, create: Create, client: httpx.Client, query: Query
    ) -> None:
        deal = create("Opportunity", Name="Acme", Amount=5, **OPEN)
        entry = price_book_entry(create, query, 12)
        item = create(
            "OpportunityLineItem", OpportunityId=deal, PricebookEntryId=entry, Quantity=3, Discount=10
        )
        path = f"/sobjects/Opportunity/{deal}"
        with_product = client.get(path).json()
        # Not refused, and not heeded.
        assert client.patch(path, json={"Amount": 7}).status_code == 204
        client.patch(f"/sobjects/OpportunityLineItem/{item}", json={"UnitPrice": 100})
        dearer = client.get(path).json()
        client.delete(f"/sobjects/OpportunityLineItem/{item}")
        without = client.get(path).json()

        assert (with_product["Amount"], with_product["HasOpportunityLineItem"]) == (32.4, True)
        assert dearer["Amount"] == 270.0
        assert (without["Amount"], without["HasOpportunityLineItem"]) == (270.0, False)

    def test_take_products_in_their_currency_alone(
        self, create: Create, client: httpx.Client, query: Query
    ) -> None:
        deal = create("Opportunity", Name="Acme", CurrencyIsoCode="EUR", **OPEN)
        entry = price_book_entry(create, query, 12)

        answer = client.post(
            "/sobjects/OpportunityLineItem",
            json={"OpportunityId": deal, "PricebookEntryId": entry, "Quantity": 1},
        )

        assert problem(answer) == (400, "FIELD_INTEGRITY_EXCEPTION", ["PricebookEntryId"])

    def test_take_a_unit_price_or_a_total(self, create: Create, client: httpx.Client, query: Query) -> None:
        deal = create("Opportunity", Name="Acme", **OPEN)
        line = {"OpportunityId": deal, "PricebookEntryId": price_book_entry(create, query, 12), "Quantity": 4}

        item = create("OpportunityLineItem", TotalPrice=100, **line)
        both = client.post("/sobjects/OpportunityLineItem", json={**line, "TotalPrice": 1, "UnitPrice": 1})

        assert client.get(f"/sobjects/OpportunityLineItem/{item}").json()["UnitPrice"] == 25.0
        assert problem(both)[1] == "FIELD_INTEGRITY_EXCEPTION"

    def test_are_deleted_with_their_account_and_come_back_alone(
        self, create: Create, client: httpx.Client, query: Query, sandbox: VendorProcess
    ) -> None:
        account = create("Account", Name="Acme")
        deal = create("Opportunity", Name="Acme", AccountId=account, **OPEN)
        client.delete(f"/sobjects/Account/{account}")
        assert query("SELECT Id FROM Opportunity") == []
        assert [
            each["IsDeleted"] for each in query("SELECT IsDeleted FROM Opportunity", everything=True)
        ] == [True]

        sandbox.admin("POST", "/undelete", {"ids": [deal]})

        assert [each["Id"] for each in query("SELECT Id FROM Opportunity")] == [deal]


class TestStamps:
    def test_move_with_every_write_in_whole_seconds(
        self, create: Create, client: httpx.Client, sandbox: VendorProcess
    ) -> None:
        path = f"/sobjects/Account/{create('Account', Name='Acme')}"
        before = client.get(path).json()
        sandbox.admin("PUT", "/clock", {"advance_seconds": 5})
        client.patch(path, json={"Name": "Acme Corp"})
        after = client.get(path).json()

        assert before["SystemModstamp"] == before["CreatedDate"] == after["CreatedDate"]
        assert after["SystemModstamp"] == after["LastModifiedDate"] > before["SystemModstamp"]
        assert after["SystemModstamp"].endswith(".000+0000")

    def test_of_children_of_a_merged_account_move_while_nobody_modified_them(
        self, create: Create, client: httpx.Client, sandbox: VendorProcess
    ) -> None:
        kept, lost = create("Account", Name="Acme"), create("Account", Name="ACME")
        path = f"/sobjects/Contact/{create('Contact', LastName='Ada', AccountId=lost)}"
        before = client.get(path).json()
        sandbox.admin("PUT", "/clock", {"advance_seconds": 5})
        sandbox.admin("POST", "/merge", {"object": "Account", "master": kept, "other": lost})
        after = client.get(path).json()

        assert after["AccountId"] == kept
        assert after["LastModifiedDate"] == before["LastModifiedDate"]
        assert after["SystemModstamp"] > before["SystemModstamp"]


def test_numbers_are_written_as_java_writes_doubles_with_all_their_digits(
    create: Create, client: httpx.Client
) -> None:
    small = create("Account", Name="A", AnnualRevenue=10)
    exact = client.post(
        "/sobjects/Account", content=b'{"Name": "B", "AnnualRevenue": 1234567890123456.05}'
    ).json()["id"]

    assert '"AnnualRevenue":10.0,' in client.get(f"/sobjects/Account/{small}").text
    assert '"AnnualRevenue":1.23456789012345605E15,' in client.get(f"/sobjects/Account/{exact}").text


def test_records_outlive_a_restart(tmp_path_factory: pytest.TempPathFactory, options: Any) -> None:
    data_dir = tmp_path_factory.mktemp("restarted")
    field = {"object": "Account", "name": "Color__c", "type": "string"}
    with VendorProcess("salesforce", data_dir, options) as sandbox:
        sandbox.admin("POST", "/fields", {"fields": [field]})
        assert sandbox.admin("GET", "/counts")["objects"]["OpportunityStage"] == 8
    with VendorProcess("salesforce", data_dir, options) as sandbox:
        counts = sandbox.admin("GET", "/counts")
        assert counts["objects"]["OpportunityStage"] == 8
        assert counts["sessions_opened"] == 0


def price_book_entry(create: Create, query: Query, price: int) -> str:
    product = create("Product2", Name="Seats", ProductCode="SEATS", IsActive=True)
    [book] = query("SELECT Id FROM Pricebook2")
    return create(
        "PricebookEntry", Pricebook2Id=book["Id"], Product2Id=product, UnitPrice=price, IsActive=True
    )
