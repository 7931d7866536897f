"""Webhooks: who is told of what, how it is signed, intent to receive, and when they are switched off."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from integration_pipeline_tests.sandbox.xero.conftest import KEY, TENANT, Admin, Api, Json, sale
from integration_pipeline_tests.vendors.openapi import Document, vendor_spec

DAY = 86_400


def signed_right(body: bytes, signature: str) -> bool:
    expected = base64.b64encode(hmac.digest(KEY.encode(), body, hashlib.sha256)).decode()
    return hmac.compare_digest(expected, signature)


class Receiver:
    """Answers as `answers` says for (body, whether it is signed right): status and body."""

    def __init__(self) -> None:
        self.answers: Callable[[bool], tuple[int, bytes]] = lambda right: (200 if right else 401, b"")
        self.posts: list[tuple[Json, bool]] = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/xero"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, ready: Callable[[list[tuple[Json, bool]]], bool]) -> list[tuple[Json, bool]]:
        with self._changed:
            assert self._changed.wait_for(lambda: ready(self.posts), timeout=20), self.posts
            return list(self.posts)

    def events(self, count: int) -> list[Json]:
        """All events so far, as soon as there are so many."""

        def all_of(posts: list[tuple[Json, bool]]) -> list[Json]:
            return [event for post, right in posts if right for event in post["events"]]

        return all_of(self.wait(lambda posts: len(all_of(posts)) >= count))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                right = signed_right(body, self.headers["x-xero-signature"])
                with receiver._changed:
                    receiver.posts.append((json.loads(body), right))
                    status, answer = receiver.answers(right)
                    receiver._changed.notify_all()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        return Handler


@pytest.fixture
def receiver(admin: Admin, api: Api) -> Iterator[Receiver]:
    running = Receiver()
    admin("PUT", "/webhooks", {"url": running.url})
    yield running
    running.close()


def categories(events: list[Json]) -> list[tuple[str, str]]:
    return sorted((event["eventCategory"], event["eventType"]) for event in events)


def test_a_new_invoice_is_told_with_its_new_contact(api: Api, receiver: Receiver) -> None:
    invoice = api.invoice()
    events = receiver.events(2)

    assert categories(events) == [("CONTACT", "CREATE"), ("INVOICE", "CREATE")]
    told = next(event for event in events if event["eventCategory"] == "INVOICE")
    assert told["resourceId"] == invoice["InvoiceID"]
    assert told["resourceUrl"].endswith(f"/api.xro/2.0/Invoices/{invoice['InvoiceID']}")
    assert (told["tenantId"], told["tenantType"]) == (TENANT, "ORGANISATION")


def test_a_payment_is_told_as_an_update_of_its_invoice(api: Api, receiver: Receiver) -> None:
    invoice = api.invoice()
    receiver.events(2)
    api.put(
        "Payments", {"Invoice": {"InvoiceID": invoice["InvoiceID"]}, "Account": {"Code": "090"}, "Amount": 1}
    )

    assert categories(receiver.events(3))[-1] == ("INVOICE", "UPDATE")


def test_a_credit_note_tells_its_type_and_status(api: Api, receiver: Receiver) -> None:
    api.credit_note()
    told = next(event for event in receiver.events(2) if event["eventCategory"] == "CREDITNOTE")
    assert told["data"] == {"Type": "ACCRECCREDIT", "Status": "AUTHORISED"}


def test_posts_follow_xeros_document(api: Api, receiver: Receiver) -> None:
    document = Document.of(vendor_spec("xero/xero-webhooks.yaml"))
    api.credit_note()
    receiver.events(2)

    assert [document.schema_problems("WebhookEvent", post) for post, _ in receiver.posts] == [
        [] for _ in receiver.posts
    ]


def test_sequences_number_the_events(api: Api, receiver: Receiver) -> None:
    for _ in range(5):
        api.invoice()
    receiver.events(6)

    spans = sorted((post["firstEventSequence"], post["lastEventSequence"]) for post, _ in receiver.posts)
    assert [first for first, _ in spans] == [1, *(last + 1 for _, last in spans[:-1])]
    assert spans[-1][1] == 6


def test_what_was_refused_is_not_told(api: Api, receiver: Receiver) -> None:
    ghost = {"Type": "ACCREC", "Contact": {"Name": "Ghost"}, "Status": "SUBMITTED"}
    api.put("Invoices", ghost, sale(Contact={"Name": "Real"}), summarizeErrors="false")
    last = api.put("Contacts", {"Name": "Last"}).one("Contacts")

    events = receiver.wait(lambda posts: last["ContactID"] in str(posts))
    assert sum(len(post["events"]) for post, _ in events) == 3


def test_a_repeated_request_is_not_told_again(api: Api, receiver: Receiver) -> None:
    body = {"Contacts": [{"Name": "Acme"}]}
    for _ in range(2):
        api.call("PUT", "/Contacts", body, Idempotency_Key="k")
    api.put("Contacts", {"Name": "Last"})

    assert len(receiver.events(2)) == 2


def test_intent_to_receive_wants_wrong_signatures_refused(admin: Admin, receiver: Receiver) -> None:
    assert admin("POST", "/webhooks/validate")["valid"] is True
    assert sorted(right for _, right in receiver.posts) == [False, False, True, True]
    assert all(post["events"] == [] and post["firstEventSequence"] == 0 for post, _ in receiver.posts)

    receiver.answers = lambda _: (200, b"")

    told = admin("POST", "/webhooks/validate")
    assert told["valid"] is False
    assert told["answers"][1] == {"signed_right": False, "status": 200}


def test_a_forged_post_is_signed_by_nobody(admin: Admin, api: Api, receiver: Receiver) -> None:
    admin("PUT", "/webhooks", {"faults": {"forged_share": "1"}})
    api.put("Contacts", {"Name": "Acme"})

    posts = receiver.wait(lambda posts: len(posts) >= 2)

    assert sorted(right for _, right in posts) == [False, True]


def test_an_answer_with_a_body_is_no_acknowledgement(admin: Admin, api: Api, receiver: Receiver) -> None:
    receiver.answers = lambda _: (200, b"ok")
    api.put("Contacts", {"Name": "Acme"})

    # Again at once, and then after a quarter of an hour.
    _until(lambda: len(admin("GET", "/webhooks/deliveries")["deliveries"]) == 2)
    receiver.answers = lambda _: (200, b"")
    admin("PUT", "/clock", {"advance_seconds": 901})
    receiver.wait(lambda posts: len(posts) == 3)


def test_after_a_day_of_failures_webhooks_are_off_and_nothing_is_lost(
    admin: Admin, api: Api, receiver: Receiver
) -> None:
    receiver.answers = lambda _: (500, b"")
    api.put("Contacts", {"Name": "Acme"})
    admin("PUT", "/clock", {"speed": "100000"})
    try:
        receiver.wait(lambda posts: len(posts) >= 98)
        _until(lambda: admin("GET", "/webhooks/queue")["enabled"] is False)
    finally:
        admin("PUT", "/clock", {"speed": "1"})
    receiver.answers = lambda right: (200 if right else 401, b"")
    receiver.posts.clear()

    admin("PUT", "/webhooks", {"url": receiver.url})

    assert categories(receiver.events(1)) == [("CONTACT", "CREATE")]


def _until(true: Callable[[], Any]) -> None:
    """Ask again and again until it is so."""
    for _ in range(10_000):
        if true():
            return
    raise AssertionError("it did not become so")
