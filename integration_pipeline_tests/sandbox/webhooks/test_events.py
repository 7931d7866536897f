"""Which changes become which events."""

from __future__ import annotations

from typing import Any

import httpx

from integration_pipeline_tests.sandbox.webhooks.conftest import Receiver, Subscribe

OBJECTS = "/crm/v3/objects"
SHARED = {"eventId", "subscriptionId", "portalId", "appId", "occurredAt", "subscriptionType"} | {
    "changeSource",
    "attemptNumber",
}


def without_shared(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in SHARED}


def test_a_changed_property_is_told_with_hubspots_fields(
    client: httpx.Client, create: Any, receiver: Receiver, subscribe: Subscribe
) -> None:
    deal = create("deals", dealstage="contractsent")
    subscribe("deal.propertyChange:dealstage", app_id=7, portal_id=8)
    answer = client.patch(f"{OBJECTS}/deals/{deal}", json={"properties": {"dealstage": "closedwon"}}).json()
    [event] = receiver.events(1)
    occurred_at = event.pop("occurredAt")
    assert answer["updatedAt"].endswith(f"{occurred_at % 1000:03d}Z") or occurred_at % 1000 == 0
    assert event == {
        "objectId": int(deal),
        "propertyName": "dealstage",
        "propertyValue": "closedwon",
        "changeSource": "INTEGRATION",
        "eventId": 1,
        "subscriptionId": 1,
        "portalId": 8,
        "appId": 7,
        "subscriptionType": "deal.propertyChange",
        "attemptNumber": 0,
    }


def test_a_property_that_follows_from_another_is_told_and_a_cleared_one_is_empty(
    client: httpx.Client, create: Any, receiver: Receiver, subscribe: Subscribe
) -> None:
    deal = create("deals", dealstage="contractsent", amount="5")
    subscribe("deal.propertyChange:hs_is_closed_won", "deal.propertyChange:amount")
    client.patch(f"{OBJECTS}/deals/{deal}", json={"properties": {"dealstage": "closedwon", "amount": ""}})
    told = {event["propertyName"]: event["propertyValue"] for event in receiver.events(2)}
    assert told == {"hs_is_closed_won": "true", "amount": ""}


def test_a_new_record_is_told_together_with_the_values_it_came_with(
    create: Any, receiver: Receiver, subscribe: Subscribe
) -> None:
    subscribe("company.creation", "company.propertyChange:domain")
    company = create("companies", name="Acme", domain="acme.example")
    created, named = receiver.events(2)
    assert created["subscriptionType"] == "company.creation"
    assert without_shared(created) == {"objectId": int(company)}
    assert (named["propertyName"], named["propertyValue"]) == ("domain", "acme.example")


def test_archiving_is_a_deletion_once(
    client: httpx.Client, create: Any, receiver: Receiver, subscribe: Subscribe
) -> None:
    subscribe("line_item.deletion")
    first, second = create("line_items"), create("line_items")
    client.delete(f"{OBJECTS}/line_items/{first}")
    client.delete(f"{OBJECTS}/line_items/{first}")
    client.post(f"{OBJECTS}/line_items/batch/archive", json={"inputs": [{"id": first}, {"id": second}]})
    assert [event["objectId"] for event in receiver.events(2)] == [int(first), int(second)]


def test_a_merge_names_both_records_and_is_no_deletion(
    client: httpx.Client, create: Any, receiver: Receiver, subscribe: Subscribe
) -> None:
    stays, goes = (
        create("contacts", firstname="A"),
        create("contacts", firstname="B", lastname="C", phone="1"),
    )
    subscribe("contact.merge", "contact.deletion", "contact.propertyChange:lastname")
    client.post(f"{OBJECTS}/contacts/merge", json={"primaryObjectId": stays, "objectIdToMerge": goes})
    changed, merged = receiver.events(2)
    assert (changed["objectId"], changed["propertyValue"]) == (int(stays), "C")
    assert without_shared(merged) == {
        "objectId": int(stays),
        "primaryObjectId": int(stays),
        "mergedObjectIds": [int(goes)],
        "newObjectId": int(stays),
        "numberOfPropertiesMoved": 2,
    }


def test_a_link_is_told_in_both_directions_to_whom_asked(
    client: httpx.Client, create: Any, receiver: Receiver, subscribe: Subscribe
) -> None:
    deal, company = create("deals"), create("companies")
    subscribe("deal.associationChange", "company.associationChange")
    primary = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}]
    link = f"/crm/v4/objects/deals/{deal}/associations/companies/{company}"
    client.put(link, json=primary)
    client.put(link, json=primary)
    client.delete(link)
    events = receiver.events(4)
    assert [without_shared(event) for event in events] == [
        {
            "associationType": f"{there}_TO_{back}",
            "fromObjectId": int(one),
            "toObjectId": int(other),
            "associationRemoved": removed,
            "isPrimaryAssociation": True,
        }
        for removed in (False, True)
        for there, back, one, other in (
            ("DEAL", "COMPANY", deal, company),
            ("COMPANY", "DEAL", company, deal),
        )
    ]


