"""SOQL, as Salesforce's reference describes it: what is found, in which order, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline_tests.sandbox.salesforce.conftest import Create

Query = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def people(sandbox: VendorProcess, create: Create) -> dict[str, str]:
    """Three accounts and their opportunities; ids by name."""
    sandbox.admin(
        "POST",
        "/fields",
        {
            "fields": [
                {"object": "Account", "name": "Kinds__c", "type": "multipicklist", "values": ["a", "b", "c"]},
                {"object": "Account", "name": "Notes__c", "type": "textarea", "length": 4_000},
                {"object": "Account", "name": "Seen__c", "type": "date"},
            ]
        },
    )
    rows = (
        ("Acme", 100, "a;b", "2026-01-31"),
        ("Globex", 20, "b", "2026-02-28"),
        ("Initech", None, None, None),
    )
    ids: dict[str, str] = {}
    for name, employees, kinds, seen in rows:
        ids[name] = create("Account", Name=name, NumberOfEmployees=employees, Kinds__c=kinds, Seen__c=seen)
        ids[f"{name} deal"] = create(
            "Opportunity",
            Name=f"{name} deal",
            AccountId=ids[name],
            StageName="Closed Won" if name == "Acme" else "Prospecting",
            CloseDate="2026-03-10",
            Amount=employees,
        )
    return ids


@pytest.mark.usefixtures("people")
class TestWhere:
    @pytest.mark.parametrize(
        ("condition", "names"),
        [
            ("Name = 'acme'", ["Acme"]),
            ("Name != 'Acme'", ["Globex", "Initech"]),
            ("Name <> 'Acme'", ["Globex", "Initech"]),
            ("Name LIKE '%e%'", ["Acme", "Globex", "Initech"]),
            ("Name LIKE 'a_me'", ["Acme"]),
            ("Name IN ('ACME', 'Initech')", ["Acme", "Initech"]),
            ("Name NOT IN ('Acme')", ["Globex", "Initech"]),
            ("NumberOfEmployees > 20", ["Acme"]),
            ("NumberOfEmployees >= 20", ["Acme", "Globex"]),
            ("NumberOfEmployees = null", ["Initech"]),
            ("NumberOfEmployees != null", ["Acme", "Globex"]),
            ("NumberOfEmployees != 20", ["Acme", "Initech"]),
            ("(Name = 'Acme' OR Name = 'Globex') AND NumberOfEmployees < 50", ["Globex"]),
            ("NOT (Name = 'Acme')", ["Globex", "Initech"]),
            ("NOT Name = 'Acme' AND NOT Name = 'Globex'", ["Initech"]),
            ("Kinds__c INCLUDES ('a;b')", ["Acme"]),
            ("Kinds__c INCLUDES ('a', 'b')", ["Acme", "Globex"]),
            ("Kinds__c EXCLUDES ('a')", ["Globex", "Initech"]),
            ("Seen__c = 2026-01-31", ["Acme"]),
            ("Seen__c > 2026-01-31", ["Globex"]),
            ("CreatedDate = TODAY", ["Acme", "Globex", "Initech"]),
            ("CreatedDate < YESTERDAY", []),
            ("CreatedDate >= LAST_N_DAYS:3", ["Acme", "Globex", "Initech"]),
            ("SystemModstamp > 2020-01-01T00:00:00Z", ["Acme", "Globex", "Initech"]),
            ("SystemModstamp > 2999-01-01T00:00:00+01:00", []),
            ("IsDeleted = false", ["Acme", "Globex", "Initech"]),
            ("Owner.IsActive = true", ["Acme", "Globex", "Initech"]),
            ("Id IN (SELECT AccountId FROM Opportunity WHERE IsWon = true)", ["Acme"]),
            ("Id NOT IN (SELECT AccountId FROM Opportunity WHERE IsWon = true)", ["Globex", "Initech"]),
        ],
    )
    def test_finds(self, query: Query, condition: str, names: list[str]) -> None:
        found = query(f"SELECT Name FROM Account WHERE {condition} ORDER BY Name")  # noqa: S608 - SOQL

        assert [each["Name"] for each in found] == names

    @pytest.mark.parametrize(
        ("condition", "code", "said"),
        [
            ("Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY", "unexpected token: 'OR'"),
            ("Name = ", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
            ("Name = 'a", "MALFORMED_QUERY", "unexpected token"),
            ("NumberOfEmployees = '7'", "INVALID_FIELD", "should not be enclosed in quotes"),
            ("Name = 7", "INVALID_FIELD", "should be enclosed in quotes"),
            ("CreatedDate > 2026-01-01", "INVALID_FIELD", "must be of type dateTime"),
            ("Color = 'red'", "INVALID_FIELD", "No such column 'Color' on entity 'Account'"),
            ("Boss.Name = 'x'", "INVALID_FIELD", "Didn't understand relationship 'Boss'"),
            ("Notes__c = 'x'", "INVALID_FIELD", "can not be filtered"),
            ("AccountId = 'x'", "INVALID_FIELD", "No such column 'AccountId'"),
            ("ParentId = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
            ("(" * 40 + "Name = 'a'" + ")" * 40, "MALFORMED_QUERY", "nested too deeply"),
        ],
    )
    def test_refuses(self, client: httpx.Client, condition: str, code: str, said: str) -> None:
        answer = client.get("/query", params={"q": f"SELECT Name FROM Account WHERE {condition}"})  # noqa: S608 - SOQL

        assert answer.status_code == 400
        [problem] = answer.json()
        assert problem["errorCode"] == code
        assert said in problem["message"]

    def test_takes_escapes_as_what_they_stand_for(self, create: Create, query: Query) -> None:
        create("Account", Name='O\'Hara 100% \\ "q"')

        found = query("SELECT Name FROM Account WHERE Name = 'O\\'Hara 100% \\\\ \\\"q\\\"'")

        assert [each["Name"] for each in found] == ['O\'Hara 100% \\ "q"']

    def test_in_either_form_of_an_id(self, people: dict[str, str], query: Query) -> None:
        for form in (people["Acme"], people["Acme"][:15]):
            found = query(f"SELECT Name FROM Account WHERE Id = '{form}'")  # noqa: S608 - SOQL
            assert [each["Name"] for each in found] == ["Acme"]


class TestSelect:
    def test_reaches_fields_of_records_referred_to(self, people: dict[str, str], query: Query) -> None:
        [found] = query(
            "SELECT Name, Account.Name, Account.Owner.Email FROM Opportunity WHERE Account.Name = 'Acme'"
        )

        assert found["Name"] == "Acme deal"
        assert found["Account"]["Name"] == "Acme"
        assert found["Account"]["Owner"]["Email"] == "integration@acme.example"
        assert found["Account"]["attributes"]["url"].endswith(people["Acme"])

    def test_gives_children_along_and_null_where_there_are_none(
        self, people: dict[str, str], create: Create, query: Query
    ) -> None:
        create("Contact", LastName="Ada", AccountId=people["Acme"])

        found = query(
            "SELECT Name, (SELECT Name FROM Contacts), (SELECT Name FROM Opportunities WHERE IsWon = false)"
            " FROM Account ORDER BY Name"
        )

        assert [each["Contacts"] and each["Contacts"]["records"][0]["Name"] for each in found] == [
            "Ada",
            None,
            None,
        ]
        assert [each["Opportunities"] and each["Opportunities"]["totalSize"] for each in found] == [
            None,
            1,
            1,
        ]

    @pytest.mark.usefixtures("people")
    def test_counts(self, client: httpx.Client) -> None:
        answer = client.get("/query", params={"q": "SELECT COUNT() FROM Account WHERE Name != 'Acme'"})

        assert answer.json() == {"totalSize": 2, "done": True, "records": []}

    @pytest.mark.usefixtures("people")
    def test_in_any_case_of_letters_answers_in_the_right_one(self, query: Query) -> None:
        [found] = query("select id, NAME, account.NAME from OPPORTUNITY where account.name = 'Acme' limit 1")

        assert set(found) == {"attributes", "Id", "Name", "Account"}

    @pytest.mark.usefixtures("people")
    def test_takes_all_fields_only_with_a_small_limit(self, client: httpx.Client, query: Query) -> None:
        [found] = query("SELECT FIELDS(CUSTOM) FROM Account ORDER BY Name LIMIT 1")
        assert set(found) == {"attributes", "Kinds__c", "Notes__c", "Seen__c"}

        refused = client.get("/query", params={"q": "SELECT FIELDS(ALL) FROM Account"})
        assert "LIMIT of at most 200" in refused.text

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("SELECT Name, Name FROM Account", "duplicate field selected"),
            ("SELECT Name FROM Accounts", "sObject type 'Accounts' is not supported"),
            ("SELECT (SELECT Id FROM Cases) FROM Account", "Didn't understand relationship 'Cases'"),
            ("SELECT * FROM Account", "unexpected token: '*'"),
            ("SELECT Name FROM Account LIMIT ten", "unexpected token: 'ten'"),
            ("SELECT Name FROM Account OFFSET 2001", "Maximum SOQL offset"),
            ("SELECT Name FROM Account; DELETE", "unexpected token: ';'"),
            ("", "A query string has to be specified"),
        ],
    )
    def test_refuses(self, client: httpx.Client, text: str, said: str) -> None:
        answer = client.get("/query", params={"q": text})

        assert answer.status_code == 400
        assert said in answer.json()[0]["message"]


@pytest.mark.usefixtures("people")
class TestOrder:
    @pytest.mark.parametrize(
        ("order", "names"),
        [
            ("NumberOfEmployees", ["Initech", "Globex", "Acme"]),
            ("NumberOfEmployees ASC NULLS LAST", ["Globex", "Acme", "Initech"]),
            ("NumberOfEmployees DESC", ["Acme", "Globex", "Initech"]),
            ("NumberOfEmployees DESC NULLS FIRST", ["Initech", "Acme", "Globex"]),
            ("Owner.Name, Name DESC", ["Initech", "Globex", "Acme"]),
            ("Name LIMIT 1 OFFSET 1", ["Globex"]),
        ],
    )
    def test_puts(self, query: Query, order: str, names: list[str]) -> None:
        found = query(f"SELECT Name FROM Account ORDER BY {order}")  # noqa: S608 - SOQL

        assert [each["Name"] for each in found] == names


class TestPages:
    def test_have_at_least_two_hundred_rows_whatever_is_asked_for(self, client: httpx.Client) -> None:
        many(client, 201)
        ask = {"q": "SELECT Id FROM Account"}

        first = client.get("/query/", params=ask, headers={"Sforce-Query-Options": "batchSize=1"}).json()

        assert (len(first["records"]), first["totalSize"], first["done"]) == (200, 201, False)
        following = first["nextRecordsUrl"].removeprefix("/services/data/v67.0")
        last = client.get(following).json()
        assert (len(last["records"]), last["done"], "nextRecordsUrl" in last) == (1, True, False)
        # Asked for again, a page is the same.
        assert client.get(following).json() == last

    def test_are_shorter_with_children(self, client: httpx.Client) -> None:
        accounts = many(client, 150)
        contacts = [{"LastName": "Ada", "AccountId": each} for each in accounts]
        many(client, 150, "Contact", contacts)

        page = client.get(
            "/query",
            params={"q": "SELECT Id, (SELECT Id FROM Contacts) FROM Account"},
            headers={"Sforce-Query-Options": "batchSize=200"},
        ).json()

        assert len(page["records"]) == 100
        assert not page["done"]

    def test_end_with_an_unknown_cursor(self, client: httpx.Client) -> None:
        answer = client.get("/query/01gWx0000000009AAA-200")

        assert answer.status_code == 400
        assert answer.json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"

    def test_of_more_than_ten_queries_at_a_time_are_forgotten(self, client: httpx.Client) -> None:
        many(client, 201)

        def open_cursor() -> str:
            page = client.get(
                "/query",
                params={"q": "SELECT Id FROM Account"},
                headers={"Sforce-Query-Options": "batchSize=200"},
            ).json()
            return page["nextRecordsUrl"].removeprefix("/services/data/v67.0")

        first = open_cursor()
        others = [open_cursor() for _ in range(10)]

        assert client.get(first).status_code == 400
        assert client.get(others[0]).status_code == 200


def many(
    client: httpx.Client, count: int, kind: str = "Account", records: list[dict[str, str]] | None = None
) -> list[str]:
    ids: list[str] = []
    given = records or [{"Name": f"Acme {place}"} for place in range(count)]
    for start in range(0, count, 200):
        some = [{"attributes": {"type": kind}, **each} for each in given[start : start + 200]]
        results = client.post("/composite/sobjects", json={"records": some}).json()
        ids += [each["id"] for each in results]
    return ids
