"""Records: what is returned, what a write is allowed, what changes by itself."""

from __future__ import annotations

import json
from datetime import datetime

import httpx
import pytest

from integration_pipeline_tests.sandbox.conftest import Create

DEALS = "/crm/v3/objects/deals"


def refusals(answer: httpx.Response) -> dict[str, str]:
    """`{property: code}` out of the JSON inside a validation error's message."""
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body["category"] == "VALIDATION_ERROR"
    listing = json.loads(body["message"].removeprefix("Property values were not valid: "))
    return {each["name"]: each["error"] for each in listing}


def test_custom_properties_are_returned_only_when_asked_for(client: httpx.Client, create: Create) -> None:
    deal = create("deals", dealname="Acme", description="hidden unless named")
    defaults = client.get(f"{DEALS}/{deal}").json()["properties"]
    assert set(defaults) == {
        "dealname", "amount", "closedate", "pipeline", "dealstage", "createdate", "hs_lastmodifieddate",
        "hs_object_id",
    }  # fmt: skip
    named = client.get(f"{DEALS}/{deal}", params={"properties": "description,closedate,unknown"}).json()
    assert named["properties"]["description"] == "hidden unless named"
    assert named["properties"]["closedate"] is None
    assert "dealname" not in named["properties"]
    assert "unknown" not in named["properties"]


def test_contacts_spell_their_modification_time_differently(client: httpx.Client, create: Create) -> None:
    contact = create("contacts", email="Ann@Example.com")
    properties = client.get(f"/crm/v3/objects/contacts/{contact}").json()["properties"]
    assert properties["email"] == "ann@example.com"
    assert "lastmodifieddate" in properties
    assert "hs_lastmodifieddate" not in properties


def test_every_value_comes_back_as_text(client: httpx.Client) -> None:
    given = {"dealname": 7, "amount": 12.5, "dealstage": "closedlost"}
    made = client.post(DEALS, json={"properties": given}).json()["properties"]
    assert (made["dealname"], made["amount"], made["hs_is_closed"]) == ("7", "12.5", "true")
    assert all(isinstance(value, str) for value in made.values())


def test_an_unknown_property_is_named_in_the_refusal(client: httpx.Client) -> None:
    answer = client.post(DEALS, json={"properties": {"dealname": "x", "legacy_close_date": "3/1/2017"}})
    assert refusals(answer) == {"legacy_close_date": "PROPERTY_DOESNT_EXIST"}
    assert answer.json()["errors"][0]["context"] == {"propertyName": ["legacy_close_date"]}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("closedate", "3/1/2017", "INVALID_LONG"),
        ("closedate", "2017-13-01", "INVALID_LONG"),
        ("amount", "1,200", "INVALID_NUMBER"),
        ("amount", " 12", "INVALID_NUMBER"),
        ("amount", "NaN", "INVALID_NUMBER"),
        ("dealstage", "won", "INVALID_OPTION"),
        ("deal_currency_code", "XXX", "INVALID_OPTION"),
        ("hubspot_owner_id", "Ann", "INVALID_INTEGER"),
        ("hs_is_closed_won", "true", "READ_ONLY_VALUE"),
        ("hs_lastmodifieddate", "2020-01-01", "READ_ONLY_VALUE"),
    ],
)
def test_a_value_that_does_not_fit_its_property_is_refused(
    client: httpx.Client, name: str, value: str, code: str
) -> None:
    assert refusals(client.post(DEALS, json={"properties": {name: value}})) == {name: code}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2024-03-01", "2024-03-01T00:00:00Z"),
        ("2024-03-01T10:00:00+02:00", "2024-03-01T08:00:00Z"),
        ("2024-03-01T10:00:00.678Z", "2024-03-01T10:00:00.678Z"),
        ("1709251200000", "2024-03-01T00:00:00Z"),
    ],
)
def test_a_moment_is_kept_in_utc_however_it_was_written(client: httpx.Client, given: str, kept: str) -> None:
    made = client.post(DEALS, json={"properties": {"closedate": given}})
    assert made.json()["properties"]["closedate"] == kept


