"""Batches: one transaction, a hundred inputs at most, and which failures are partial."""

from __future__ import annotations

import httpx

from integration_pipeline_tests.sandbox.conftest import Create

BATCH = "/crm/v3/objects/deals/batch"


def count(client: httpx.Client) -> int:
    return client.get("/_sandbox/counts").json()["objects"]["deals"]


def test_a_hundred_deals_are_created_with_their_links(client: httpx.Client, create: Create) -> None:
    company = create("companies", name="Acme")
    link = {
        "to": {"id": company},
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}],
    }
    inputs = [{"properties": {"dealname": f"D{n}"}, "associations": [link]} for n in range(100)]

    answer = client.post(f"{BATCH}/create", json={"inputs": inputs})

    assert (answer.status_code, answer.json()["status"]) == (201, "COMPLETE")
    assert [each["properties"]["dealname"] for each in answer.json()["results"]] == [
        f"D{n}" for n in range(100)
    ]
    linked = client.get(f"/crm/v4/objects/companies/{company}/associations/deals").json()["results"]
    assert len(linked) == 100


def test_a_batch_of_more_than_a_hundred_is_refused(client: httpx.Client) -> None:
    answer = client.post(f"{BATCH}/create", json={"inputs": [{"properties": {"dealname": "x"}}] * 101})
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert count(client) == 0


def test_one_refused_input_refuses_the_whole_batch(client: httpx.Client) -> None:
    inputs = [{"properties": {"dealname": "good"}}, {"properties": {"amount": "bad"}}]
    assert client.post(f"{BATCH}/create", json={"inputs": inputs}).status_code == 400
    assert count(client) == 0


def test_inputs_with_a_trace_id_fail_one_by_one(client: httpx.Client) -> None:
    inputs = [
        {"objectWriteTraceId": "a", "properties": {"dealname": "good"}},
        {"objectWriteTraceId": "b", "properties": {"amount": "bad"}},
    ]
    answer = client.post(f"{BATCH}/create", json={"inputs": inputs})
    body = answer.json()
    assert (answer.status_code, body["numErrors"], len(body["results"])) == (207, 1, 1)
    assert body["errors"][0]["context"]["objectWriteTraceId"] == ["b"]
    assert count(client) == 1


def test_a_link_to_a_missing_record_undoes_the_batch(client: httpx.Client) -> None:
    link = {"to": {"id": "1"}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}]}
    answer = client.post(f"{BATCH}/create", json={"inputs": [{"associations": [link]}]})
    assert (answer.status_code, answer.json()["category"]) == (404, "OBJECT_NOT_FOUND")
    assert count(client) == 0


def test_a_traced_input_that_cannot_be_linked_leaves_nothing_behind(client: httpx.Client) -> None:
    link = {"to": {"id": "1"}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}]}
    inputs = [{"objectWriteTraceId": "a", "associations": [link]}, {"objectWriteTraceId": "b"}]
    answer = client.post(f"{BATCH}/create", json={"inputs": inputs})
    assert (answer.status_code, answer.json()["errors"][0]["category"]) == (207, "OBJECT_NOT_FOUND")
    assert count(client) == 1


def test_changes_of_one_record_within_a_millisecond_keep_their_order(
    client: httpx.Client, create: Create
) -> None:
    deal = create("deals")
    inputs = [{"id": deal, "properties": {"dealname": str(n)}} for n in range(100)]
    results = client.post(f"{BATCH}/update", json={"inputs": inputs}).json()["results"]
    modified = [each["properties"]["hs_lastmodifieddate"] for each in results]
    assert len(set(modified)) == 100


def test_an_update_of_a_missing_record_leaves_the_others_updated(
    client: httpx.Client, create: Create
) -> None:
    deal = create("deals", dealname="before")
    inputs = [{"id": deal, "properties": {"dealname": "after"}}, {"id": "1", "properties": {"dealname": "x"}}]
    answer = client.post(f"{BATCH}/update", json={"inputs": inputs})
    assert answer.status_code == 207
    assert answer.json()["errors"][0]["context"] == {"ids": ["1"]}
    assert answer.json()["results"][0]["properties"]["dealname"] == "after"


def test_an_upsert_creates_once_and_updates_after(client: httpx.Client) -> None:
    client.post(
        "/crm/v3/properties/deals",
        json={
            "name": "ledger_key",
            "label": "Ledger key",
            "type": "string",
            "fieldType": "text",
            "groupName": "dealinformation",
            "hasUniqueValue": True,
        },
    ).raise_for_status()

    def upsert(name: str) -> dict[str, object]:
        given = {"id": "K-1", "idProperty": "ledger_key", "properties": {"dealname": name}}
        return client.post(f"{BATCH}/upsert", json={"inputs": [given]}).json()["results"][0]

    first, second = upsert("one"), upsert("two")
    assert (first["new"], second["new"], first["id"]) == (True, False, second["id"])
    assert count(client) == 1
    twin = client.post("/crm/v3/objects/deals", json={"properties": {"ledger_key": "K-1"}})
    assert twin.status_code == 400
    assert "already has that value" in twin.json()["message"]


def test_archiving_a_batch_passes_over_unknown_ids(client: httpx.Client, create: Create) -> None:
    deal = create("deals")
    answer = client.post(f"{BATCH}/archive", json={"inputs": [{"id": deal}, {"id": "1"}, {"id": "x"}]})
    assert answer.status_code == 204
    assert count(client) == 0


def test_a_batch_read_keeps_the_order_asked_for(client: httpx.Client, create: Create) -> None:
    made = [create("deals", dealname=str(n)) for n in range(3)]
    asked = [{"id": each} for each in reversed(made)]
    answer = client.post(f"{BATCH}/read", json={"inputs": asked, "properties": ["dealname"]})
    assert (answer.status_code, [each["id"] for each in answer.json()["results"]]) == (200, made[::-1])
