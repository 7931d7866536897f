"""Xero's webhooks: who sent them, and which organisation they are about."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.accounting.xero.signature import Forged, Proof, sign
from integration_pipeline.accounting.xero.webhooks import MalformedWebhook, read_events
from integration_pipeline_tests.vendors.xero_rig import TENANT, WEBHOOK_KEY, Organisation

OTHER = "99999999-2222-4333-8444-555555555555"


def event(**given: object) -> dict[str, Any]:
    return {
        "resourceUrl": "https://api.xero.com/api.xro/2.0/Invoices/44aa0707-f718-4f1c-8d53-f2da9ca59533",
        "resourceId": "44aa0707-f718-4f1c-8d53-f2da9ca59533",
        "eventDateUtc": "2026-11-20T09:10:28.917",
        "eventType": "UPDATE",
        "eventCategory": "INVOICE",
        "tenantId": TENANT,
        "tenantType": "ORGANISATION",
        **given,
    }


def body(*events: object) -> bytes:
    told = {"events": events, "firstEventSequence": 1, "lastEventSequence": len(events), "entropy": "S0m3"}
    return json.dumps(told).encode()


class TestSignature:
    def test_one_under_any_of_our_keys_is_xeros(self) -> None:
        proof = Proof.of({"x-xero-signature": sign("new", b"{}")})

        proof.require(["old", "new"], b"{}")

    @pytest.mark.parametrize("keys", [[], ["another"]])
    def test_one_under_no_key_of_ours_is_forged(self, keys: list[str]) -> None:
        with pytest.raises(Forged):
            Proof.of({"x-xero-signature": sign("new", b"{}")}).require(keys, b"{}")

    def test_one_of_another_body_is_forged_and_the_message_holds_no_signature(self) -> None:
        signature = sign("new", b"{}")

        with pytest.raises(Forged) as caught:
            Proof.of({"x-xero-signature": signature}).require(["new"], b"{ }")

        assert signature not in str(caught.value)

    @pytest.mark.parametrize("headers", [{}, {"x-xero-signature": ""}])
    def test_none_is_forged_before_the_body_is_read(self, headers: dict[str, str]) -> None:
        with pytest.raises(Forged):
            Proof.of(headers)

    def test_what_is_no_ascii_is_forged(self) -> None:
        with pytest.raises(Forged):
            Proof.of({"x-xero-signature": "ñ\udce9"}).require(["new"], b"{}")


class TestEvents:
    def test_an_event_names_its_organisation_and_what_happened(self) -> None:
        [read] = read_events(body(event()))

        assert (read.source, read.kind, read.external_ids) == ("xero", "INVOICE.UPDATE", (TENANT,))
        assert read.object_type is None
        assert read.occurred_at == datetime(2026, 11, 20, 9, 10, 28, 917_000, tzinfo=UTC)

    def test_events_of_several_organisations_are_told_apart(self) -> None:
        read = read_events(
            body(event(), event(tenantId=OTHER, eventCategory="CREDITNOTE", data={"Type": "x"}))
        )

        assert [each.external_ids for each in read] == [(TENANT,), (OTHER,)]

    def test_a_second_delivery_has_the_same_key_and_another_change_has_not(self) -> None:
        [one] = read_events(body(event()))
        again, later = read_events(body(event(), event(eventDateUtc="2026-11-20T09:10:28.918")))

        assert again.key == one.key
        assert later.key != one.key

    def test_an_intent_to_receive_has_no_events(self) -> None:
        assert read_events(body()) == ()

    @pytest.mark.parametrize(
        "hostile",
        [
            b"", b"[]", b"{}", b'{"events": {}}', b'{"events": [1]}', b'{"events":[],"events":[]}',
            b"\xff", b"[" * 100_000, body(event(tenantId="")), body(event(tenantId=7)),
            body(event(eventDateUtc="yesterday")), body(event(eventDateUtc="0001-01-01T00:00:00+14:00")),
            body(event(eventType="x" * 201)), body(event(resourceId=None)),
        ],
    )  # fmt: skip
    def test_what_xero_does_not_send_is_malformed_and_no_value_of_it_is_told(self, hostile: bytes) -> None:
        with pytest.raises(MalformedWebhook) as caught:
            read_events(hostile)

        assert "yesterday" not in str(caught.value)

    @given(st.binary(max_size=200) | st.recursive(
        st.none() | st.booleans() | st.text(max_size=5) | st.integers(),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["events", "tenantId", "eventType"]), inner, max_size=3),
        max_leaves=10,
    ).map(lambda value: json.dumps(value).encode()))  # fmt: skip
    def test_no_body_at_all_does_anything_but_read_or_refuse(self, hostile: bytes) -> None:
        with suppress(MalformedWebhook):
            assert isinstance(read_events(hostile), tuple)


class _Receiver(ThreadingHTTPServer):
    """Answers as Xero wants it, by what is here."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kinds: list[tuple[str, tuple[str, ...]]] = []
        self.got_some = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, _Receiver)
        told = self.rfile.read(int(self.headers["content-length"]))
        status = 200
        try:
            Proof.of({name.lower(): value for name, value in self.headers.items()}).require(
                [WEBHOOK_KEY], told
            )
            events = read_events(told)
            server.kinds += [(each.kind, each.external_ids) for each in events]
            if events:
                server.got_some.set()
        except Forged:
            status = 401
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[_Receiver]:
    with _Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_sandboxs_probes_and_events_are_answered_as_xero_wants(
    xero: Organisation, receiver: _Receiver
) -> None:
    xero.admin("PUT", "/webhooks", {"url": f"http://127.0.0.1:{receiver.server_port}/"})

    assert xero.admin("POST", "/webhooks/validate")["valid"] is True
    xero.seed(Contacts=[{"Name": "Acme"}])

    assert receiver.got_some.wait(20)
    assert receiver.kinds == [("CONTACT.CREATE", (TENANT,))]
