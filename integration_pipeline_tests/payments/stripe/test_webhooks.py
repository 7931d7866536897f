"""What Stripe announces: events by their id, and which object each leads to."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from integration_pipeline.payments.stripe.webhooks import (
    EVENT_TYPES,
    MalformedWebhook,
    Target,
    read_events,
    target_of,
)
from integration_pipeline.transport.failures import Attempted
from integration_pipeline.transport.shapes import Json
from integration_pipeline_tests.vendors.openapi import vendor_spec

_ATTEMPTED = Attempted("stripe", "POST", "/webhooks/stripe", is_write=False)


def event(**changes: object) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "type": "charge.succeeded",
        "created": 1_790_000_000,
        "data": {"object": {"id": "ch_1", "object": "charge"}},
        **changes,
    }


def test_an_event_is_known_by_its_id() -> None:
    [read] = read_events(json.dumps(event()).encode())

    assert (read.source, read.key, read.kind) == ("stripe", "evt_1", "charge.succeeded")
    assert read.occurred_at == datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
    assert read.external_ids == ()


def test_an_event_of_a_connected_account_names_it() -> None:
    [read] = read_events(json.dumps(event(account="acct_7")).encode())

    assert read.external_ids == ("acct_7",)


@pytest.mark.parametrize(
    ("kind", "body", "target"),
    [
        ("charge.updated", {"id": "ch_1"}, Target("charge", "ch_1")),
        ("charge.refunded", {"id": "ch_1"}, Target("refunds of charge", "ch_1")),
        ("refund.failed", {"id": "re_1"}, Target("refund", "re_1")),
        ("charge.dispute.closed", {"id": "du_1"}, Target("dispute", "du_1")),
        ("payout.paid", {"id": "po_1"}, Target("payout", "po_1")),
        (
            "invoice_payment.paid",
            {"id": "inpay_1", "payment": {"type": "payment_intent", "payment_intent": "pi_1"}},
            Target("payment_intent", "pi_1"),
        ),
        ("invoice_payment.paid", {"id": "inpay_1", "payment": {"type": "payment_record"}}, None),
        ("customer.created", {"id": "cus_1"}, None),
    ],
)
def test_an_event_leads_to_the_object_that_is_to_be_read(
    kind: str, body: dict[str, object], target: Target | None
) -> None:
    told = event(type=kind, data={"object": body})

    assert target_of(Json(told, _ATTEMPTED)) == target


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"id": "evt_1", "id": "evt_2"}',
        json.dumps(event(id="ch_1")).encode(),
        json.dumps(event(object="charge")).encode(),
        json.dumps(event(created="now")).encode(),
        json.dumps(event(created=10**15)).encode(),
        json.dumps(event(type="charge succeeded\n")).encode(),
    ],
)
def test_a_body_that_is_no_event_is_refused_without_repeating_it(body: bytes) -> None:
    with pytest.raises(MalformedWebhook) as caught:
        read_events(body)

    assert "evt_2" not in str(caught.value)


def test_the_types_asked_for_are_stripes_and_not_too_many() -> None:
    document = json.loads(vendor_spec("stripe/derived-from-stripe-python-16.1.0.json").read_text())

    assert set(EVENT_TYPES) <= set(document["event_types"])
    assert len(EVENT_TYPES) <= 20