def test_links_made_and_removed_in_batches_are_told(
    client: httpx.Client, create: Any, receiver: Receiver, subscribe: Subscribe
) -> None:
    deal, item, company = create("deals"), create("line_items"), create("companies")
    subscribe("deal.associationChange")
    pair = {"from": {"id": deal}, "to": {"id": item}}
    client.post("/crm/v4/associations/deals/line_items/batch/associate/default", json={"inputs": [pair]})
    archived = {"inputs": [{"from": {"id": deal}, "to": [{"id": item}]}]}
    client.post("/crm/v4/associations/deals/line_items/batch/archive", json=archived)
    primary = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}
    labelled = {"inputs": [{"from": {"id": deal}, "to": {"id": company}, "types": [primary]}]}
    client.post("/crm/v4/associations/deals/companies/batch/create", json=labelled)
    client.post("/crm/v4/associations/deals/companies/batch/labels/archive", json=labelled)
    told = [
        (event["toObjectId"], event["associationRemoved"], event["isPrimaryAssociation"])
        for event in receiver.events(4)
    ]
    assert told == [
        (int(item), False, False),
        (int(item), True, False),
        (int(company), False, True),
        (int(company), True, True),
    ]


def test_a_record_created_with_its_links_tells_of_both(
    client: httpx.Client, create: Any, receiver: Receiver, subscribe: Subscribe
) -> None:
    contact = create("contacts")
    subscribe("deal.creation", "deal.associationChange")
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}]
    linked = [{"to": {"id": contact}, "types": types}]
    client.post(f"{OBJECTS}/deals", json={"properties": {}, "associations": linked})
    assert [event["subscriptionType"] for event in receiver.events(2)] == [
        "deal.creation",
        "deal.associationChange",
    ]


def test_the_generic_form_names_the_object_type(
    client: httpx.Client, create: Any, receiver: Receiver, subscribe: Subscribe
) -> None:
    generic = {"eventType": "object.propertyChange", "objectTypeId": "0-3", "propertyName": "amount"}
    subscribe(subscriptions=[generic])
    create("line_items", price="3")
    deal = create("deals", amount="12")
    [event] = receiver.events(1)
    assert (event["subscriptionType"], event["objectTypeId"]) == ("object.propertyChange", "0-3")
    assert (event["objectId"], event["propertyValue"]) == (int(deal), "12")


def test_batches_tell_of_every_record_and_their_events_share_an_event_id(
    client: httpx.Client, receiver: Receiver, subscribe: Subscribe
) -> None:
    subscribe("product.propertyChange:name")
    new = {"inputs": [{"properties": {"name": name}} for name in "ab"]}
    made = client.post(f"{OBJECTS}/products/batch/create", json=new).json()["results"]
    changes = {"inputs": [{"id": each["id"], "properties": {"name": "c"}} for each in made]}
    client.post(f"{OBJECTS}/products/batch/update", json=changes)
    events = receiver.events(4)
    assert [event["propertyValue"] for event in events] == ["a", "b", "c", "c"]
    assert [event["eventId"] for event in events] == [1, 1, 3, 3]


def test_an_upsert_is_a_creation_or_a_change(
    client: httpx.Client, receiver: Receiver, subscribe: Subscribe
) -> None:
    subscribe("contact.creation", "contact.propertyChange:firstname")
    for name in ("Ann", "Anna"):
        one = {"id": "a@example.com", "idProperty": "email", "properties": {"firstname": name}}
        client.post(f"{OBJECTS}/contacts/batch/upsert", json={"inputs": [one]})
    assert [event.get("propertyValue") for event in receiver.events(3)] == [None, "Ann", "Anna"]


def test_a_refused_input_tells_nothing_while_the_rest_of_its_batch_does(
    client: httpx.Client, receiver: Receiver, subscribe: Subscribe, settled: Any
) -> None:
    subscribe("deal.creation")
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}]
    inputs: list[dict[str, object]] = [
        {"properties": {"amount": amount}, "objectWriteTraceId": amount} for amount in ("1", "x", "2", "3")
    ]
    # Refused for its link, when the record is there already.
    inputs[2]["associations"] = [{"to": {"id": "999"}, "types": types}]
    answer = client.post(f"{OBJECTS}/deals/batch/create", json={"inputs": inputs}).json()
    untraced = {"inputs": [{"properties": {"amount": amount}} for amount in ("1", "x")]}
    assert client.post(f"{OBJECTS}/deals/batch/create", json=untraced).status_code == 400
    told = [event["objectId"] for event in receiver.events(2)]
    assert told == [int(record["id"]) for record in answer["results"]]
    assert len(settled()) == 2


def test_nothing_is_sent_that_nobody_subscribed_to(
    client: httpx.Client, create: Any, receiver: Receiver, subscribe: Subscribe, settled: Any
) -> None:
    deal = create("deals", dealstage="contractsent")
    inactive = {"eventType": "deal.creation", "active": False}
    wanted = {"eventType": "deal.propertyChange", "propertyName": "dealstage"}
    subscribe(subscriptions=[inactive, wanted])
    create("deals", dealname="no stage")
    create("companies", name="another type")
    for properties in (
        {"dealname": "another property"},
        {"dealstage": "contractsent"},
        {"dealstage": "closedlost"},
    ):
        client.patch(f"{OBJECTS}/deals/{deal}", json={"properties": properties})
    [event] = receiver.events(1)
    assert event["propertyValue"] == "closedlost"
    assert [(entry["object_id"], entry["type"]) for entry in settled()] == [
        (int(deal), "deal.propertyChange")
    ]
