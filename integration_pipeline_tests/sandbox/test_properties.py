"""Property definitions: what may be created, changed, and what HubSpot keeps to itself."""

from __future__ import annotations

import httpx
import pytest

from integration_pipeline_tests.sandbox.conftest import Create

PROPERTIES = "/crm/v3/properties/deals"
TERMS = {
    "name": "payment_terms",
    "label": "Payment terms",
    "type": "enumeration",
    "fieldType": "select",
    "groupName": "dealinformation",
    "options": [{"label": "Net 30", "value": "Net 30"}, {"label": "Net 60", "value": "Net 60"}],
}
PO = {
    "name": "po_number",
    "label": "PO",
    "type": "string",
    "fieldType": "text",
    "groupName": "dealinformation",
}


def test_a_custom_enumeration_takes_its_options_only(client: httpx.Client, create: Create) -> None:
    assert client.post(PROPERTIES, json=TERMS).status_code == 201
    deal = create("deals", payment_terms="Net 30")
    refused = client.patch(f"/crm/v3/objects/deals/{deal}", json={"properties": {"payment_terms": "Net 45"}})
    assert "INVALID_OPTION" in refused.json()["message"]


def test_a_batch_creates_what_it_can(client: httpx.Client) -> None:
    client.post(PROPERTIES, json=PO).raise_for_status()
    answer = client.post(f"{PROPERTIES}/batch/create", json={"inputs": [TERMS, PO]})
    body = answer.json()
    assert (answer.status_code, body["numErrors"], body["errors"][0]["category"]) == (207, 1, "CONFLICT")
    assert [each["name"] for each in body["results"]] == ["payment_terms"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Po Number"},
        {"type": "money"},
        {"fieldType": "number"},
        {"type": "enumeration", "fieldType": "select"},
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(client: httpx.Client, change: dict[str, str]) -> None:
    assert client.post(PROPERTIES, json=PO | change).status_code == 400


def test_options_can_be_changed_later(client: httpx.Client, create: Create) -> None:
    client.post(PROPERTIES, json=TERMS).raise_for_status()
    options = {"options": [{"label": "Net 45", "value": "Net 45"}]}
    assert client.patch(f"{PROPERTIES}/payment_terms", json=options).status_code == 200
    assert create("deals", payment_terms="Net 45")


def test_an_archived_property_exists_no_more(client: httpx.Client, create: Create) -> None:
    client.post(PROPERTIES, json=PO).raise_for_status()
    deal = create("deals", po_number="4711")
    assert client.delete(f"{PROPERTIES}/po_number").status_code == 204
    assert client.get(f"{PROPERTIES}/po_number").status_code == 404
    read = client.get(f"/crm/v3/objects/deals/{deal}", params={"properties": "po_number"}).json()
    assert "po_number" not in read["properties"]
    assert client.post("/crm/v3/objects/deals", json={"properties": {"po_number": "1"}}).status_code == 400


def test_hubspots_own_properties_cannot_be_changed(client: httpx.Client) -> None:
    assert client.patch(f"{PROPERTIES}/amount", json={"label": "Mine"}).status_code == 400
    assert client.delete(f"{PROPERTIES}/amount").status_code == 400


def test_a_property_of_one_object_type_is_not_anothers(client: httpx.Client) -> None:
    client.post(PROPERTIES, json=PO).raise_for_status()
    answer = client.post("/crm/v3/objects/companies", json={"properties": {"po_number": "1"}})
    assert "PROPERTY_DOESNT_EXIST" in answer.json()["message"]
