"""The query language: what can be asked, in which order and how much of it."""

from __future__ import annotations

import pytest

from integration_pipeline_tests.sandbox.quickbooks.conftest import Api


@pytest.fixture
def three(api: Api) -> list[str]:
    """Ids of three invoices numbered A-1 to A-3, of 10, 20 and 30, a day apart."""
    customer = api.customer()
    return [
        api.invoice(customer, f"{n}0.00", DocNumber=f"A-{n}", TxnDate=f"2026-10-0{n}")["Id"]
        for n in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("where", "places"),
    [
        ("DocNumber = 'A-2'", [1]),
        ("DocNumber IN ('A-1', 'A-3', 'A-9')", [0, 2]),
        ("DocNumber LIKE 'A-%'", [0, 1, 2]),
        ("DocNumber LIKE 'A_2'", []),
        ("TxnDate >= '2026-10-02'", [1, 2]),
        ("TxnDate > '2026-10-01' AND TotalAmt < '30.00'", [1]),
        ("TotalAmt > 10", [1, 2]),
        ("Balance = '20.0'", [1]),
        ("CustomerRef = '1'", [0, 1, 2]),
        ("CustomerRef = '2'", []),
        ("Id IN ('1', '2')", [0, 1]),
        ("Metadata.LastUpdatedTime > '2026-01-01T00:00:00-08:00'", [0, 1, 2]),
        ("MetaData.CreateTime > '2999-01-01'", []),
    ],
)
def test_conditions_choose(api: Api, three: list[str], where: str, places: list[int]) -> None:
    wanted = [three[place] for place in places]
    found = api.query(f"select * from Invoice where {where} ORDERBY Id")  # noqa: S608 - no SQL
    assert [each["Id"] for each in found.get("Invoice", [])] == wanted


def test_pages_follow_each_other(api: Api, three: list[str]) -> None:
    ordered = "SELECT * FROM Invoice ORDERBY TxnDate "
    paged = [api.query(ordered + f"STARTPOSITION {n} MAXRESULTS 2") for n in (1, 3)]
    assert [[each["Id"] for each in page["Invoice"]] for page in paged] == [three[:2], three[2:]]
    assert [(page["startPosition"], page["maxResults"]) for page in paged] == [(1, 2), (3, 1)]
    assert api.query("SELECT * FROM Invoice STARTPOSITION 4") == {}


def test_order_may_be_descending_and_written_apart(api: Api, three: list[str]) -> None:
    assert api.ids("SELECT * FROM Invoice ORDER BY TxnDate DESC") == three[::-1]
    assert api.ids("SELECT * FROM Invoice ORDERBY CustomerRef, TxnDate ASC") == three


def test_a_count_returns_no_records(api: Api, three: list[str]) -> None:
    assert api.query("SELECT COUNT(*) FROM Invoice WHERE TotalAmt > '10'") == {"totalCount": len(three) - 1}


def test_without_a_page_size_a_hundred_come_and_never_more_than_a_thousand(api: Api) -> None:
    customers = [{"DisplayName": f"C {number}"} for number in range(1_050)]
    api.sandbox.admin("POST", "/seed", {"realm": api.realm, "records": {"Customer": customers}})
    assert len(api.ids("SELECT * FROM Customer")) == 100
    assert len(api.ids("SELECT * FROM Customer MAXRESULTS 5000")) == 1_000


def test_quotes_in_values_are_escaped_by_a_backslash(api: Api) -> None:
    identifier = api.customer("Adam's Cand\\y")
    assert api.ids(r"SELECT * FROM Customer WHERE DisplayName = 'Adam\'s Cand\\y'") == [identifier]


def test_a_query_may_be_posted(api: Api, three: list[str]) -> None:
    answer = api.call("POST", "/query", "SELECT * FROM Invoice WHERE DocNumber = 'A-1'")
    assert [each["Id"] for each in answer.body["QueryResponse"]["Invoice"]] == three[:1]


def test_a_sku_is_shown_only_to_who_names_it(api: Api) -> None:
    api.make("Item", {"Name": "Seats", "Sku": "SEAT", "IncomeAccountRef": {"value": "1"}})
    [plain] = api.query("SELECT * FROM Item WHERE Sku = 'SEAT'")["Item"]
    [named] = api.query("SELECT *, Sku FROM Item WHERE Sku = 'SEAT'")["Item"]
    assert "Sku" not in plain
    assert named["Sku"] == "SEAT"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT * FROM Invoice WHERE DocNumber = 'a' OR DocNumber = 'b'", "4000"),
        ("SELECT * FROM Invoice WHERE DocNumber != 'a'", "4000"),
        ("DELETE FROM Invoice", "4000"),
        ("SELECT * FROM Invoice WHERE (DocNumber = 'a')", "4000"),
        ("SELECT * FROM Invoice WHERE DocNumber = 'a", "4000"),
        ("", "4000"),
        ("SELECT * FROM Invoice WHERE PrivateNote = 'a'", "4001"),
        ("SELECT * FROM Invoice WHERE TotalAmt = 'many'", "4001"),
        ("SELECT * FROM Invoice WHERE TotalAmt LIKE '1%'", "4001"),
        ("SELECT * FROM Estimate", "4001"),
    ],
)
def test_what_cannot_be_asked_is_refused(api: Api, text: str, code: str) -> None:
    assert api.call("POST", "/query", text).code == code


def test_company_info_and_preferences_can_be_queried(api: Api) -> None:
    assert api.query("SELECT * FROM CompanyInfo")["CompanyInfo"][0]["Country"] == "US"
    [preferences] = api.query("SELECT * FROM Preferences")["Preferences"]
    assert preferences["CurrencyPrefs"] == {"MultiCurrencyEnabled": True, "HomeCurrency": {"value": "USD"}}
