"""Search: operators by property type, paging, sizes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from integration_pipeline_tests.sandbox.conftest import Create

SEARCH = "/crm/v3/objects/deals/search"


def condition(name: str, operator: str, value: object = None, **more: object) -> dict[str, object]:
    given = {"propertyName": name, "operator": operator, **more}
    return given if value is None else given | {"value": value}


def found(client: httpx.Client, *filters: dict[str, object], **body: object) -> list[str]:
    answer = client.post(
        SEARCH, json={"filterGroups": [{"filters": filters}], "properties": ["dealname"], **body}
    )
    assert answer.status_code == 200, answer.text
    return [each["properties"]["dealname"] for each in answer.json()["results"]]


@pytest.fixture
def deals(create: Create) -> None:
    create("deals", dealname="Acme renewal", amount="900", dealstage="closedwon", closedate="2024-03-01")
    create(
        "deals",
        dealname="Bolt",
        amount="1000.50",
        dealstage="closedlost",
        closedate="2024-03-01T00:00:00.500Z",
    )
    create("deals", dealname="Core", dealstage="contractsent")


@pytest.mark.usefixtures("deals")
@pytest.mark.parametrize(
    ("given", "names"),
    [
        (condition("dealname", "EQ", "ACME RENEWAL"), ["Acme renewal"]),
        (condition("dealname", "NEQ", "bolt"), ["Acme renewal", "Core"]),
        (condition("amount", "GT", "900"), ["Bolt"]),
        (condition("amount", "GTE", "900.00"), ["Acme renewal", "Bolt"]),
        (condition("amount", "LT", "1000.5"), ["Acme renewal"]),
        (condition("amount", "LTE", "1000.5"), ["Acme renewal", "Bolt"]),
        (condition("amount", "BETWEEN", "950", highValue="2000"), ["Bolt"]),
        (condition("amount", "HAS_PROPERTY"), ["Acme renewal", "Bolt"]),
        (condition("amount", "NOT_HAS_PROPERTY"), ["Core"]),
        (condition("dealstage", "IN", values=["closedwon", "contractsent"]), ["Acme renewal", "Core"]),
        (condition("dealstage", "NOT_IN", values=["closedwon", "contractsent"]), ["Bolt"]),
        (condition("dealname", "CONTAINS_TOKEN", "renew*"), ["Acme renewal"]),
        (condition("dealname", "NOT_CONTAINS_TOKEN", "renewal"), ["Bolt", "Core"]),
        (condition("hs_is_closed_won", "EQ", "true"), ["Acme renewal"]),
        (condition("closedate", "GT", "1709251200000"), ["Bolt"]),
        (condition("closedate", "LTE", "2024-03-01"), ["Acme renewal"]),
        (condition("createdate", "GTE", "2020-01-01T00:00:00Z"), ["Acme renewal", "Bolt", "Core"]),
    ],
)
def test_an_operator_selects_by_the_propertys_type(
    client: httpx.Client, given: dict[str, object], names: list[str]
) -> None:
    assert found(client, given) == names


@pytest.mark.usefixtures("deals")
def test_groups_are_alternatives_and_filters_conditions(client: httpx.Client) -> None:
    groups = [
        {"filters": [condition("dealstage", "EQ", "closedwon"), condition("amount", "GT", "5000")]},
        {"filters": [condition("dealname", "EQ", "core")]},
    ]
    answer = client.post(SEARCH, json={"filterGroups": groups}).json()
    assert (answer["total"], answer["results"][0]["properties"]["dealname"]) == (1, "Core")


@pytest.mark.usefixtures("deals")
def test_results_are_sorted_as_asked(client: httpx.Client) -> None:
    priced = condition("amount", "HAS_PROPERTY")
    assert found(client, priced, sorts=["-amount"]) == ["Bolt", "Acme renewal"]
    ascending = [{"propertyName": "amount", "direction": "ASCENDING"}]
    assert found(client, priced, sorts=ascending) == ["Acme renewal", "Bolt"]


@pytest.mark.usefixtures("deals")
def test_the_free_query_looks_into_the_name(client: httpx.Client) -> None:
    assert found(client, query="bol") == ["Bolt"]


def test_a_change_moves_a_record_behind_a_watermark(client: httpx.Client, create: Create) -> None:
    first, second = create("deals", dealname="first"), create("deals", dealname="second")
    client.patch(f"/crm/v3/objects/deals/{first}", json={"properties": {"amount": "1"}})
    everything = client.post(SEARCH, json={"sorts": ["hs_lastmodifieddate"]}).json()["results"]
    assert [each["id"] for each in everything] == [second, first]
    since = everything[-1]["properties"]["hs_lastmodifieddate"]
    assert found(client, condition("hs_lastmodifieddate", "GTE", since)) == ["first"]


def test_pages_follow_each_other_and_end(client: httpx.Client, create: Create) -> None:
    made = [create("deals", dealname=str(n)) for n in range(5)]
    seen: list[str] = []
    body: dict[str, Any] = {"limit": 2}
    while True:
        page = client.post(SEARCH, json=body).json()
        assert page["total"] == 5
        seen += [each["id"] for each in page["results"]]
        if "paging" not in page:
            break
        body["after"] = page["paging"]["next"]["after"]
    assert seen == made


def test_paging_past_the_cap_is_refused(client: httpx.Client, create: Create) -> None:
    for n in range(5):
        create("deals", dealname=str(n))
    client.put("/_sandbox/limits", json={"search_results": 4}).raise_for_status()
    page = client.post(SEARCH, json={"limit": 3, "after": "3"}).json()
    assert (len(page["results"]), page["paging"]["next"]["after"]) == (1, "4")
    refused = client.post(SEARCH, json={"limit": 3, "after": "4"})
    assert (refused.status_code, refused.json()["category"]) == (400, "VALIDATION_ERROR")


def test_a_fresh_change_is_invisible_while_the_index_lags(client: httpx.Client, create: Create) -> None:
    create("deals", dealname="fresh")
    client.put("/_sandbox/limits", json={"search_lag_ms": 600_000}).raise_for_status()
    assert client.post(SEARCH, json={}).json()["total"] == 0


_ANY = condition("dealname", "HAS_PROPERTY")


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"limit": 0},
        {"after": "-1"},
        {"filterGroups": [{"filters": [_ANY]}] * 6},
        {"filterGroups": [{"filters": [_ANY] * 7}]},
        {"filterGroups": [{"filters": [_ANY] * 6}] * 3 + [{"filters": [_ANY]}]},
        {"filterGroups": [{"filters": [condition("nope", "EQ", "1")]}]},
        {"filterGroups": [{"filters": [condition("amount", "EQ", "much")]}]},
        {"filterGroups": [{"filters": [condition("closedate", "GT", "3/1/2017")]}]},
        {"filterGroups": [{"filters": [condition("amount", "LIKE", "1")]}]},
        {"filterGroups": [{"filters": [condition("amount", "EQ", " ")]}]},
        {"filterGroups": [{"filters": [condition("dealstage", "IN")]}]},
        {"sorts": ["amount", "dealname"]},
        {"sorts": ["nope"]},
        {"query": "x" * 3_001},
    ],
)
def test_a_search_beyond_hubspots_rules_is_refused(client: httpx.Client, body: dict[str, object]) -> None:
    answer = client.post(SEARCH, json=body)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_a_property_name_cannot_smuggle_sql(client: httpx.Client, create: Create) -> None:
    create("deals", dealname="kept")
    answer = client.post(
        SEARCH,
        json={"filterGroups": [{"filters": [condition("x') OR 1=1 --", "EQ", "'; DELETE FROM records")]}]},
    )
    assert answer.status_code == 400
    assert found(client, condition("dealname", "EQ", "'; DELETE FROM records --")) == []
    assert found(client) == ["kept"]