def test_a_date_property_takes_civil_dates_only(client: httpx.Client) -> None:
    path, name = "/crm/v3/objects/line_items", "hs_recurring_billing_start_date"
    made = client.post(path, json={"properties": {name: "2024-02-29"}})
    assert made.json()["properties"][name] == "2024-02-29"
    assert refusals(client.post(path, json={"properties": {name: "02/29/2024"}})) == {name: "INVALID_DATE"}


def test_a_text_property_takes_anything(client: httpx.Client) -> None:
    made = client.post(DEALS, json={"properties": {"dealname": "3/1/2017 – Ünïcode 'quoted'"}})
    assert made.json()["properties"]["dealname"] == "3/1/2017 – Ünïcode 'quoted'"


def test_an_empty_value_clears_a_property(client: httpx.Client, create: Create) -> None:
    deal = create("deals", dealname="Acme", dealstage="closedwon")
    client.patch(f"{DEALS}/{deal}", json={"properties": {"dealname": "", "dealstage": None}})
    read = client.get(f"{DEALS}/{deal}", params={"properties": "dealname,dealstage,hs_is_closed_won"}).json()
    assert read["properties"]["dealname"] is None
    assert read["properties"]["dealstage"] is None
    assert read["properties"]["hs_is_closed_won"] == "false"


@pytest.mark.parametrize(
    ("properties", "amount"),
    [
        ({"price": "100", "quantity": "3"}, "300"),
        ({"price": "19.99", "quantity": "10", "hs_discount_percentage": "15"}, "169.9150"),
        ({"price": "50"}, "50"),
        ({"price": "50", "discount": "5", "quantity": "2"}, "90"),
        ({"quantity": "2"}, None),
    ],
)
def test_a_line_items_amount_follows_from_price_quantity_and_discount(
    client: httpx.Client, create: Create, properties: dict[str, str], amount: str | None
) -> None:
    line = create("line_items", **properties)
    assert client.get(f"/crm/v3/objects/line_items/{line}").json()["properties"]["amount"] == amount


def test_a_creation_date_may_be_given_when_creating_and_not_after(
    client: httpx.Client, create: Create
) -> None:
    deal = create("deals", createdate="2017-03-01T00:00:00Z")
    read = client.get(f"{DEALS}/{deal}").json()
    assert read["createdAt"] == read["properties"]["createdate"] == "2017-03-01T00:00:00Z"
    later = client.patch(f"{DEALS}/{deal}", json={"properties": {"createdate": "2018-01-01"}})
    assert refusals(later) == {"createdate": "READ_ONLY_VALUE"}


def test_every_change_moves_the_modification_time_and_no_change_leaves_it(
    client: httpx.Client, create: Create
) -> None:
    deal = create("deals", dealname="0")
    seen = [
        client.patch(f"{DEALS}/{deal}", json={"properties": {"dealname": str(n)}}).json()["updatedAt"]
        for n in range(1, 30)
    ]
    # As instants: a whole second is written without decimals, and as text it would come after its fractions.
    moments = [datetime.fromisoformat(each) for each in seen]
    assert moments == sorted(set(moments))
    again = client.patch(f"{DEALS}/{deal}", json={"properties": {"dealname": "29"}}).json()
    assert again["updatedAt"] == seen[-1]


def test_history_lists_the_values_a_property_had(client: httpx.Client, create: Create) -> None:
    deal = create("deals", dealstage="contractsent")
    client.patch(f"{DEALS}/{deal}", json={"properties": {"dealstage": "closedwon"}})
    read = client.get(f"{DEALS}/{deal}", params={"propertiesWithHistory": "dealstage"}).json()
    assert [each["value"] for each in read["propertiesWithHistory"]["dealstage"]] == [
        "closedwon",
        "contractsent",
    ]


def test_a_second_contact_with_the_same_email_is_a_conflict(client: httpx.Client, create: Create) -> None:
    first = create("contacts", email="ann@example.com")
    answer = client.post("/crm/v3/objects/contacts", json={"properties": {"email": "ANN@example.com"}})
    assert (answer.status_code, answer.json()["category"]) == (409, "CONFLICT")
    assert answer.json()["message"].endswith(f"Existing ID: {first}")


