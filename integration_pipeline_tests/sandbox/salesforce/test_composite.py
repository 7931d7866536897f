"""Several calls, or several records, in one request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline_tests.sandbox.salesforce.conftest import VERSION, Create

Query = Callable[..., list[dict[str, Any]]]


def composite(
    client: httpx.Client, *requests: dict[str, Any], all_or_none: bool = False
) -> list[dict[str, Any]]:
    listed = [{"referenceId": f"r{place}", **each} for place, each in enumerate(requests)]
    answer = client.post("/composite", json={"allOrNone": all_or_none, "compositeRequest": listed})
    assert answer.status_code == 200, answer.text
    return answer.json()["compositeResponse"]


ACCOUNT: dict[str, Any] = {"method": "POST", "url": f"{VERSION}/sobjects/Account", "body": {"Name": "Acme"}}
NONSENSE: dict[str, Any] = {"method": "POST", "url": f"{VERSION}/sobjects/Account", "body": {}}


class TestComposite:
    def test_a_later_call_refers_to_an_earlier_one(self, client: httpx.Client, query: Query) -> None:
        contact = {
            "method": "POST",
            "url": f"{VERSION}/sobjects/Contact",
            "body": {"LastName": "Ada", "AccountId": "@{r0.id}"},
        }
        look = {"method": "GET", "url": f"{VERSION}/query?q=SELECT+Id+FROM+Account"}
        again = {"method": "GET", "url": f"{VERSION}/sobjects/Account/@{{r2.records[0].Id}}?fields=Name"}

        answers = composite(client, ACCOUNT, contact, look, again)

        assert [each["httpStatusCode"] for each in answers] == [201, 201, 200, 200]
        assert answers[3]["body"]["Name"] == "Acme"
        [found] = query("SELECT Account.Name FROM Contact")
        assert found["Account"]["Name"] == "Acme"

    def test_a_refused_call_leaves_the_others_alone(self, client: httpx.Client, query: Query) -> None:
        answers = composite(client, ACCOUNT, NONSENSE)

        assert [each["httpStatusCode"] for each in answers] == [201, 400]
        assert answers[1]["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
        assert len(query("SELECT Id FROM Account")) == 1

    def test_all_or_none_undoes_the_others(self, client: httpx.Client, query: Query) -> None:
        answers = composite(client, ACCOUNT, NONSENSE, all_or_none=True)

        assert [each["httpStatusCode"] for each in answers] == [400, 400]
        assert answers[0]["body"][0]["errorCode"] == "PROCESSING_HALTED"
        assert query("SELECT Id FROM Account") == []

    def test_a_call_that_refers_to_nothing_is_halted(self, client: httpx.Client) -> None:
        contact = {
            "method": "POST",
            "url": f"{VERSION}/sobjects/Contact",
            "body": {"LastName": "Ada", "AccountId": "@{r0.id}"},
        }

        [_, answer] = composite(client, NONSENSE, contact)

        assert (answer["httpStatusCode"], answer["body"][0]["errorCode"]) == (400, "PROCESSING_HALTED")

    def test_takes_twenty_five_calls_five_of_them_queries(self, client: httpx.Client) -> None:
        look = {"method": "GET", "url": f"{VERSION}/query?q=SELECT+Id+FROM+Account"}
        assert len(composite(client, *[ACCOUNT] * 20, *[look] * 5)) == 25

        for requests in ([ACCOUNT] * 26, [look] * 6):
            listed = [{"referenceId": f"r{place}", **each} for place, each in enumerate(requests)]
            answer = client.post("/composite", json={"compositeRequest": listed})
            assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "LIMIT_EXCEEDED")

    def test_counts_as_one_request(self, client: httpx.Client) -> None:
        before = client.get("/limits").headers["Sforce-Limit-Info"]
        composite(client, *[ACCOUNT] * 5)
        after = client.get("/limits").headers["Sforce-Limit-Info"]

        used = [int(each.partition("=")[2].partition("/")[0]) for each in (before, after)]
        assert used[1] - used[0] == 2

    def test_a_batch_answers_each_for_itself(self, client: httpx.Client) -> None:
        requests = [
            {"method": "POST", "url": "v67.0/sobjects/Account", "richInput": {"Name": "Acme"}},
            {"method": "GET", "url": "v67.0/sobjects/Nothing"},
        ]

        answer = client.post("/composite/batch", json={"batchRequests": requests}).json()

        assert answer["hasErrors"]
        assert [each["statusCode"] for each in answer["results"]] == [201, 404]


class TestCollections:
    def test_have_a_result_for_each_record_in_order(self, client: httpx.Client, query: Query) -> None:
        records = [
            {"attributes": {"type": "Account"}, "Name": "Acme"},
            {"attributes": {"type": "Account"}},
            {"attributes": {"type": "Contact"}, "LastName": "Ada"},
            {"attributes": {"type": "Nothing"}},
        ]

        results = client.post("/composite/sobjects", json={"records": records}).json()

        assert [each["success"] for each in results] == [True, False, True, False]
        assert [error["statusCode"] for each in results for error in each["errors"]] == [
            "REQUIRED_FIELD_MISSING",
            "INVALID_TYPE",
        ]
        assert len(query("SELECT Id FROM Account")) == len(query("SELECT Id FROM Contact")) == 1

    def test_all_or_none_undoes_the_good_ones(self, client: httpx.Client, query: Query) -> None:
        records = [{"attributes": {"type": "Account"}, "Name": "Acme"}, {"attributes": {"type": "Account"}}]

        results = client.post("/composite/sobjects", json={"allOrNone": True, "records": records}).json()

        assert [each["errors"][0]["statusCode"] for each in results] == [
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "REQUIRED_FIELD_MISSING",
        ]
        assert query("SELECT Id FROM Account") == []

    def test_are_upserted_by_an_external_id(
        self, client: httpx.Client, create: Create, query: Query, sandbox: VendorProcess
    ) -> None:
        external = {"object": "Account", "name": "Legacy_Id__c", "type": "string", "external_id": True}
        sandbox.admin("POST", "/fields", {"fields": [external]})
        create("Account", Name="Acme", Legacy_Id__c="A-1")
        records = [
            {"attributes": {"type": "Account"}, "Legacy_Id__c": number, "Name": f"Acme {number}"}
            for number in ("A-1", "A-2")
        ]

        results = client.patch("/composite/sobjects/Account/Legacy_Id__c", json={"records": records}).json()

        assert [(each["success"], each["created"]) for each in results] == [(True, False), (True, True)]
        assert {each["Name"] for each in query("SELECT Name FROM Account")} == {"Acme A-1", "Acme A-2"}

    def test_are_retrieved_in_order_with_nothing_for_what_is_not_there(
        self, client: httpx.Client, create: Create
    ) -> None:
        first, second = create("Account", Name="Acme"), create("Account", Name="Globex")
        ids = [second, "001Wx00000zzzzz", first]

        answer = client.post("/composite/sobjects/Account", json={"ids": ids, "fields": ["Name"]}).json()

        assert [each and each["Name"] for each in answer] == ["Globex", None, "Acme"]

    def test_are_deleted_by_ids_in_the_address(
        self, client: httpx.Client, create: Create, query: Query
    ) -> None:
        account, contact = create("Account", Name="Acme"), create("Contact", LastName="Ada")

        results = client.delete("/composite/sobjects", params={"ids": f"{account},{contact},xyz"}).json()

        assert [each["success"] for each in results] == [True, True, False]
        assert query("SELECT Id FROM Account") == query("SELECT Id FROM Contact") == []

    def test_hold_two_hundred_at_most(self, client: httpx.Client, query: Query) -> None:
        records = [{"attributes": {"type": "Account"}, "Name": "Acme"}] * 201

        answer = client.post("/composite/sobjects", json={"records": records})

        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "EXCEEDED_MAX_SIZE_REQUEST")
        assert query("SELECT Id FROM Account") == []
