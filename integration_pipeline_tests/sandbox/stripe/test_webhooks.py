"""Webhooks: signed as Stripe's library wants it, under every valid secret, in the account's version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import stripe

from integration_pipeline_tests.sandbox.desk import Desk, desk, until
from integration_pipeline_tests.sandbox.notifications.receiver import Receiver
from integration_pipeline_tests.sandbox.stripe.conftest import OPTIONS, SECRET, Pay, library
from integration_pipeline_tests.sandbox.stripe.test_stripe_library import open_invoice


def constructed(post: tuple[Mapping[str, str], bytes], secret: str = SECRET) -> Any:
    headers, body = post
    return stripe.Webhook.construct_event(body, headers["Stripe-Signature"], secret)  # pyright: ignore[reportUnknownMemberType]


def test_stripes_library_takes_every_webhook(sandbox: Desk, receiver: Receiver, pay: Pay) -> None:
    sandbox.admin("PUT", "/webhooks", {"url": receiver.url})
    charge = pay()
    until(sandbox.delivered)

    events = [constructed(post) for post in receiver.posts]
    listed = library(sandbox.base_url).v1.events.list().data
    assert {event.id for event in events} == {event.id for event in listed}
    [told] = [event for event in events if event.type == "charge.succeeded"]
    assert told.data.object.id == charge["id"]


def test_while_a_secret_is_rotated_both_are_right_and_later_only_the_new_one(
    sandbox: Desk, receiver: Receiver, pay: Pay
) -> None:
    sandbox.admin("PUT", "/webhooks", {"url": receiver.url})
    sandbox.admin("POST", "/webhook_secrets", {"secret": "whsec_second", "expires_seconds": 3_600})
    pay()
    until(sandbox.delivered)
    during = receiver.posts[-1]
    sandbox.admin("PUT", "/clock", {"advance_seconds": 3_601})
    pay()
    until(sandbox.delivered)
    after = receiver.posts[-1]
    # The next tests know the first one.
    sandbox.admin("POST", "/webhook_secrets", {"secret": SECRET, "expires_seconds": 0})

    assert constructed(during).id == constructed(during, "whsec_second").id
    assert constructed(after, "whsec_second").id
    with pytest.raises(stripe.SignatureVerificationError):
        constructed(after)


def test_a_forged_webhook_is_not_taken(sandbox: Desk, receiver: Receiver, pay: Pay) -> None:
    sandbox.admin("PUT", "/webhooks", {"url": receiver.url, "faults": {"forged_share": 1}})
    pay()
    until(sandbox.delivered)

    refused = 0
    for post in receiver.posts:
        try:
            constructed(post)
        except stripe.SignatureVerificationError:
            refused += 1
    assert refused == len(receiver.posts) / 2


def test_a_refused_webhook_comes_again(sandbox: Desk, receiver: Receiver, pay: Pay) -> None:
    sandbox.admin("PUT", "/webhooks", {"url": receiver.url})
    receiver.answers.extend([500, 500, 500])
    pay()
    until(lambda: len(receiver.posts) >= 3)
    until(lambda: sandbox.waiting() == 3)
    sandbox.admin("PUT", "/clock", {"advance_seconds": 3_600})
    until(sandbox.delivered)

    bodies = [json.loads(body)["id"] for _, body in receiver.posts]
    assert len(bodies) == len(set(bodies)) + 3


def test_an_account_from_before_basil_gets_the_old_links_in_events_and_answers_none(
    tmp_path: Path,
) -> None:
    options = OPTIONS.model_copy(update={"api_version": "2024-06-20"})
    with desk("stripe", tmp_path, options) as old:
        client = library(old.base_url)
        invoice = open_invoice(client)
        client.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_visa"})

        [paid] = client.v1.events.list({"type": "invoice.paid"}).data
        told: Any = paid.data.object
        assert (paid.api_version, told["paid"], told["charge"][:3]) == ("2024-06-20", True, "ch_")
        assert "charge" not in client.v1.invoices.retrieve(invoice.id)
        older = client.v1.charges.list(options={"stripe_version": "2024-06-20"}).data[0].to_dict()
        assert older["invoice"] == invoice.id
