"""What HubSpot's events are about, and which bodies are none of HubSpot's."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.crm.hubspot.webhooks import MAX_EVENTS, MalformedWebhook, read_events
from integration_pipeline.crm.webhooks import WebhookEvent


def event(kind: str = "deal.propertyChange", **fields: Any) -> dict[str, Any]:
    """An event with the fields of HubSpot's webhook guide; None leaves one out."""
    told = {
        "eventId": 100,
        "subscriptionId": 2417,
        "portalId": 62515,
        "appId": 1001,
        "occurredAt": 1_790_000_000_123,
        "subscriptionType": kind,
        "attemptNumber": 0,
        "objectId": 4711,
        "changeSource": "CRM_UI",
        **fields,
    }
    return {name: value for name, value in told.items() if value is not None}


def read(*events: object) -> tuple[WebhookEvent, ...]:
    return read_events(json.dumps(events).encode())


def concerned(told: dict[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    [one] = read(told)
    return one.object_type and one.object_type.value, one.external_ids


@pytest.mark.parametrize("kind", ["deal", "company", "contact", "line_item", "product"])
@pytest.mark.parametrize("action", ["creation", "deletion", "propertyChange", "restore"])
def test_a_change_of_a_record_concerns_it(kind: str, action: str) -> None:
    assert concerned(event(f"{kind}.{action}")) == (kind, ("4711",))


@pytest.mark.parametrize(
    ("type_id", "kind"),
    [("0-1", "contact"), ("0-2", "company"), ("0-3", "deal"), ("0-7", "product"), ("0-8", "line_item")],
)
def test_the_generic_form_names_the_type_by_its_id(type_id: str, kind: str) -> None:
    assert concerned(event("object.propertyChange", objectTypeId=type_id)) == (kind, ("4711",))


def test_a_merge_concerns_all_records_that_were_and_are() -> None:
    merged = event("deal.merge", primaryObjectId=1, mergedObjectIds=[2, 3, 1], newObjectId=4, objectId=None)

    assert concerned(merged) == ("deal", ("1", "4", "2", "3"))


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ("DEAL_TO_CONTACT", ("deal", ("10",))),
        ("CONTACT_TO_DEAL", ("deal", ("20",))),
        ("LINE_ITEM_TO_DEAL", ("deal", ("20",))),
        ("DEAL_TO_LINE_ITEM", ("deal", ("10",))),
        ("DEAL_TO_DEAL", ("deal", ("10", "20"))),
        ("CONTACT_TO_COMPANY", ("contact", ("10",))),
        ("COMPANY_TO_CONTACT", ("company", ("10",))),
        ("TICKET_TO_CONTACT", ("contact", ("20",))),
        ("TICKET_TO_CALL", (None, ())),
    ],
)
def test_a_link_concerns_its_deals_and_else_the_end_that_is_told_about(
    ends: str, expected: tuple[str | None, tuple[str, ...]]
) -> None:
    link = {"associationType": ends, "fromObjectId": 10, "toObjectId": 20, "objectId": None}

    assert concerned(event("deal.associationChange", **link)) == expected
    assert concerned(event("object.associationChange", **link)) == expected


def test_a_link_may_name_types_by_their_ids() -> None:
    link = {"fromObjectTypeId": "0-8", "fromObjectId": 10, "toObjectTypeId": "0-3", "toObjectId": 20}

    assert concerned(event("object.associationChange", **link)) == ("deal", ("20",))


@pytest.mark.parametrize(
    "told",
    [
        event("ticket.creation"),
        event("conversation.newMessage"),
        event("deal.somethingNew"),
        event("object.creation", objectTypeId="0-5"),
        event("object.creation", objectTypeId="2-123456"),
        event("deal"),
        event("object.somethingNew"),
    ],
)
def test_what_is_of_no_use_here_is_read_all_the_same(told: dict[str, Any]) -> None:
    [one] = read(told)

    assert (one.object_type, one.external_ids, one.body) == (None, (), told)


def test_an_event_says_when_and_keeps_what_was_told() -> None:
    told = event(somethingNew={"a": [1, None, "b"]})
    [one] = read(told)

    assert (one.source, one.kind) == ("hubspot", "deal.propertyChange")
    assert one.occurred_at == datetime(2026, 9, 21, 14, 13, 20, 123_000, tzinfo=UTC)
    assert one.body == told


