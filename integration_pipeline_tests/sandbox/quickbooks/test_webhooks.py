"""Webhooks: what tells of which change, how it is written and signed."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline_tests.sandbox.notifications.receiver import Receiver
from integration_pipeline_tests.sandbox.quickbooks.conftest import (
    OPTIONS,
    UK,
    US,
    Api,
    Connect,
    Sandbox,
    lines,
)

_LONG = 10


@pytest.fixture
def receiver(sandbox: Sandbox) -> Iterator[Receiver]:
    """Gets the webhooks of the sandbox."""
    made = Receiver()
    sandbox.admin("PUT", "/webhooks", {"url": made.url})
    yield made
    sandbox.admin("PUT", "/webhooks", {"url": None})
    made.stop()


def _settled(sandbox: Sandbox) -> None:
    end = time.monotonic() + _LONG
    while True:
        queue = sandbox.admin("GET", "/webhooks/queue")
        if not (queue["open"] or queue["duplicates"] or queue["requests"]):
            return
        assert time.monotonic() < end, queue
        time.sleep(0.005)


def _events(sandbox: Sandbox, receiver: Receiver) -> list[Mapping[str, Any]]:
    _settled(sandbox)
    return [event for body in receiver.bodies for event in body]


def test_a_new_invoice_is_told_of_as_a_cloud_event(api: Api, receiver: Receiver) -> None:
    customer = api.customer()
    invoice = api.invoice(customer, "1.00")["Id"]
    told = _events(api.sandbox, receiver)
    assert [(each["type"], each["intuitentityid"]) for each in told] == [
        ("qbo.customer.created.v1", customer),
        ("qbo.invoice.created.v1", invoice),
    ]
    assert {each["intuitaccountid"] for each in told} == {US}
    assert {each["specversion"] for each in told} == {"1.0"}
    assert len({each["id"] for each in told}) == 2


def test_a_post_is_signed_with_the_verifier_token(api: Api, receiver: Receiver) -> None:
    api.customer()
    _settled(api.sandbox)
    headers, body = receiver.posts[0]
    expected = base64.b64encode(hmac.digest(b"verifier", body, "sha256")).decode()
    assert headers["intuit-signature"] == expected


def test_a_forgery_has_another_signature(api: Api, receiver: Receiver) -> None:
    api.sandbox.admin("PUT", "/webhooks", {"faults": {"forged_share": 1}})
    api.customer()
    _settled(api.sandbox)
    signed = [
        headers["intuit-signature"] == base64.b64encode(hmac.digest(b"verifier", body, "sha256")).decode()
        for headers, body in receiver.posts
    ]
    assert signed == [True, False]


def test_a_payment_tells_of_the_invoice_it_settles(api: Api, receiver: Receiver) -> None:
    customer = api.customer()
    invoice = api.invoice(customer, "1.00")["Id"]
    api.payment(customer, "1.00", ("Invoice", invoice, "1.00"))
    told = [each["type"] for each in _events(api.sandbox, receiver)]
    assert sorted(told[2:]) == ["qbo.invoice.updated.v1", "qbo.payment.created.v1"]


def test_void_delete_and_edits_by_a_person_are_told_of(api: Api, receiver: Receiver) -> None:
    customer = api.customer()
    first, second = (api.invoice(customer, "1.00")["Id"] for _ in range(2))
    api.make("Invoice", {"Id": first, "SyncToken": "0"}, operation="void")
    edit = {"realm": US, "entity": "Invoice", "id": second}
    api.sandbox.admin("POST", "/edit", {**edit, "change": {"PrivateNote": "x"}})
    api.sandbox.admin("POST", "/edit", {**edit, "operation": "delete"})
    told = [each["type"].split(".")[2] for each in _events(api.sandbox, receiver)]
    assert told[3:] == ["voided", "updated", "deleted"]


def test_what_failed_is_not_told_of(api: Api, receiver: Receiver) -> None:
    body = {"CustomerRef": {"value": api.customer()}, "Line": lines("1.00"), "DocNumber": "A"}
    items = [{"bId": str(n), "operation": "create", "Invoice": body} for n in (1, 2)]
    api.call("POST", "/batch", {"BatchItemRequest": items})
    assert [each["type"] for each in _events(api.sandbox, receiver)].count("qbo.invoice.created.v1") == 1


def test_one_post_may_tell_of_several_companies(api: Api, connect: Connect, receiver: Receiver) -> None:
    # Blocks the queue until the clock is moved on, so that the others gather.
    receiver.answers.extend([500, 500])
    api.customer("A")
    end = time.monotonic() + _LONG
    while len(receiver.posts) < 2:
        assert time.monotonic() < end
        time.sleep(0.005)
    api.customer("B")
    connect(UK).customer("C")
    api.sandbox.admin("PUT", "/clock", {"advance_seconds": 10})
    _settled(api.sandbox)
    assert [each["intuitaccountid"] for each in receiver.bodies[-1]] == [US, US, UK]


@pytest.fixture
def legacy(tmp_path: Path) -> Iterator[VendorProcess]:
    options = OPTIONS.model_copy(update={"webhook_form": "legacy"})
    with VendorProcess("quickbooks", tmp_path, options) as started:
        yield started


def test_the_older_form_groups_by_company(legacy: VendorProcess, http: httpx.Client) -> None:
    sandbox = Sandbox(legacy, http)
    receiver = Receiver()
    sandbox.admin("PUT", "/webhooks", {"url": receiver.url})
    identifier = Api(sandbox, http, US).customer()
    _settled(sandbox)
    receiver.stop()
    [notification] = receiver.bodies[0]["eventNotifications"]
    [entity] = notification["dataChangeEvent"]["entities"]
    assert notification["realmId"] == US
    assert (entity["name"], entity["id"], entity["operation"]) == ("Customer", identifier, "Create")