def test_a_record_is_found_by_its_unique_property(client: httpx.Client, create: Create) -> None:
    contact = create("contacts", email="ann@example.com")
    found = client.get("/crm/v3/objects/contacts/Ann@example.com", params={"idProperty": "email"})
    assert found.json()["id"] == contact
    assert client.get(f"{DEALS}/Acme", params={"idProperty": "dealname"}).status_code == 400


def test_archived_records_are_listed_apart(client: httpx.Client, create: Create) -> None:
    kept, gone = create("deals", dealname="kept"), create("deals", dealname="gone")
    assert client.delete(f"{DEALS}/{gone}").status_code == 204
    assert client.delete(f"{DEALS}/{gone}").status_code == 204
    assert [each["id"] for each in client.get(DEALS).json()["results"]] == [kept]
    archived = client.get(DEALS, params={"archived": "true"}).json()["results"]
    assert [(each["id"], each["archived"]) for each in archived] == [(gone, True)]
    assert client.patch(f"{DEALS}/{gone}", json={"properties": {"dealname": "x"}}).status_code == 404


def test_a_list_follows_its_links_to_the_last_page(client: httpx.Client, create: Create) -> None:
    made = [create("deals", dealname=str(n)) for n in range(5)]
    seen: list[str] = []
    url: str | None = f"{DEALS}?limit=2&properties=dealname"
    while url:
        page = client.get(url).json()
        seen += [each["id"] for each in page["results"]]
        assert all("dealname" in each["properties"] for each in page["results"])
        url = page.get("paging", {}).get("next", {}).get("link")
    assert seen == made


def test_a_page_has_at_most_a_hundred_records(client: httpx.Client) -> None:
    assert client.get(DEALS, params={"limit": 101}).status_code == 400


def test_merging_keeps_the_primary_and_moves_the_links(client: httpx.Client, create: Create) -> None:
    primary, other = create("deals", dealname="keep"), create("deals", dealname="drop", amount="9")
    line = create("line_items", name="Seat")
    client.put(f"/crm/v4/objects/deals/{other}/associations/default/line_items/{line}").raise_for_status()

    merged = client.post(f"{DEALS}/merge", json={"primaryObjectId": primary, "objectIdToMerge": other}).json()

    assert merged["id"] == primary
    assert (merged["properties"]["dealname"], merged["properties"]["amount"]) == ("keep", "9")
    assert merged["properties"]["hs_merged_object_ids"] == other
    assert client.get(f"{DEALS}/{other}").status_code == 404
    linked = client.get(f"/crm/v4/objects/line_items/{line}/associations/deals").json()["results"]
    assert [str(each["toObjectId"]) for each in linked] == [primary]


def test_the_dated_paths_lead_to_the_same_records(client: httpx.Client, create: Create) -> None:
    deal, company = create("deals", dealname="Acme"), create("companies", name="Acme")
    assert client.get(f"/crm/objects/2026-09/deals/{deal}").json()["id"] == deal
    client.put(
        f"/crm/objects/2026-09/deals/{deal}/associations/default/companies/{company}"
    ).raise_for_status()
    linked = client.post(
        "/crm/associations/2026-09/deals/companies/batch/read", json={"inputs": [{"id": deal}]}
    )
    assert linked.json()["results"][0]["to"][0]["toObjectId"] == int(company)
    assert client.get("/crm/properties/2026-09/deals/amount").json()["type"] == "number"


def test_object_types_go_by_several_names(client: httpx.Client, create: Create) -> None:
    line = create("line_items", name="Seat")
    assert client.get(f"/crm/v3/objects/line_item/{line}").json()["id"] == line
    assert client.get(f"/crm/v3/objects/0-8/{line}").json()["id"] == line
    unknown = client.get("/crm/v3/objects/yachts")
    assert (unknown.status_code, unknown.json()["category"]) == (400, "VALIDATION_ERROR")