def test_the_older_name_of_the_subscription_type_counts() -> None:
    assert concerned(event(subscriptionType=None, eventType="deal.creation")) == ("deal", ("4711",))


@given(attempts=st.tuples(st.integers(0, 10), st.integers(0, 10)))
def test_all_deliveries_of_an_event_have_one_key(attempts: tuple[int, int]) -> None:
    first, second = (event(attemptNumber=attempt) for attempt in attempts)
    reordered = dict(reversed(second.items()))

    assert read(first)[0].key == read(reordered)[0].key


@pytest.mark.parametrize("field", ["eventId", "occurredAt", "objectId", "subscriptionId", "propertyValue"])
def test_events_that_differ_in_anything_else_have_keys_of_their_own(field: str) -> None:
    # Also those with one eventId: HubSpot does not promise that it is unique.
    assert read(event())[0].key != read({**event(), field: 5})[0].key


def test_a_hundred_events_are_read_in_their_order() -> None:
    events = read(*(event(objectId=number) for number in range(1, 101)))

    assert [each.external_ids for each in events] == [(str(number),) for number in range(1, 101)]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe[]", "not UTF-8"),
        (b"[{}", "no JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" + b"9" * 5_000 + b"]", "4300 digits"),
        (b"[1e999999999]", "number out of any sensible range"),
        (b"[NaN]", "NaN is not JSON"),
        (b'[{"objectId":1,"objectId":2}]', "two members of one name"),
        (b"{}", "array of 1 to"),
        (b"[]", "array of 1 to"),
        (json.dumps([event()] * (MAX_EVENTS + 1)).encode(), "array of 1 to"),
        (b"[1]", r"event \[0\] must be an object"),
        (json.dumps([event(), None]).encode(), r"event \[1\] must be an object"),
    ],
)
def test_what_is_no_array_of_events_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(MalformedWebhook, match=said):
        read_events(body)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("objectId", value) for value in (-1, 2**63, "4711", 1.5, True, [1], {"id": 1})],
        *[("occurredAt", value) for value in (None, -1, 253_402_300_800_000, "2026", True, 1.5)],
        *[("subscriptionType", value) for value in (None, "", 7, "deal creation", "deal.\x00", "d" * 201)],
        ("attemptNumber", -1),
        ("attemptNumber", 1_001),
        ("objectTypeId", 3),
        ("mergedObjectIds", "1"),
        ("mergedObjectIds", ["1"]),
        ("mergedObjectIds", [1] * 1_001),
        ("somethingNew", [[[[[[[[[1]]]]]]]]]),
    ],
)
def test_a_field_of_another_shape_is_refused(field: str, value: object) -> None:
    with pytest.raises(MalformedWebhook, match=r"event \[1\]"):
        read(event(), {**event(), field: value})


@pytest.mark.parametrize(
    "told",
    [
        event(objectId=None),
        event(objectId=0),
        event("deal.merge", objectId=None),
        event("deal.associationChange", associationType="DEAL_TO_CONTACT"),
        event("object.creation"),
    ],
)
def test_an_event_that_names_no_record_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(MalformedWebhook, match=r"names no record|objectTypeId is missing"):
        read(told)


def test_a_refusal_says_where_and_quotes_nothing() -> None:
    with pytest.raises(MalformedWebhook) as refused:
        read(event(objectId="secret@example.com"))

    assert str(refused.value).startswith("event [0].objectId: ")
    assert "secret" not in str(refused.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(value=json_values)
def test_any_json_is_read_or_refused(value: object) -> None:
    with suppress(MalformedWebhook):
        read_events(json.dumps(value).encode())


@given(name=st.sampled_from(sorted(event("object.merge", objectTypeId="0-3"))), value=json_values)
def test_any_value_of_any_field_is_read_or_refused(name: str, value: object) -> None:
    try:
        [one] = read({**event("object.merge", objectTypeId="0-3"), name: value})
    except MalformedWebhook:
        return
    assert all(each.isdecimal() for each in one.external_ids)
