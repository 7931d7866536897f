"""Links between records, where HubSpot's answers surprise."""

from __future__ import annotations

import httpx

from integration_pipeline_tests.sandbox.conftest import Create

BATCH = "/crm/v4/associations/deals/companies/batch"


def primary(deal: str, company: str) -> dict[str, object]:
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}]
    return {"from": {"id": deal}, "to": {"id": company}, "types": types}


def test_a_record_without_links_is_an_error_entry_of_a_207(client: httpx.Client, create: Create) -> None:
    linked, alone, company = create("deals"), create("deals"), create("companies", name="Acme")
    client.post(f"{BATCH}/create", json={"inputs": [primary(linked, company)]}).raise_for_status()

    answer = client.post(f"{BATCH}/read", json={"inputs": [{"id": linked}, {"id": alone}]})

    body = answer.json()
    assert (answer.status_code, body["numErrors"]) == (207, 1)
    assert [each["from"]["id"] for each in body["results"]] == [linked]
    assert body["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert body["errors"][0]["context"]["fromObjectId"] == [alone]


def test_a_thousand_ids_may_be_read_and_no_more(client: httpx.Client) -> None:
    inputs = [{"id": str(n)} for n in range(1, 1_001)]
    assert client.post(f"{BATCH}/read", json={"inputs": inputs}).status_code == 207
    assert client.post(f"{BATCH}/read", json={"inputs": [*inputs, {"id": "0"}]}).status_code == 400


def test_a_deal_has_one_primary_company(client: httpx.Client, create: Create) -> None:
    deal, former, latter = create("deals"), create("companies", name="A"), create("companies", name="B")
    for company in (former, latter):
        client.post(f"{BATCH}/create", json={"inputs": [primary(deal, company)]}).raise_for_status()
    linked = client.get(f"/crm/v4/objects/deals/{deal}/associations/companies").json()["results"]
    labels = {
        str(each["toObjectId"]): [kind["label"] for kind in each["associationTypes"]] for each in linked
    }
    assert labels == {former: [None], latter: ["Primary", None]}


def test_links_are_paged(client: httpx.Client, create: Create) -> None:
    deal = create("deals")
    lines = [create("line_items", name=str(n)) for n in range(3)]
    pairs = [{"from": {"id": deal}, "to": {"id": line}} for line in lines]
    client.post("/crm/v4/associations/deals/line_items/batch/associate/default", json={"inputs": pairs})

    path = f"/crm/v4/objects/deals/{deal}/associations/line_items"
    first = client.get(path, params={"limit": 2}).json()
    rest = client.get(path, params={"limit": 2, "after": first["paging"]["next"]["after"]}).json()

    assert [str(each["toObjectId"]) for each in [*first["results"], *rest["results"]]] == lines
    assert "paging" not in rest


def test_a_type_of_another_pair_of_objects_is_refused(client: httpx.Client, create: Create) -> None:
    deal, company = create("deals"), create("companies", name="Acme")
    given = primary(deal, company) | {
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 19}]
    }
    assert client.post(f"{BATCH}/create", json={"inputs": [given]}).status_code == 400


def test_removed_links_are_gone_from_both_ends(client: httpx.Client, create: Create) -> None:
    deal, company = create("deals"), create("companies", name="Acme")
    client.post(f"{BATCH}/create", json={"inputs": [primary(deal, company)]}).raise_for_status()
    gone = {"inputs": [{"from": {"id": deal}, "to": [{"id": company}]}]}
    assert client.post(f"{BATCH}/archive", json=gone).status_code == 204
    assert client.get(f"/crm/v4/objects/companies/{company}/associations/deals").json()["results"] == []
    assert client.get("/_sandbox/counts").json()["associations"] == 0


def test_the_primary_label_is_removed_without_the_link(client: httpx.Client, create: Create) -> None:
    deal, company = create("deals"), create("companies", name="Acme")
    client.post(f"{BATCH}/create", json={"inputs": [primary(deal, company)]}).raise_for_status()
    client.post(f"{BATCH}/labels/archive", json={"inputs": [primary(deal, company)]}).raise_for_status()
    [link] = client.get(f"/crm/v4/objects/deals/{deal}/associations/companies").json()["results"]
    assert [kind["typeId"] for kind in link["associationTypes"]] == [341]


def test_archiving_a_record_removes_its_links(client: httpx.Client, create: Create) -> None:
    deal, company = create("deals"), create("companies", name="Acme")
    client.post(f"{BATCH}/create", json={"inputs": [primary(deal, company)]}).raise_for_status()
    client.delete(f"/crm/v3/objects/companies/{company}").raise_for_status()
    read = client.get(f"/crm/v3/objects/deals/{deal}", params={"associations": "companies"}).json()
    assert "associations" not in read


def test_lists_embed_links_of_every_record(client: httpx.Client, create: Create) -> None:
    deal, line = create("deals"), create("line_items", name="Seat")
    create("deals")
    client.put(f"/crm/v4/objects/deals/{deal}/associations/default/line_items/{line}").raise_for_status()
    first, second = client.get("/crm/v3/objects/deals", params={"associations": "line_items"}).json()[
        "results"
    ]
    assert first["associations"]["line items"]["results"] == [{"id": line, "type": "deal_to_line_item"}]
    assert "associations" not in second


def test_labels_tell_the_types_between_two_objects(client: httpx.Client) -> None:
    labels = client.get("/crm/v4/associations/deals/companies/labels").json()["results"]
    assert {each["typeId"]: each["label"] for each in labels} == {5: "Primary", 341: None}
