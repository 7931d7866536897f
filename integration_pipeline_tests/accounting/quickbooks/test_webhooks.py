"""What Intuit announces: read in both of its forms, and only if Intuit sent it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Literal

import pytest
from pydantic import SecretStr

from integration_pipeline.accounting.quickbooks.signature import Forged, Proof, sign
from integration_pipeline.accounting.quickbooks.webhooks import MalformedWebhook, read_events
from integration_pipeline.sandbox.notifications.events import Attempt, Post
from integration_pipeline.sandbox.quickbooks.books import Change
from integration_pipeline.sandbox.quickbooks.webhooks import composer, event

TOKEN = "verifier-5ecre7"
AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
CHANGES = [
    ("111", Change("Invoice", 7, "Create", int(AT.timestamp()))),
    ("222", Change("Payment", 8, "Void", int(AT.timestamp()))),
    ("111", Change("CreditMemo", 9, "Delete", int(AT.timestamp()))),
]
FORMS: tuple[Literal["cloudevents", "legacy"], ...] = ("cloudevents", "legacy")


def posted(form: Literal["cloudevents", "legacy"]) -> Post:
    """The sandbox's request that tells of the changes."""
    events = [event(realm, change) for realm, change in CHANGES]
    return composer(form, SecretStr(TOKEN))(events, Attempt(1, AT, forged=False))


@pytest.mark.parametrize("form", FORMS)
def test_each_event_names_the_company_it_is_about(form: Literal["cloudevents", "legacy"]) -> None:
    found = read_events(posted(form).body)

    assert sorted((each.kind, each.external_ids, each.occurred_at) for each in found) == [
        ("qbo.creditmemo.deleted", ("111",), AT),
        ("qbo.invoice.created", ("111",), AT),
        ("qbo.payment.voided", ("222",), AT),
    ]
    assert {each.source for each in found} == {"quickbooks"}
    assert {each.object_type for each in found} == {None}


@pytest.mark.parametrize("form", FORMS)
def test_an_event_has_the_same_key_each_time_and_no_other_has_it(
    form: Literal["cloudevents", "legacy"],
) -> None:
    body = posted(form).body

    keys = [each.key for each in read_events(body)]

    assert keys == [each.key for each in read_events(body)]
    assert len(set(keys)) == len(CHANGES)


def test_the_same_change_in_two_companies_is_two_events() -> None:
    entity = {"name": "Invoice", "id": "1", "operation": "Update", "lastUpdated": "2026-03-01T12:30:00Z"}
    body = {
        "eventNotifications": [
            {"realmId": realm, "dataChangeEvent": {"entities": [entity]}} for realm in ("111", "222")
        ]
    }

    one, other = read_events(json.dumps(body).encode())

    assert one.key != other.key


@pytest.mark.parametrize("form", FORMS)
def test_a_request_of_intuits_is_taken_under_any_of_the_tokens(
    form: Literal["cloudevents", "legacy"],
) -> None:
    post = posted(form)
    proof = Proof.of({name.lower(): value for name, value in post.headers.items()})

    proof.require(["the old one", TOKEN], post.body)


@pytest.mark.parametrize(
    ("signature", "tokens"),
    [
        (sign("another token", b"[]"), [TOKEN]),
        (sign(TOKEN, b"[ ]"), [TOKEN]),
        ("ä", [TOKEN]),
        (sign(TOKEN, b"[]"), []),
    ],
)
def test_a_forged_request_is_told_without_its_signature(signature: str, tokens: list[str]) -> None:
    with pytest.raises(Forged) as caught:
        Proof.of({"intuit-signature": signature}).require(tokens, b"[]")

    assert signature not in str(caught.value)


@pytest.mark.parametrize("headers", [{}, {"intuit-signature": ""}, {"intuit-signature": "x" * 1_000}])
def test_a_request_without_a_signature_is_forged(headers: dict[str, str]) -> None:
    with pytest.raises(Forged, match="no intuit-signature"):
        Proof.of(headers)


GOOD = {
    "id": "1",
    "type": "qbo.invoice.created.v1",
    "time": "2026-03-01T12:30:00Z",
    "intuitentityid": "7",
    "intuitaccountid": "111",
}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        "7",
        "[7]",
        '{"eventNotifications": 7}',
        '{"eventNotifications": [{"realmId": "x", "dataChangeEvent": {"entities": []}}]}',
        '{"eventNotifications": [{"realmId": "1"}]}',
        json.dumps([{**GOOD, "intuitaccountid": "../1"}]),
        json.dumps([{**GOOD, "time": "yesterday"}]),
        json.dumps([{**GOOD, "time": "2026-03-01T12:30:00"}]),
        json.dumps([{**GOOD, "time": "0001-01-01T00:00:00+14:00"}]),
        json.dumps([{**GOOD, "type": "com.example"}]),
        json.dumps([{**GOOD, "data": [[[[[[[[[[]]]]]]]]]]}]),
        json.dumps([GOOD] * 1_001),
        "[" * 100_000,
    ],
)
def test_what_is_in_no_form_of_intuits_is_told_as_malformed(body: str) -> None:
    with pytest.raises(MalformedWebhook):
        read_events(body.encode())


def test_a_kind_nobody_knows_yet_is_an_event_as_well() -> None:
    [found] = read_events(json.dumps([{**GOOD, "type": "qbo.newthing.emailed.v2"}]).encode())

    assert (found.kind, found.external_ids) == ("qbo.newthing.emailed", ("111",))
